"""What lies ahead of a schedule: its next dates, and what clock changes do to them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest

from newsletters import ahead
from newsletters.ahead import Ahead
from newsletters.schedule import Schedule, parse


def look(text: str, year: int, month: int, day: int) -> Ahead:
    rule = parse(text)
    assert isinstance(rule, Schedule), rule
    return ahead.look(rule, after=datetime(year, month, day, tzinfo=UTC))


def test_the_next_five_dates_with_their_instants() -> None:
    found = look("sun-thu 07:00 Asia/Baghdad", 2026, 3, 10)
    assert [(slot.local_date.day, slot.due_at.hour) for slot in found.slots] == [
        (10, 4), (11, 4), (12, 4), (15, 4), (16, 4),
    ]  # fmt: skip
    assert found.zone == "Asia/Baghdad"


def test_a_zone_without_summer_time_has_no_changes() -> None:
    assert look("daily 07:00 Asia/Baghdad", 2026, 3, 10).changes == ()
    assert look("daily 00:30 Asia/Tehran", 2026, 3, 10).changes == ()  # Iran gave it up in 2022
    assert look("daily 07:00 UTC", 2026, 3, 10).changes == ()


def walls(text: str, year: int, month: int, day: int) -> tuple[str, str]:
    change = look(text, year, month, day).changes[0]
    return f"{change.before:%Y-%m-%d %H:%M}", f"{change.after:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("text", "seen_on", "before", "after"),
    [
        ("daily 02:30 Europe/Berlin", (2026, 3, 27), "2026-03-29 02:00", "2026-03-29 03:00"),
        ("daily 02:30 Europe/Berlin", (2026, 10, 20), "2026-10-25 03:00", "2026-10-25 02:00"),
        ("daily 02:30 America/New_York", (2026, 3, 1), "2026-03-08 02:00", "2026-03-08 03:00"),
        ("daily 02:30 America/New_York", (2026, 10, 1), "2026-11-01 02:00", "2026-11-01 01:00"),
        # Clocks that change at midnight, where the day begins at one or begins twice.
        ("daily 00:30 Asia/Beirut", (2026, 3, 1), "2026-03-29 00:00", "2026-03-29 01:00"),
        ("daily 23:30 Asia/Beirut", (2026, 10, 1), "2026-10-25 00:00", "2026-10-24 23:00"),
        ("daily 00:30 Asia/Tehran", (2022, 3, 1), "2022-03-22 00:00", "2022-03-22 01:00"),
        # Half an hour.
        ("daily 02:15 Australia/Lord_Howe", (2026, 10, 1), "2026-10-04 02:00", "2026-10-04 02:30"),
    ],
)
def test_a_change_is_told_by_what_the_wall_shows(
    text: str, seen_on: tuple[int, int, int], before: str, after: str
) -> None:
    assert walls(text, *seen_on) == (before, after)


@pytest.mark.parametrize(
    ("text", "seen_on", "skipped", "goes_at"),
    [
        ("daily 02:30 Europe/Berlin", (2026, 3, 27), (date(2026, 3, 29), time(2, 30)), "2026-03-29 03:00"),
        ("daily 00:30 Asia/Beirut", (2026, 3, 1), (date(2026, 3, 29), time(0, 30)), "2026-03-29 01:00"),
        ("daily 23:30 America/Nuuk", (2026, 3, 1), (date(2026, 3, 28), time(23, 30)), "2026-03-29 00:00"),
    ],
)
def test_a_time_that_does_not_exist_is_named_with_the_one_that_stands_in(
    text: str, seen_on: tuple[int, int, int], skipped: tuple[date, time], goes_at: str
) -> None:
    change = look(text, *seen_on).changes[0]
    assert change.is_forward
    assert [(slot.local_date, slot.local_time) for slot in change.skipped] == [skipped]
    assert f"{change.after:%Y-%m-%d %H:%M}" == goes_at
    assert change.skipped[0].due_at == change.at


@pytest.mark.parametrize(
    ("text", "seen_on", "repeated"),
    [
        ("daily 02:30 Europe/Berlin", (2026, 10, 20), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("daily 01:30 America/New_York", (2026, 10, 20), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        ("daily 23:30 Asia/Beirut", (2026, 10, 20), datetime(2026, 10, 24, 20, 30, tzinfo=UTC)),
    ],
)
def test_a_time_that_comes_twice_is_named_with_its_first(
    text: str, seen_on: tuple[int, int, int], repeated: datetime
) -> None:
    change = look(text, *seen_on).changes[0]
    assert not change.is_forward
    assert [slot.due_at for slot in change.repeated] == [repeated]


@pytest.mark.parametrize(
    "text", ["mon-fri 02:30 Europe/Berlin", "daily 07:00 Europe/Berlin", "daily 03:00 Europe/Berlin"]
)
def test_a_change_that_touches_no_slot_is_still_told(text: str) -> None:
    (spring, autumn) = look(text, 2026, 3, 27).changes
    assert (spring.on, autumn.on) == (date(2026, 3, 29), date(2026, 10, 25))
    assert spring.skipped == spring.repeated == autumn.skipped == autumn.repeated == ()


def test_a_change_that_is_over_is_not_told() -> None:
    rule = parse("daily 02:30 Europe/Berlin")
    assert isinstance(rule, Schedule)
    found = ahead.look(rule, after=datetime(2026, 3, 29, 1, 0, tzinfo=UTC))
    assert [change.on for change in found.changes] == [date(2026, 10, 25), date(2027, 3, 28)]
