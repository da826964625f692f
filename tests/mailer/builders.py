"""Builders for the ledger's tests: a letter with its deliveries, cut into batches."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from mailer import ledger, letters
from mailer.deliveries import DELIVERIES, Delivery, State
from mailer.letter import Kind
from mailer.letters import InDoubt, Lane, Letter, LetterState, Variant


def variant(session: Session, now: datetime) -> int:
    """The one variant of these tests; its `compiled` bytes are what the tests' own builder fills."""
    found: int | None = session.scalar(select(Variant.id))
    if found is not None:
        return found
    row = Variant(digest="0" * 64, language="en", compiled=b"Subject: hello\r\n\r\nGood morning\r\n", created_at=now)
    session.add(row)
    session.flush()
    return row.id


def letter(
    session: Session,
    count: int,
    *,
    now: datetime,
    in_doubt: InDoubt = InDoubt.RESEND,
    lifetime: timedelta = timedelta(hours=24),
    domain: str = "example.org",
) -> int:
    """A sealed letter with `count` deliveries to reader-0@..., ready now, in batches."""
    made = Letter(
        name="daily",
        kind=Kind.ISSUE,
        lane=Lane.BULK,
        state=LetterState.BUILDING,
        in_doubt=in_doubt,
        due_at=now,
        deadline_at=now + lifetime,
        created_at=now,
    )
    session.add(made)
    session.flush()
    variant_id = variant(session, now)
    rows = [
        {
            "letter_id": made.id,
            "variant_id": variant_id,
            "recipient_id": made.id * 100_000 + number,
            "scope": "edition:1",
            "domain_group": "other",
            "address": f"reader-{number}@{domain}",
            "address_key": f"reader-{number}@{domain}",
            "fields": {"name": f"Reader {number}"},
            "state": State.READY,
            "attempt": 0,
            "next_at": now,
            "created_at": now,
        }
        for number in range(count)
    ]
    if rows:
        session.execute(insert(DELIVERIES), rows)
        ids = list(session.scalars(select(Delivery.id).where(Delivery.letter_id == made.id).order_by(Delivery.id)))
        ledger.cut_batches(session, made.id, Lane.BULK, "other", ids[0], ids[-1], now)
    letters.seal(session, made.id, count=count)
    return made.id
