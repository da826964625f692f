"""Recovery: what a crash left behind, and how doubt ends.

    claimed  -> ready        nothing was sent: costs nothing, no attempt counts
    sending  -> uncertain    the only rows in doubt: at most one intent group, those in flight, and unwritten results

Doubt ends by evidence (`prove`) or, after a grace, by the letter's policy (`settle_uncertain`): resend once with the same
Message-ID and the same bytes, assume that it was sent, or hold it for a person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, insert, literal, select, update
from sqlalchemy.orm import Session

from mailer import batches
from mailer.batches import Batch, BatchState
from mailer.deliveries import WITHDRAWN, Delivery, Event, Span, State, sources
from mailer.letters import InDoubt, Lane, Letter, LetterState
from mailer.results import ATTEMPTS, OUTCOME_WORD, was_in_doubt_before

CRASH = "crash"
GRACE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a recovery found."""

    released: int  # claimed, now ready again
    uncertain: int  # may or may not have been sent
    batches: int  # open again


@dataclass(frozen=True, slots=True)
class Settlement:
    """How doubts ended."""

    resent: int
    assumed: int
    failed: int  # in doubt twice, withdrawn, cancelled, or lifetime over


def recover(session: Session, *, now: datetime) -> Recovered:
    """Take back the leases that ran out: their workers are gone, or so slow that they must ask again."""
    return _take_back(session, Delivery.lease_until < now, Batch.lease_until < now, now)


def recover_all(session: Session, *, now: datetime) -> Recovered:
    """Take back every lease. Only for a process that holds the database alone, before its first batch."""
    return _take_back(session, Delivery.id.is_not(None), Batch.id.is_not(None), now)


def recover_leases(session: Session, leases: Sequence[str], *, now: datetime) -> Recovered:
    """Take back the leases of these names: their workers are gone, or so silent that it comes to the same."""
    held = and_(Delivery.lease_until.is_not(None), Delivery.owner.in_(leases))
    return _take_back(session, held, Batch.owner.in_(leases), now)


def _take_back(session: Session, rows: ColumnElement[bool], held: ColumnElement[bool], now: datetime) -> Recovered:
    taken = and_(Batch.lane.in_(list(Lane)), Batch.state == BatchState.LEASED, held)  # the index begins with the lane
    spans = [Span(*row) for row in session.execute(select(Batch.letter_id, Batch.first_id, Batch.last_id).where(taken))]
    lost = sum(_lose(session, and_(span.condition(), rows), now) for span in spans)
    released = sum(_release(session, and_(span.condition(), rows)) for span in spans)
    reopened = session.scalars(
        update(Batch)
        .where(taken)
        .values(state=BatchState.OPEN, next_at=now, owner=None, lease_until=None)
        .returning(Batch.id)
    ).all()
    batches.recount(session, reopened)
    return Recovered(released, lost, len(reopened))


def _lose(session: Session, rows: ColumnElement[bool], now: datetime) -> int:
    """What was being sent is in doubt. It stays its worker's, who may only be slow."""
    sending = [rows, Delivery.state == State.SENDING]
    session.execute(
        insert(ATTEMPTS).from_select(
            ["delivery_id", "number", "at", "outcome", "stage", "route", "reply"],
            select(
                Delivery.id,
                Delivery.attempt,
                literal(now, ATTEMPTS.c.at.type),
                literal(OUTCOME_WORD[Event.LOSE]),
                literal(None),
                Delivery.route,
                literal(CRASH),
            ).where(*sending),
        )
    )
    reason = case((Delivery.reason == WITHDRAWN, WITHDRAWN), else_=CRASH)
    doubtful = {"state": State.UNCERTAIN, "uncertain_at": now, "reason": reason, "lease_until": None}
    return len(session.execute(update(Delivery).where(*sending).values(doubtful).returning(Delivery.id)).all())


def _release(session: Session, rows: ColumnElement[bool]) -> int:
    claimed = update(Delivery).where(rows, Delivery.state == State.CLAIMED)
    back = {"state": State.READY, "owner": None, "lease_until": None}
    return len(session.execute(claimed.values(back).returning(Delivery.id)).all())


def prove(session: Session, delivery_id: int, *, now: datetime) -> bool:
    """Evidence came that the next server has it (a report, a hook, a click with its token). False when no doubt was left.

    A report may beat our own writing of the 250: a row that is `sending` is proved, too.
    """
    proved = session.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.state.in_(sources(Event.PROVE)))
        .values(state=State.ACCEPTED, accepted_at=now, reason=None, owner=None, lease_until=None)
        .returning(Delivery.letter_id)
    ).one_or_none()
    if proved is not None:
        batches.recount_around(session, proved.letter_id, [delivery_id])
    return proved is not None


def settle_uncertain(session: Session, *, now: datetime, grace: timedelta = GRACE, limit: int = 500) -> Settlement:
    """End the doubts that are older than `grace` by their letters' policies, at most `limit` of them at a time.

    A delivery is sent again once. If that attempt, too, ends in doubt it has failed as "in doubt twice": two hand-overs
    without an answer are two chances that it arrived, and a third copy would help nobody.
    """
    doubts = session.execute(
        select(
            Delivery.id,
            Delivery.letter_id,
            Delivery.reason,
            Letter.in_doubt,
            Letter.state,
            Letter.deadline_at,
            was_in_doubt_before().label("twice"),
        )
        .join(Letter, Letter.id == Delivery.letter_id)
        .where(
            Delivery.state == State.UNCERTAIN,
            Delivery.uncertain_at <= now - grace,
            Letter.in_doubt != InDoubt.HOLD,
        )
        .order_by(Delivery.uncertain_at)
        .limit(limit)
    ).all()
    fates: defaultdict[_Fate, list[int]] = defaultdict(list)
    for doubt in doubts:
        fates[_fate(doubt, now)].append(doubt.id)
    for (state, reason), ids in fates.items():
        _settle(session, state, reason, ids, now=now)
    again = [doubt for doubt in doubts if _fate(doubt, now) == _AGAIN]
    for letter_id in {doubt.letter_id for doubt in doubts}:
        batches.recount_around(session, letter_id, [doubt.id for doubt in doubts if doubt.letter_id == letter_id])
    for letter_id in {doubt.letter_id for doubt in again}:
        ids = [doubt.id for doubt in again if doubt.letter_id == letter_id]
        batches.reopen(session, letter_id, ids, now=now)
    return Settlement(*(sum(len(ids) for fate, ids in fates.items() if fate[0] is state) for state in _ENDS))


_Fate = tuple[State, str | None]
_AGAIN: _Fate = (State.READY, None)
_ENDS = (State.READY, State.ACCEPTED, State.FAILED)


def _fate(doubt: Row[*tuple[Any, ...]], now: datetime) -> _Fate:
    if doubt.in_doubt is InDoubt.ASSUME_SENT:
        return State.ACCEPTED, "assumed sent"
    if why_not := _why_not_again(doubt, now):
        return State.FAILED, why_not
    return _AGAIN


def _settle(session: Session, state: State, reason: str | None, ids: list[int], *, now: datetime) -> None:
    when: dict[str, Any] = {}
    if state is State.READY:
        when = {"next_at": now}
    elif state is State.ACCEPTED:
        when = {"accepted_at": now}
    session.execute(
        update(Delivery)
        .where(Delivery.id.in_(ids), Delivery.state == State.UNCERTAIN)
        .values(state=state, reason=reason, owner=None, **when)
    )


def _why_not_again(doubt: Row[*tuple[Any, ...]], now: datetime) -> str | None:
    if doubt.reason == WITHDRAWN:
        return "in doubt, and its reader has left since"
    if doubt.state is LetterState.CANCELLED:
        return "in doubt when its letter was cancelled"
    if doubt.deadline_at <= now:
        return "in doubt at the end of its lifetime"
    if doubt.twice:
        return "in doubt twice"
    return None
