"""A rhythm: which issues a reader of an edition follows. A value."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletters.schedules import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """The issues of one schedule.

    The edition's own rhythm is its first schedule; readers who chose nothing follow it, and issues made outside any
    schedule belong to it. A further schedule (a weekly) has readers, a window and an "already sent" of its own.
    """

    edition_id: int
    schedule_id: int | None
    is_own: bool

    def holds(self, column: InstrumentedAttribute[int | None]) -> ColumnElement[bool]:
        """The condition that a row's `schedule_id` belongs to this rhythm."""
        named = column == self.schedule_id
        return or_(column.is_(None), named) if self.is_own else named


def of(session: Session, edition_id: int, schedule_id: int | None) -> Rhythm:
    own = session.scalar(select(Schedule.id).where(Schedule.edition_id == edition_id).order_by(Schedule.id).limit(1))
    chosen = own if schedule_id is None else schedule_id
    return Rhythm(edition_id=edition_id, schedule_id=chosen, is_own=chosen == own)
