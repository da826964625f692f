"""The trigger: the fire times that APScheduler is given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from jobs.trigger import WallClockTrigger
from newsletters.schedule import Schedule, parse


def trigger(text: str, lead: timedelta = timedelta(0)) -> WallClockTrigger:
    schedule = parse(text)
    assert isinstance(schedule, Schedule)
    return WallClockTrigger(schedule, lead=lead)


def fired(each: WallClockTrigger, start: datetime, end: datetime) -> list[datetime]:
    """What a scheduler sees that asks again at each fire time."""
    times = [each.get_next_fire_time(None, start)]
    while times[-1] <= end:
        times.append(each.get_next_fire_time(times[-1], times[-1]))
    return times[:-1]


def test_the_draft_is_asked_for_ahead_of_the_slot() -> None:
    ahead = trigger("sun-thu 07:00 Asia/Baghdad", timedelta(minutes=30))
    friday = datetime(2026, 3, 13, 12, 0, tzinfo=UTC)
    assert ahead.get_next_fire_time(None, friday) == datetime(2026, 3, 15, 3, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "rule",
    [
        # Days that APScheduler's own trigger loses, and hours that it fires twice in.
        "daily 00:00 America/New_York",
        "daily 01:30 America/New_York",
        "daily 02:30 America/New_York",
        "daily 00:15 Europe/Berlin",
        "daily 02:30 Europe/Berlin",
        "daily 00:30 Australia/Sydney",
    ],
)
def test_every_day_of_a_year_fires_once(rule: str) -> None:
    times = fired(trigger(rule), datetime(2026, 1, 1, 12, 0, tzinfo=UTC), datetime(2027, 1, 1, 12, 0, tzinfo=UTC))
    assert len(times) == 365
    assert all(timedelta(hours=22) < later - earlier < timedelta(hours=26) for earlier, later in pairwise(times))


def test_slots_that_were_slept_through_are_not_fired_one_by_one() -> None:
    daily = trigger("daily 07:00 Asia/Baghdad")
    monday, thursday = datetime(2026, 3, 9, 4, 0, tzinfo=UTC), datetime(2026, 3, 12, 9, 0, tzinfo=UTC)
    assert daily.get_next_fire_time(monday, thursday) == datetime(2026, 3, 13, 4, 0, tzinfo=UTC)
