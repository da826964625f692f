"""Signatures made ahead: between the freeze of a letter's audience and its due time.

RSA is nine tenths of what a signed message costs, and a signature depends on nothing that is not known by then: so it is
made while nothing else is to be done, kept, and at the due time only put in its place. What is kept begins with a digest of
all that the message was made of: one that would come out otherwise now, by another key, time or field, is signed anew.

    take -> (the press writes, the children sign) -> keep ... (sending reads `of`) ... forget
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import ForeignKey, LargeBinary, Table, and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base
from mailer.batches import Batch
from mailer.deliveries import DELIVERIES, Delivery, Row, Span, State
from mailer.leases import Lease
from mailer.letters import Lane, Letter, LetterState

#: A worker that took a batch to sign and did not say so for so long is gone.
_TAKEN_FOR = timedelta(minutes=2)
#: Rows that one transaction forgets.
_FORGOTTEN_AT_ONCE = 2_000


class Signature(Base):
    """One delivery's: the digest of what it was made of, and the header fields as they are sent (mailer.press)."""

    __tablename__ = "signatures"

    letter_id: Mapped[int] = mapped_column(ForeignKey("letters.id"), primary_key=True)
    delivery_id: Mapped[int] = mapped_column(
        ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    made: Mapped[bytes] = mapped_column(LargeBinary)


SIGNATURES = cast("Table", Signature.__table__)


@dataclass(frozen=True, slots=True)
class Taken:
    """A batch whose messages are to be signed, as a lease that sends nothing."""

    lease: Lease
    rows: list[Row]


def take(session: Session, *, now: datetime) -> Taken | None:
    """The next batch of a letter that is not due yet and has none; None when there is nothing to sign ahead."""
    nobody_has_it = or_(Batch.signing_until.is_(None), Batch.signing_until < now)
    found = session.execute(
        select(Batch, Letter)
        .join(Letter, Letter.id == Batch.letter_id)
        .where(
            Letter.state == LetterState.BUILDING,
            Letter.finished_at.is_(None),
            Letter.due_at > now,
            Batch.lane == Lane.BULK,
            Batch.signed_at.is_(None),
            nobody_has_it,
        )
        .order_by(Letter.due_at, Batch.id)
        .limit(1)
        .with_for_update(of=Batch, skip_locked=True)
    ).one_or_none()
    if found is None:
        return None
    batch, letter = found
    batch.signing_until = now + _TAKEN_FOR
    span = Span(letter.id, batch.first_id, batch.last_id)
    lease = Lease(batch.id, "", batch.lane, span, letter.state, letter.due_at, letter.deadline_at)
    columns = (DELIVERIES.c[name] for name in Row.__dataclass_fields__)
    rows = session.execute(
        select(*columns).where(span.condition(), Delivery.state == State.READY).order_by(Delivery.id)
    )
    return Taken(lease, [Row(*row) for row in rows])


def keep(session: Session, taken: Taken, made: Mapping[int, bytes], *, now: datetime) -> bool:
    """Keep a batch's signatures; False when the letter was taken back or is due, and they are good for nothing."""
    letter_id = taken.lease.span.letter_id
    still = session.scalar(
        update(Batch)
        .where(
            Batch.id == taken.lease.batch_id,
            Batch.signed_at.is_(None),
            Batch.letter_id.in_(select(Letter.id).where(Letter.state == LetterState.BUILDING)),
        )
        .values(signed_at=now, signing_until=None)
        .returning(Batch.id)
    )
    if still is None:
        return False
    # Rows may have been taken out meanwhile (mailer.recall). The lock is the one that inserting takes on them anyway.
    held = select(Delivery.id).where(taken.lease.span.condition()).with_for_update(read=True, key_share=True)
    rows = [
        {"letter_id": letter_id, "delivery_id": number, "made": made[number]}
        for number in session.scalars(held)
        if number in made
    ]
    if rows:
        session.execute(insert(Signature), rows)
    return True


def of(session: Session, span: Span) -> dict[int, bytes]:
    """What was made for the deliveries of a batch."""
    return dict(session.connection().execute(_OF, span.given()).all())


_OF = select(SIGNATURES.c.delivery_id, SIGNATURES.c.made).where(
    SIGNATURES.c.letter_id == bindparam("b_letter"),
    SIGNATURES.c.delivery_id.between(bindparam("b_first"), bindparam("b_last")),
)


def forget(session: Session) -> bool:
    """Forget some of a letter's that has ended; False when there is nothing more to forget."""
    after = 0
    while True:
        # A loose index scan: the letters are few, their signatures many.
        letter_id = session.scalar(select(func.min(Signature.letter_id)).where(Signature.letter_id > after))
        if letter_id is None:
            return False
        state = session.scalar(select(Letter.state).where(Letter.id == letter_id))
        if state in {LetterState.CANCELLED, LetterState.FINISHED}:
            mine = Signature.letter_id == letter_id
            some = select(Signature.delivery_id).where(mine).order_by(Signature.delivery_id).limit(_FORGOTTEN_AT_ONCE)
            session.execute(delete(Signature).where(and_(mine, Signature.delivery_id.in_(some))))
            return True
        after = letter_id


@dataclass(frozen=True, slots=True)
class Progress:
    signed: int
    rows: int


def progress(session: Session, letter_id: int) -> Progress | None:
    """How many of a letter's rows are signed ahead; None where none is."""
    row = session.execute(
        select(func.sum(Batch.size), func.sum(Batch.size).filter(Batch.signed_at.is_not(None))).where(
            Batch.letter_id == letter_id
        )
    ).one()
    rows, signed = row[0], row[1]
    return Progress(signed, rows) if signed else None
