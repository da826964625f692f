"""A relay whose TLS is missing, broken or somebody else's: nothing is said in clear text, and no reader pays for it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from ground.database import Database
from mailer import ledger
from mailer.deliveries import Delivery, State
from mailer.envelope import Envelope
from mailer.letters import Lane
from mailer.transports import Result, Stage
from mailer.transports.route import Route, Timeouts, Tls
from mailer.transports.smtp import SmtpTransport
from tests.faults.certificates import Authority
from tests.mailer import builders
from tests.mailer.doubles import DROP, ScriptedServer, dispatcher

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("mode")]

COUNT = 5
BRIEF = Timeouts(greeting=1.0, opening=2.0, mail=1.0, rcpt=1.0, data=1.0, dot=1.0, noop=1.0)
PATIENT = Timeouts(greeting=20.0, opening=40.0, mail=20.0, rcpt=20.0, data=20.0, dot=20.0, noop=20.0)
OFFERED = "250-mx.test\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS"
INSIDE = "250-mx.test\r\n250 AUTH PLAIN LOGIN"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def relay(**script: str) -> ScriptedServer:
    """A relay as it should be, apart from what the script says."""
    well = {"EHLO": OFFERED, "EHLO inside": INSIDE, "STARTTLS": "220 2.0.0 Go ahead", "AUTH": "235 2.7.0 Welcome"}
    return ScriptedServer(**{**well, **script})


def to(server: ScriptedServer, authority: Authority, tls: Tls = Tls.STARTTLS) -> Route:
    return Route(
        host="localhost",
        port=server.port,
        tls=tls,
        trusted_ca=authority.file,
        username="desk",
        password="open sesame",
        helo="news.test",
        connections=2,
        timeouts=PATIENT,
    )


async def send_due(database: Database, route: Route, now: datetime) -> None:
    sender = dispatcher(database, SmtpTransport(route), clock=lambda: now)
    with database.read() as session:
        due = ledger.due_batches(session, Lane.BULK, now=now, limit=10)
    assert due, "nothing is due"
    for batch in due:
        await sender.send_batch(batch)
    await sender.close()


def found(database: Database) -> tuple[dict[State, int], int]:
    """How many deliveries are in which state, and the most attempts any of them has made."""
    with database.read() as session:
        assert ledger.verify(session) == []
        [letter_id] = session.scalars(select(Delivery.letter_id).distinct()).all()
        states = {state: number for state, number in ledger.counts(session, letter_id).items() if number}
        return states, session.scalars(select(func.max(Delivery.attempt))).one()


BROKEN = {
    "not offered": relay(EHLO="250-mx.test\r\n250 AUTH PLAIN LOGIN"),
    "not now": relay(STARTTLS="454 4.7.0 TLS not available"),
    "refused": relay(STARTTLS="502 5.5.1 What?"),
    "no handshake": relay(STARTTLS="220 2.0.0 Go ahead\r\nthis is no handshake"),
    "dropped": relay(STARTTLS=DROP),
}


@pytest.mark.parametrize("server", BROKEN.values(), ids=BROKEN.keys())
async def test_where_tls_does_not_come_about_nothing_is_said_and_the_mail_waits(
    database: Database, now: datetime, authority: Authority, server: ScriptedServer
) -> None:
    with database.write() as session:
        builders.letter(session, COUNT, now=now)
    async with server.running():
        await send_due(database, to(server, authority), now)
    assert found(database) == ({State.READY: COUNT}, 0)
    said = b"".join(server.clear)
    assert b"EHLO news.test" in said
    for secret in (b"AUTH", b"MAIL", b"RCPT", b"DATA", b"reader-", b"hello"):
        assert secret not in said
    assert server.messages == []


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
@pytest.mark.parametrize("why", ["another name", "expired", "unknown authority"])
async def test_a_certificate_that_is_not_the_relays_gets_no_word_and_a_sound_one_gets_the_mail(
    database: Database, now: datetime, authority: Authority, tmp_path: Path, tls: Tls, why: str
) -> None:
    wrong = {
        "another name": authority.serving("elsewhere.example"),
        "expired": authority.serving(expired=True),
        "unknown authority": Authority(tmp_path, "theirs").serving(),
    }[why]
    with database.write() as session:
        builders.letter(session, COUNT, now=now)
    server = relay()
    server.tls = wrong
    async with server.running(implicit=tls is Tls.IMPLICIT):
        await send_due(database, to(server, authority, tls), now)
    assert found(database) == ({State.READY: COUNT}, 0)
    assert {line.split()[0] for line in server.clear} <= {b"EHLO", b"STARTTLS"}
    with database.read() as session:
        told = session.scalars(select(Delivery.reply).where(Delivery.reply.is_not(None)).limit(1)).one()
        assert told is not None
        assert "certificate" in told.lower()

    server.tls = authority.serving()
    async with server.running(implicit=tls is Tls.IMPLICIT):
        await send_due(database, to(server, authority, tls), now + timedelta(seconds=6))
    assert found(database) == ({State.ACCEPTED: COUNT}, 1)
    assert not [line for line in server.clear if line.startswith((b"AUTH", b"MAIL"))]


async def test_what_was_said_before_the_handshake_counts_for_nothing(
    database: Database, now: datetime, authority: Authority
) -> None:
    """Somebody on the way offers what the relay does not, and adds replies of their own to the 220."""
    injected = "220 2.0.0 Go ahead\r\n250-evil.test\r\n250 SIZE 1\r\n535 5.7.8 No\r\n354 Go on"
    server = relay(EHLO="250-evil.test\r\n250-SIZE 1\r\n250-SMTPUTF8\r\n250 STARTTLS", STARTTLS=injected)
    server.tls = authority.serving()
    with database.write() as session:
        builders.letter(session, COUNT, now=now)
    async with server.running():
        await send_due(database, to(server, authority), now)
    assert found(database) == ({State.ACCEPTED: COUNT}, 1)
    assert {line.split()[0] for line in server.clear} == {b"EHLO", b"STARTTLS"}
    assert len([line for line in server.commands if line.startswith("EHLO")]) == 2 * server.connections
    assert not [line for line in server.commands if "SIZE=" in line]


async def test_a_handshake_that_never_ends_ends(authority: Authority) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    target = ScriptedServer()
    target.port = server.sockets[0].getsockname()[1]
    route = replace(to(target, authority, Tls.IMPLICIT), timeouts=BRIEF)
    began = asyncio.get_running_loop().time()
    outcome = await SmtpTransport(route).send(
        Envelope("b+1-mac@bounces.test", "r@example.org"), b"Subject: hello\r\n\r\nhello\r\n"
    )
    took = asyncio.get_running_loop().time() - began
    server.close()
    assert (outcome.result, outcome.stage) == (Result.UNREACHABLE, Stage.CONNECT)
    assert took < 10
