"""Queue: how much waits in each lane, who works on it, and whether it moves.

Everything is read from the batches, a few hundred rows for an issue of any size, and from the deliveries of those few
that are leased: nothing here counts a ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from mailer import holds
from mailer.batches import Batch, BatchState
from mailer.deliveries import Attempt, Delivery
from mailer.holds import Hold
from mailer.letters import Lane, Letter, LetterState

#: A batch that is due and that nobody takes for so long: no worker lives, or none can.
WAITS_AT_MOST = timedelta(minutes=5)
#: Longer than the 10 minutes a server may take after the final dot (RFC 5321 4.5.3.2.6).
SILENT_AT_MOST = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneQueue:
    """One lane's work. `deliveries` are those of batches that are not done: what waits, and the rest of what is under way."""

    lane: Lane
    due: int  # batches that could be sent now
    later: int  # batches that wait for their time
    leased: int
    deliveries: int
    oldest_due_at: datetime | None
    recorded_at: datetime | None  # the last result of a batch that is leased now
    hold: Hold | None = None

    def waits_for(self, now: datetime) -> timedelta:
        """How long the oldest due batch has waited."""
        return timedelta(0) if self.oldest_due_at is None else max(timedelta(0), now - self.oldest_due_at)

    def stands_still(self, now: datetime) -> bool:
        """Whether something should leave and nothing does. A lane that somebody holds stands still on purpose."""
        if self.hold is not None or self.oldest_due_at is None or self.waits_for(now) <= WAITS_AT_MOST:
            return False
        return self.leased == 0 or (self.recorded_at or self.oldest_due_at) < now - SILENT_AT_MOST


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """A batch in a worker's hands."""

    batch_id: int
    letter_id: int
    lane: Lane
    domain_group: str
    size: int
    owner: str
    lease_until: datetime


def lanes(session: Session, *, now: datetime) -> Mapping[Lane, LaneQueue]:
    """Every lane's queue."""
    held = holds.standing(session)
    return {lane: _lane(session, lane, held.get(lane), now) for lane in Lane}


def _lane(session: Session, lane: Lane, hold: Hold | None, now: datetime) -> LaneQueue:
    mine = Batch.lane == lane
    leaves = Letter.state.in_([LetterState.SENDING, LetterState.CANCELLED])
    ready = and_(mine, Batch.state == BatchState.OPEN, Batch.next_at <= now, leaves)
    due = session.execute(
        select(func.count(), func.min(Batch.next_at)).join(Letter, Letter.id == Batch.letter_id).where(ready)
    ).one()
    open_, deliveries = _not_done(session, lane, BatchState.OPEN)
    leased, under_way = _not_done(session, lane, BatchState.LEASED)
    return LaneQueue(
        lane=lane,
        due=due[0],
        later=open_ - due[0],
        leased=leased,
        deliveries=deliveries + under_way,
        oldest_due_at=due[1],
        recorded_at=_recorded_at(session, lane) if leased else None,
        hold=hold,
    )


def _not_done(session: Session, lane: Lane, state: BatchState) -> tuple[int, int]:
    """How many batches are in a state, and how many deliveries they cover."""
    found = session.execute(
        select(func.count(), func.coalesce(func.sum(Batch.size), 0)).where(Batch.lane == lane, Batch.state == state)
    ).one()
    return found[0], int(found[1])


def _recorded_at(session: Session, lane: Lane) -> datetime | None:
    """When something was last written down about a delivery of the batches that are leased."""
    spans = session.execute(
        select(Batch.first_id, Batch.last_id).where(Batch.lane == lane, Batch.state == BatchState.LEASED).limit(50)
    ).all()
    within = [Delivery.id.between(span.first_id, span.last_id) for span in spans]
    tried = [Attempt.delivery_id.between(span.first_id, span.last_id) for span in spans]
    if not spans:
        return None
    moments = (
        session.scalar(select(func.max(Delivery.accepted_at)).where(or_(*within))),
        session.scalar(select(func.max(Attempt.at)).where(or_(*tried))),
    )
    return max((moment for moment in moments if moment is not None), default=None)


def list_leased(session: Session, limit: int = 100) -> Sequence[Leased]:
    """The batches that workers hold, those whose lease ends first at the top."""
    names = ("letter_id", "lane", "domain_group", "size", "owner", "lease_until")
    rows = session.execute(
        select(Batch.id, *(getattr(Batch, name) for name in names))
        .where(Batch.lane.in_(list(Lane)), Batch.state == BatchState.LEASED)
        .order_by(Batch.lease_until)
        .limit(limit)
    ).all()
    return [Leased(batch_id=row[0], **dict(zip(names, row[1:], strict=True))) for row in rows]
