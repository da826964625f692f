"""A rhythm: which issues a reader of an edition follows. A value, and between which of them readers may choose."""

from __future__ import annotations

from collections.abc import Collection
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


def offered(session: Session, edition_ids: Collection[int]) -> dict[int, list[Schedule]]:
    """What the readers of each edition may choose between: its own schedule first, then the further ones that run.

    An edition with fewer than two has nothing to choose.
    """
    found: dict[int, list[Schedule]] = {}
    wanted = select(Schedule).where(Schedule.edition_id.in_(edition_ids))
    for schedule in session.scalars(wanted.order_by(Schedule.edition_id, Schedule.id)):
        choices = found.setdefault(schedule.edition_id, [])
        if not choices or schedule.enabled:
            choices.append(schedule)
    return found
