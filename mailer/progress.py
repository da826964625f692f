"""Progress: how far a letter has come, cheap enough to be asked for every two seconds.

A batch notes how its deliveries stood when it was put down (`leases.close`), so that what is read here are a letter's
batches (400 for 200,000 readers), the rows of the few that a worker holds just now, and what is in doubt, which has an
index of its own. `tally.counts` reads every row instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, union_all
from sqlalchemy.orm import Session

from mailer.batches import Batch, BatchState
from mailer.deliveries import Delivery, Span, State

#: The share of a letter's mails by which its pace is measured: the last ones wait for servers that said "later".
_MOST = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A letter's deliveries. What is skipped was never tried: its reader left, or the letter was cancelled."""

    total: int
    accepted: int
    deferred: int
    failed: int
    in_doubt: int
    skipped: int

    @property
    def waiting(self) -> int:
        """Not tried yet, or in the air at this moment."""
        return max(0, self.total - self.accepted - self.deferred - self.failed - self.in_doubt - self.skipped)


def progress(session: Session, letter_id: int) -> Progress:
    """How far a letter has come."""
    noted = (func.coalesce(func.sum(getattr(Batch, state.value)), 0) for state in _NOTED)
    row = session.execute(select(*noted).where(Batch.letter_id == letter_id, Batch.state != BatchState.LEASED)).one()
    leased = _leased(session, letter_id)
    counted = {state: at_rest + leased.get(state, 0) for state, at_rest in zip(_NOTED, row, strict=True)}
    return Progress(
        total=session.scalar(select(func.sum(Batch.size)).where(Batch.letter_id == letter_id)) or 0,
        accepted=counted[State.ACCEPTED],
        deferred=counted[State.DEFERRED],
        failed=counted[State.FAILED],
        skipped=counted[State.SKIPPED],
        in_doubt=_in_doubt(session, letter_id),
    )


_NOTED = (State.ACCEPTED, State.DEFERRED, State.FAILED, State.SKIPPED)


def _leased(session: Session, letter_id: int) -> Mapping[State, int]:
    """The deliveries of the batches that workers hold, by state; what a batch noted before is out of date."""
    held = session.execute(
        select(Batch.first_id, Batch.last_id).where(Batch.letter_id == letter_id, Batch.state == BatchState.LEASED)
    ).all()
    if not held:
        return {}
    # One SELECT a span, each a range of the key.
    rows = union_all(
        *(select(Delivery.state).where(Span(letter_id, first_id, last_id).condition()) for first_id, last_id in held)
    ).subquery()
    return dict(session.execute(select(rows.c.state, func.count()).group_by(rows.c.state)).all())


def _in_doubt(session: Session, letter_id: int) -> int:
    # The sum, and the time that is always there, lead SQLite to the index of what is in doubt.
    doubts = select(func.count()).where(
        Delivery.uncertain_at.is_not(None), Delivery.state == State.UNCERTAIN, Delivery.letter_id + 0 == letter_id
    )
    return session.scalar(doubts.select_from(Delivery)) or 0


def pace(session: Session, letter_id: int, *, since: datetime) -> float | None:
    """Mails a second that a letter went at, until nine tenths of it were accepted; None where too little was.

    Measured on the last delivery of each batch: a few hundred rows by their keys.
    """
    last = select(Delivery.accepted_at).join(Batch, Batch.last_id == Delivery.id).where(Batch.letter_id == letter_id)
    times = sorted(at for at in session.scalars(last) if at is not None)
    total = session.scalar(select(func.sum(Batch.size)).where(Batch.letter_id == letter_id)) or 0
    if not times or not total:
        return None
    nth = min(len(times) - 1, int(len(times) * _MOST))
    seconds = (times[nth] - since).total_seconds()
    return total * (nth + 1) / len(times) / seconds if seconds > 0 else None
