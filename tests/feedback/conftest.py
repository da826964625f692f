"""A delivery to be reported about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from zlib import crc32

import pytest

from ground.database import Database
from mailer.deliveries import Delivery, State
from mailer.letter import Kind
from mailer.letters import InDoubt, Lane, Letter, LetterState, Variant

Deliver = Callable[..., int]


@pytest.fixture
def deliver(database: Database, now: datetime) -> Deliver:
    """`deliver("reader@example.net", state=..., age=...)` stores a delivery and gives its id."""

    def store(
        address: str, *, state: State = State.ACCEPTED, age: timedelta = timedelta(hours=1), letter: int = 1
    ) -> int:
        with database.write() as session:
            if session.get(Variant, 1) is None:
                session.add(Variant(id=1, digest="d", language="en", compiled=b"", created_at=now))
            if session.get(Letter, letter) is None:
                session.add(
                    Letter(
                        id=letter,
                        name="daily",
                        kind=Kind.ISSUE,
                        lane=Lane.BULK,
                        state=LetterState.SENDING,
                        in_doubt=InDoubt.RESEND,
                        due_at=now,
                        deadline_at=now + timedelta(days=1),
                        created_at=now - age,
                    )
                )
            session.flush()
            row = Delivery(
                letter_id=letter,
                variant_id=1,
                recipient_id=crc32(address.encode()),
                scope="edition:1",
                domain_group="other",
                address=address,
                address_key=address.casefold(),
                fields={},
                state=state,
                next_at=now - age,
                created_at=now - age,
                accepted_at=now - age if state is State.ACCEPTED else None,
            )
            session.add(row)
            session.flush()
            return row.id

    return store
