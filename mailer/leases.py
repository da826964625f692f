"""Leases: a batch in one worker's hands for a time, under a name of its own.

lease -> renew .. renew -> close
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    ScalarSelect,
    Update,
    and_,
    bindparam,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from mailer import batches, holds
from mailer.batches import BATCHES, LETTERS, Batch, BatchState
from mailer.deliveries import DELIVERIES, IN_SPAN, Delivery, Span, State, in_states
from mailer.letters import Lane, LetterState


@dataclass(frozen=True, slots=True)
class Lease:
    """A batch in somebody's hands, with what its letter says."""

    batch_id: int
    owner: str
    lane: Lane
    span: Span
    letter_state: LetterState
    due_at: datetime
    deadline_at: datetime


def lease_name(worker: str, number: int) -> str:
    """A name for one lease of a worker's: what was noted under an older one must not pass for this one's."""
    return f"{worker}/{number}"


def worker_of(lease: str) -> str:
    """Who holds a lease of this name."""
    return lease.rpartition("/")[0]


#: A delivery in one of these is in the span of a batch that is leased, under the same name.
LEASED = frozenset({State.CLAIMED, State.SENDING})


def spans(session: Session) -> list[Span]:
    """What is leased now."""
    held = select(Batch.letter_id, Batch.first_id, Batch.last_id).where(
        Batch.lane.in_(list(Lane)), Batch.state == BatchState.LEASED
    )
    return [Span(*row) for row in session.execute(held)]


def holders(session: Session) -> list[str]:
    """The names of the leases under which batches are held now."""
    held = select(Batch.owner).where(Batch.lane.in_(list(Lane)), Batch.state == BatchState.LEASED).distinct()
    return [owner for owner in session.scalars(held) if owner is not None]


def lease(session: Session, batch_id: int, *, owner: str, until: datetime, now: datetime) -> Lease | None:
    """Take a batch; None when somebody has it, it is done or not due, or its letter or its lane does not send."""
    about = {"b_batch": batch_id, "b_owner": owner, "b_until": until, "b_now": now}
    taken = session.connection().execute(_LEASE, about).one_or_none()
    if taken is None:
        return None
    letter = session.connection().execute(_LETTER, {"b_letter": taken.letter_id}).one()
    span = Span(taken.letter_id, taken.first_id, taken.last_id)
    return Lease(batch_id, owner, taken.lane, span, letter.state, letter.due_at, letter.deadline_at)


def _leasing() -> ReturningUpdate[Any]:
    mine, may = BATCHES.c, _state_of(BATCHES.c.letter_id)
    goes = and_(may == LetterState.SENDING, holds.is_free(mine.lane))
    return (
        update(BATCHES)
        .where(
            mine.id == bindparam("b_batch"),
            mine.state == BatchState.OPEN,
            mine.next_at <= bindparam("b_now", type_=mine.next_at.type),
            or_(may == LetterState.CANCELLED, goes),
        )
        .values(
            state=BatchState.LEASED,
            owner=bindparam("b_owner"),
            lease_until=bindparam("b_until", type_=mine.next_at.type),
        )
        .returning(mine.lane, mine.letter_id, mine.first_id, mine.last_id)
    )


def _state_of(letter_id: ColumnElement[int]) -> ScalarSelect[LetterState]:
    return select(LETTERS.c.state).where(LETTERS.c.id == letter_id).scalar_subquery()


def renew(session: Session, held: Lease, *, owner: str, until: datetime) -> None:
    """Hold a batch and its rows for longer."""
    session.execute(update(Batch).where(_is_mine(held, owner)).values(lease_until=until))
    session.execute(
        update(Delivery)
        .where(held.span.condition(), Delivery.owner == owner, in_states([State.CLAIMED, State.SENDING]))
        .values(lease_until=until)
    )


def close(session: Session, held: Lease, *, owner: str) -> BatchState:
    """Put a batch down: done when none of its rows can leave any more, else open until the earliest of them.

    One with a row whose result could not be written stays leased: when the lease is over, that row is in doubt.
    """
    counted = session.connection().execute(_COUNT, held.span.given()).all()
    if any(state in LEASED for state, _, _ in counted):
        return BatchState.LEASED
    next_at = min((ripe for state, _, ripe in counted if state in batches.UNSENT), default=None)
    state = BatchState.DONE if next_at is None else BatchState.OPEN
    standing = batches.standing({each: count for each, count, _ in counted})
    given = {"b_batch": held.batch_id, "b_owner": owner, "b_state": state, "b_next_at": next_at}
    session.connection().execute(_CLOSE, {**given, **{f"b_{word}": count for word, count in standing.items()}})
    return state


def _closing() -> Update:
    mine = BATCHES.c
    next_at = bindparam("b_next_at", type_=mine.next_at.type)
    standing = {state.value: bindparam(f"b_{state.value}", type_=Integer) for state in batches.COUNTED}
    return (
        update(BATCHES)
        .where(mine.id == bindparam("b_batch"), mine.state == BatchState.LEASED, mine.owner == bindparam("b_owner"))
        .values(
            state=bindparam("b_state", type_=mine.state.type),
            next_at=func.coalesce(next_at, mine.next_at),
            owner=None,
            lease_until=None,
            **standing,
        )
    )


def _is_mine(held: Lease, owner: str) -> ColumnElement[bool]:
    return and_(Batch.id == held.batch_id, Batch.state == BatchState.LEASED, Batch.owner == owner)


#: Built once: they go with every batch, and to build them takes longer than to run them.
_LEASE = _leasing()
_LETTER = select(LETTERS.c.state, LETTERS.c.due_at, LETTERS.c.deadline_at).where(LETTERS.c.id == bindparam("b_letter"))
_COUNT = (
    select(DELIVERIES.c.state, func.count(), func.min(DELIVERIES.c.next_at)).where(IN_SPAN).group_by(DELIVERIES.c.state)
)
_CLOSE = _closing()
