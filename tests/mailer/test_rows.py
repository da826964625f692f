"""Rows on their way through real letters: one that cannot be filled fails alone, and says which field it was."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from sqlalchemy import select, update

from broadsheet.outgoing import press
from ground.database import Database
from ground.tokens import KeyRing
from mailer import ledger, letters
from mailer.compiler import LetterJob, compiled_bytes
from mailer.deliveries import Delivery, State
from mailer.dispatch import Dispatcher
from mailer.letter import Kind
from mailer.letters import Lane
from mailer.lines import Way
from mailer.transports.memory import MemoryTransport
from tests.mailer import builders
from tests.mailer.letters_at_hand import FOLDERS, digest, sender
from tests.mailer.test_message import mint

ROWS: list[tuple[dict[str, str], str | None]] = [
    ({"unsubscribe_url": "1"}, None),
    ({"unsubscribe_url": "2", "blocks": "3,9"}, None),
    ({"unsubscribe_url": "3", "blocks": "3,99"}, "field 'blocks': the letter has no article 99"),
    ({"unsubscribe_url": "4", "blocks": "\r\n.\r\n"}, "is no list of articles such as 3,7,9"),
    ({"blocks": "3"}, "_url': the row has no value for it"),
    ({"unsubscribe_url": "6 \r\nBcc: x"}, "_url': token payload"),
    ({"unsubscribe_url": "7"}, None),
]


async def test_a_row_that_cannot_be_filled_fails_alone_with_its_field(
    database: Database, now: datetime, keys: KeyRing
) -> None:
    job = LetterJob(
        template="daily", language="en", kind=Kind.ISSUE, sender=sender(), context=digest(), with_blocks=True
    )
    with database.write() as session:
        letter_id = builders.letter(session, len(ROWS), now=now)
        variant_id = letters.store_variant(
            session, digest="d", language="en", compiled=compiled_bytes(job, job.digest(), FOLDERS), now=now
        )
        ids = list(session.scalars(select(Delivery.id).order_by(Delivery.id)))
        for delivery_id, (fields, _) in zip(ids, ROWS, strict=True):
            found = update(Delivery).where(Delivery.id == delivery_id)
            session.execute(found.values(fields=fields, variant_id=variant_id))
    transport = MemoryTransport()
    ways = {Lane.BULK: [Way(transport=transport)]}
    dispatcher = Dispatcher(database, ways, press(mint(keys)), clock=lambda: now, owner="w", rng=random.Random(7))
    with database.read() as session:
        batches = ledger.due_batches(session, Lane.BULK, now=now + timedelta(seconds=1), limit=10)
    for batch_id in batches:
        await dispatcher.send_batch(batch_id)
    with database.read() as session:
        ended = list(session.scalars(select(Delivery).where(Delivery.letter_id == letter_id).order_by(Delivery.id)))
    for delivery, (_, reason) in zip(ended, ROWS, strict=True):
        assert delivery.state is (State.ACCEPTED if reason is None else State.FAILED)
        assert reason is None or reason in (delivery.reason or ""), delivery.reason
    assert len(transport.sent) == 3
