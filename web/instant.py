"""An instant as a page tells it: the hour at its place, the day where it is another, and how far away it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from ground.language import Texts

Unit = Literal["now", "minute", "hour", "day"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    iso: str
    day: date | None  # at its place; None when it is today there
    days: int | None  # from today there: 1 is tomorrow; None where today is not known
    hour: str
    place: str  # "Baghdad" of Asia/Baghdad
    unit: Unit | None  # of the distance; None where the time of day is not known
    number: int
    ahead: bool


def instant(texts: Texts, at: datetime, zone: str | None, now: datetime | None) -> Instant:
    there = ZoneInfo(zone) if zone else UTC
    day = at.astimezone(there).date()
    today = now.astimezone(there).date() if now else None
    unit, number = _distance(abs(at - now)) if now else (None, 0)
    return Instant(
        iso=at.astimezone(UTC).isoformat(timespec="seconds"),
        day=None if day == today else day,
        days=(day - today).days if today else None,
        hour=texts.time(at, zone or "UTC"),
        place=(zone or "UTC").rpartition("/")[2].replace("_", " "),
        unit=unit,
        number=number,
        ahead=now is not None and at > now,
    )


def _distance(apart: timedelta) -> tuple[Unit, int]:
    """In the unit a person would say it in: 90 min, but not 100 min; 40 h, but not 60 h."""
    minutes = apart / timedelta(minutes=1)
    if minutes < 1:
        return "now", 0
    if minutes < 100:
        return "minute", round(minutes)
    if minutes < 48 * 60:
        return "hour", round(minutes / 60)
    return "day", round(minutes / (24 * 60))
