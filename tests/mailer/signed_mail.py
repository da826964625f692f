"""Signed letters as a server receives them: the ledger, the real press, keys from files, children that sign, SMTP."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import update

from broadsheet import clock, outgoing, rotation
from broadsheet.children import Children
from broadsheet.dkim_keys import KeyFolder, StoredKey
from broadsheet.signing import Signing
from ground.database import Database
from ground.tokens import KeyRing
from mailer import dkim_record, ledger
from mailer.deliveries import Delivery
from mailer.dispatch import Dispatcher
from mailer.letter import Compiled
from mailer.letters import Lane, Variant
from mailer.lines import Way
from mailer.message import Mint
from mailer.transports.route import Route, Tls
from mailer.transports.smtp import SmtpTransport
from tests.mailer import builders

DOMAIN = "zagroscourier.example"


def signing_keys(folder: KeyFolder, now: datetime, domain: str = DOMAIN) -> list[StoredKey]:
    """A pair that signs from now on."""
    rotation.new_pair(folder, domain, now=now)
    done = rotation.rotate(folder, domain, found=(), now=now)
    assert not isinstance(done, rotation.Refused)
    return done.signing


def records(keys: Sequence[StoredKey]) -> dict[str, str]:
    """What DNS would show for these keys."""
    return {key.name.record_name: dkim_record.text(key.name, key.public) for key in keys}


class _Server:
    """Keeps what it is given, byte by byte."""

    def __init__(self) -> None:
        self.received: list[bytes] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        assert isinstance(envelope.original_content, bytes)
        self.received.append(envelope.original_content)
        return "250 2.0.0 Ok"


async def deliver(
    found: Compiled, values: dict[str, str], count: int, database: Database, folder: KeyFolder
) -> list[bytes]:
    """Send `count` copies of a letter by a real dispatcher to a real server; what it received."""
    now = clock.now().replace(microsecond=0)
    with database.write() as session:
        builders.letter(session, count, now=now)
        variant = Variant(digest="1" * 64, language="en", compiled=found.to_bytes(), created_at=now)
        session.add(variant)
        session.flush()
        session.execute(update(Delivery).values(variant_id=variant.id, fields=values))
    server = _Server()
    listening = await asyncio.get_running_loop().create_server(lambda: SMTP(server), "127.0.0.1", 0)
    children = Children(workers=1)
    mint = Mint(
        keys=KeyRing({"a": b"a key for tests, thirty-two bytes"}, "a"),
        base_url="https://news.zagroscourier.example",
        message_domain=DOMAIN,
        bounce_domain=f"bounces.{DOMAIN}",
    )
    press = outgoing.press(mint, Signing(folder, lambda: children, hands=1))
    port = listening.sockets[0].getsockname()[1]
    transport = SmtpTransport(Route(host="127.0.0.1", port=port, tls=Tls.NONE, helo="news.test", connections=5))
    ways = {Lane.BULK: [Way(transport=transport)]}
    sender = Dispatcher(database, ways, press, clock=clock.now, owner="worker-1", rng=random.Random(7))
    try:
        with database.read() as session:
            due = ledger.due_batches(session, Lane.BULK, now=clock.now(), limit=10)
        for batch in due:
            await sender.send_batch(batch)
        await sender.close()
    finally:
        children.shutdown()
        listening.close()
    return server.received


def a_database(template: Path, folder: Path) -> Database:
    shutil.copy(template, folder / "broadsheet.sqlite3")
    return Database(f"sqlite:///{folder / 'broadsheet.sqlite3'}")
