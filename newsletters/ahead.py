"""Ahead: the next dates of a schedule, and what the changes of the clock do to them. Pure; the doors find the words.

daily 02:30 Europe/Berlin, looked at on 27 March 2026

28 March  02:30  = 01:30 UTC
29 March  02:30  does not exist: the clocks go from 02:00 to 03:00, the issue goes at 03:00 = 01:00 UTC
30 March  02:30  = 00:30 UTC
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from newsletters.schedule import Schedule, SlotTime

#: An editor who plans in January sees what March does.
_LOOKED_AHEAD = timedelta(days=366)
#: No zone has changed its clocks there and back within so short a time.
_STEP = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockChange:
    """One change of a zone's clocks, and the slots of a schedule that it touches."""

    at: datetime  # UTC
    before: datetime  # what the wall showed up to that instant, without a zone: 02:00
    after: datetime  # what it shows from then on: 03:00
    skipped: tuple[SlotTime, ...]  # their time does not exist that day; due at `after`
    repeated: tuple[SlotTime, ...]  # their time comes twice that day; due the first time

    @property
    def is_forward(self) -> bool:
        return self.after > self.before

    @property
    def on(self) -> date:
        """The day whose evening, night or morning it is: midnight belongs to the day that it begins."""
        return self.before.date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    zone: str
    slots: tuple[SlotTime, ...]
    changes: tuple[ClockChange, ...]  # the next two within a year, those that touch a slot or not
    rests: Mapping[date, str] = field(default_factory=dict)  # days of these on which there is no issue, and their names


def look(schedule: Schedule, *, after: datetime, count: int = 5) -> Ahead:
    """The next `count` slots due later than `after`, and the next two changes of the clock within a year."""
    changes = _changes(ZoneInfo(schedule.zone), after, after + _LOOKED_AHEAD)
    return Ahead(
        zone=schedule.zone,
        slots=tuple(schedule.next_slots(after, count)),
        changes=tuple(_touching(schedule, at) for at, _ in zip(changes, range(2), strict=False)),
    )


def _changes(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """The instants in (start, end] at which the zone's offset changes."""
    at = start.replace(microsecond=0)
    while at < end:
        then = at + _STEP
        if _offset(zone, at) != _offset(zone, then):
            yield _first_at_new_offset(zone, at, then)
        at = then


def _first_at_new_offset(zone: ZoneInfo, old: datetime, new: datetime) -> datetime:
    while new - old > timedelta(seconds=1):
        middle = old + timedelta(seconds=int((new - old).total_seconds()) // 2)
        if _offset(zone, middle) == _offset(zone, old):
            old = middle
        else:
            new = middle
    return new


def _touching(schedule: Schedule, at: datetime) -> ClockChange:
    zone = ZoneInfo(schedule.zone)
    before = (at + _offset(zone, at - timedelta(seconds=1))).replace(tzinfo=None)
    after = (at + _offset(zone, at)).replace(tzinfo=None)
    around = schedule.slots_between(at - timedelta(days=1), at + timedelta(days=1))
    return ClockChange(
        at=at,
        before=before,
        after=after,
        skipped=tuple(slot for slot in around if slot.moved and slot.due_at == at),
        repeated=tuple(slot for slot in around if after <= datetime.combine(slot.local_date, slot.local_time) < before),
    )


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    offset = at.astimezone(UTC).astimezone(zone).utcoffset()
    assert offset is not None
    return offset
