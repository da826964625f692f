"""Tally: how many deliveries stand where, and which letters are finished."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import and_, bindparam, exists, func, not_, or_, select, update
from sqlalchemy.orm import Session

from mailer.batches import BATCHES, Batch, BatchState
from mailer.deliveries import Attempt, Delivery, State
from mailer.letters import Letter, LetterState
from mailer.transports import Stage

#: Attempts that are looked through for the last refusal.
_LATELY = 1_000


def counts(session: Session, letter_id: int) -> Mapping[State, int]:
    """A letter's deliveries by state; every state is named, 0 where there is none."""
    found = session.execute(
        select(Delivery.state, func.count()).where(Delivery.letter_id == letter_id).group_by(Delivery.state)
    )
    return dict.fromkeys(State, 0) | {row[0]: row[1] for row in found}


def in_doubt(session: Session, letter_id: int) -> int:
    """Deliveries of a letter that were ever in doubt, whatever became of them."""
    return session.scalars(
        select(func.count()).where(Delivery.letter_id == letter_id, Delivery.uncertain_at.is_not(None))
    ).one()


def sender_refusal(session: Session, letter_id: int) -> str | None:
    """What a server lately said when it refused our sender address for this letter; None where it did not."""
    recent = select(Attempt).order_by(Attempt.id.desc()).limit(_LATELY).subquery()
    reply: str | None = session.scalar(
        select(recent.c.reply)
        .join(Delivery, Delivery.id == recent.c.delivery_id)
        .where(Delivery.letter_id == letter_id, recent.c.stage == Stage.MAIL)
        .order_by(recent.c.id.desc())
        .limit(1)
    )
    return reply


#: Built once: all batches of a letter but its last are put down while another is open.
_NOT_DONE = (
    select(BATCHES.c.id)
    .where(BATCHES.c.letter_id == bindparam("b_letter"), BATCHES.c.state != BatchState.DONE)
    .limit(1)
)


def finish_letters(session: Session, *, now: datetime, letter_id: int | None = None) -> list[int]:
    """Mark letters finished of which nothing is open any more; their ids. With `letter_id` only that one is looked at.

    Batches answer for their rows (`verify` checks that they may), so that no million rows are counted here; only what is
    in doubt stands outside them, and has an index of its own.
    """
    if letter_id is not None and session.connection().execute(_NOT_DONE, {"b_letter": letter_id}).first():
        return []
    over = and_(
        Letter.finished_at.is_(None),
        or_(
            and_(Letter.state == LetterState.SENDING, Letter.sealed_count.is_not(None)),
            Letter.state == LetterState.CANCELLED,
        ),
        not_(exists().where(Batch.letter_id == Letter.id, Batch.state != BatchState.DONE)),
        Letter.id.not_in(
            select(Delivery.letter_id).where(Delivery.uncertain_at.is_not(None), Delivery.state == State.UNCERTAIN)
        ),
    )
    if letter_id is not None:
        over = and_(over, Letter.id == letter_id)
    ended = session.execute(update(Letter).where(over).values(finished_at=now).returning(Letter.id, Letter.state)).all()
    finished = [row.id for row in ended if row.state is LetterState.SENDING]
    if finished:
        session.execute(update(Letter).where(Letter.id.in_(finished)).values(state=LetterState.FINISHED))
    return finished
