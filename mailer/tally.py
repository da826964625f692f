"""Tally: how many deliveries stand where, which letters are finished, and whether the books are right."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Executable, and_, exists, func, not_, or_, select, text, update
from sqlalchemy.orm import Session

from mailer.batches import UNSENT, Batch, BatchState
from mailer.deliveries import OPEN, Attempt, Delivery, State, in_states
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


def finish_letters(session: Session, *, now: datetime, letter_id: int | None = None) -> list[int]:
    """Mark letters finished of which nothing is open any more; their ids. With `letter_id` only that one is looked at.

    Batches answer for their rows (`verify` checks that they may), so that no million rows are counted here; only what is
    in doubt stands outside them, and has an index of its own.
    """
    over = and_(
        Letter.finished_at.is_(None),
        or_(
            and_(Letter.state == LetterState.SENDING, Letter.sealed_count.is_not(None)),
            Letter.state == LetterState.CANCELLED,
        ),
        not_(exists().where(Batch.letter_id == Letter.id, Batch.state != BatchState.DONE)),
        Letter.id.not_in(select(Delivery.letter_id).where(text("deliveries.state = 'uncertain'"))),
    )
    if letter_id is not None:
        over = and_(over, Letter.id == letter_id)
    ended = session.execute(update(Letter).where(over).values(finished_at=now).returning(Letter.id, Letter.state)).all()
    finished = [row.id for row in ended if row.state is LetterState.SENDING]
    if finished:
        session.execute(update(Letter).where(Letter.id.in_(finished)).values(state=LetterState.FINISHED))
    return finished


def verify(session: Session) -> list[str]:
    """The ledger's invariants; each broken one is a sentence that names the rows. Empty when the books are right."""
    return [sentence.format(row=row) for sentence, query in _invariants() for row in session.execute(query)]


def _invariants() -> list[tuple[str, Executable]]:
    rows = (
        select(func.count())
        .select_from(Delivery)
        .where(Delivery.letter_id == Letter.id)
        .correlate(Letter)
        .scalar_subquery()
    )
    covered = exists().where(
        Batch.letter_id == Delivery.letter_id, Batch.first_id <= Delivery.id, Batch.last_id >= Delivery.id
    )
    return [
        (
            "letter {row[0]} was sealed with {row[1]} deliveries and has {row[2]}",
            select(Letter.id, Letter.sealed_count, rows).where(
                Letter.sealed_count.is_not(None), Letter.sealed_count != rows
            ),
        ),
        (
            "letter {row[0]} is finished and has {row[1]} open deliveries",
            select(Letter.id, func.count())
            .join(Delivery, Delivery.letter_id == Letter.id)
            .where(or_(Letter.state == LetterState.FINISHED, Letter.finished_at.is_not(None)), in_states(sorted(OPEN)))
            .group_by(Letter.id),
        ),
        (
            "batch {row[0]} is done and delivery {row[1]} of it is {row[2]}",
            select(Batch.id, Delivery.id, Delivery.state)
            .join(
                Batch,
                and_(
                    Batch.letter_id == Delivery.letter_id, Batch.first_id <= Delivery.id, Batch.last_id >= Delivery.id
                ),
            )
            .where(Batch.state == BatchState.DONE, in_states(sorted(UNSENT)))
            .limit(100),
        ),
        (
            "delivery {row[0]} of letter {row[1]} is {row[2]} and in no batch: nobody will send or skip it",
            _deliveries(
                in_states(sorted(UNSENT)),
                not_(covered),
            ),
        ),
        (
            "delivery {row[0]} of letter {row[1]} is {row[2]} without an owner and a lease",
            _deliveries(
                in_states([State.CLAIMED, State.SENDING]),
                or_(Delivery.owner.is_(None), Delivery.lease_until.is_(None)),
            ),
        ),
        (
            "delivery {row[0]} of letter {row[1]} is {row[2]} without the time it became so",
            _deliveries(
                or_(
                    and_(Delivery.state == State.ACCEPTED, Delivery.accepted_at.is_(None)),
                    and_(Delivery.state == State.UNCERTAIN, Delivery.uncertain_at.is_(None)),
                )
            ),
        ),
        (
            "delivery {row[0]} of letter {row[1]} is {row[2]} and was never tried",
            _deliveries(
                in_states([State.SENDING, State.ACCEPTED, State.DEFERRED, State.UNCERTAIN]), Delivery.attempt < 1
            ),
        ),
        (
            "delivery {row[0]} of letter {row[1]} is {row[2]} without a reason",
            _deliveries(in_states([State.FAILED, State.SKIPPED]), Delivery.reason.is_(None)),
        ),
    ]


def _deliveries(*conditions: ColumnElement[bool]) -> Executable:
    return select(Delivery.id, Delivery.letter_id, Delivery.state).where(*conditions).limit(100)
