"""Occasions: schedules that keep to days of a month."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletters import schedule
from newsletters.occasion import LAST, Occasion
from newsletters.schedule import EVERY_DAY, Day, Schedule, ScheduleProblem

NOON = time(12)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("first Sunday of the month at 09:00 Erbil time", "first sun 09:00 Asia/Baghdad"),
        ("the first and third Sunday of every month at 09:00 Erbil", "first,third sun 09:00 Asia/Baghdad"),
        ("every last Friday of the month at 18:30 Berlin", "last fri 18:30 Europe/Berlin"),
        ("2nd Tuesday at 07:00, 19:00 Asia/Baghdad", "second tue 07:00,19:00 Asia/Baghdad"),
        ("last sun-thu 07:00 Asia/Baghdad", "last sun-thu 07:00 Asia/Baghdad"),
        ("on the 1st of the month at 08:00 Asia/Baghdad", "monthly 1 08:00 Asia/Baghdad"),
        ("the 1st and the 15th of each month at 8:00 Asia/Baghdad", "monthly 1,15 08:00 Asia/Baghdad"),
        ("last day of the month at 20:00 Asia/Baghdad", "monthly last 20:00 Asia/Baghdad"),
        ("monthly 15,1,last 08:00 Asia/Baghdad", "monthly 1,15,last 08:00 Asia/Baghdad"),
    ],
)
def test_what_an_editor_types_of_a_month_becomes_one_rule(text: str, rule: str) -> None:
    read = schedule.parse(text)
    assert isinstance(read, Schedule), read
    assert read.rule() == rule
    assert schedule.parse(rule) == read


@pytest.mark.parametrize(
    "text",
    [
        "32nd of the month at 08:00 Asia/Baghdad",
        "0th of the month at 08:00 Asia/Baghdad",
        "monthly at 08:00 Asia/Baghdad",
        "first at 08:00 Asia/Baghdad",
        "first Sunnday of the month at 08:00 Asia/Baghdad",
        "1 March at 08:00 Asia/Baghdad",
    ],
)
def test_what_names_no_day_of_a_month_is_answered_with_a_remedy(text: str) -> None:
    read = schedule.parse(text)
    assert isinstance(read, ScheduleProblem), read
    assert read.remedy


def test_a_month_without_a_31st_has_no_issue_then() -> None:
    read = schedule.parse("31st of the month at 07:00 Asia/Baghdad")
    assert isinstance(read, Schedule)
    slots = read.next_slots(datetime(2026, 1, 1, tzinfo=UTC), 4)
    assert [slot.local_date for slot in slots] == [
        date(2026, 1, 31),
        date(2026, 3, 31),
        date(2026, 5, 31),
        date(2026, 7, 31),
    ]


@settings(max_examples=150)
@given(
    numbers=st.frozensets(st.one_of(st.integers(1, 31), st.just(LAST)), max_size=4),
    weeks=st.frozensets(st.sampled_from([1, 2, 3, 4, LAST]), max_size=3),
    days=st.frozensets(st.sampled_from(sorted(EVERY_DAY)), min_size=1),
    start=st.dates(date(2020, 1, 1), date(2039, 6, 1)),
    zone=st.sampled_from(["Asia/Baghdad", "Europe/Berlin", "America/New_York", "Pacific/Apia"]),
)
def test_slots_of_a_month_agree_with_a_calendar_on_the_wall(
    numbers: frozenset[int], weeks: frozenset[int], days: frozenset[Day], start: date, zone: str
) -> None:
    rule = Schedule(
        days=EVERY_DAY if numbers else days,
        times=(NOON,),
        zone=zone,
        occasion=Occasion(numbers=numbers, weeks=frozenset() if numbers else weeks),
    )
    read = schedule.parse(rule.rule())
    assert read == rule
    begin = datetime.combine(start, time(0), ZoneInfo(zone)).astimezone(UTC)
    slots = rule.slots_between(begin, begin + timedelta(days=70))
    days_on_the_wall = [start + timedelta(days=n) for n in range(71)]
    marked = {on for on in days_on_the_wall if _is_marked(rule, on) and _noon(on, zone) <= begin + timedelta(days=70)}
    assert {slot.local_date for slot in slots} == marked


def _noon(on: date, zone: str) -> datetime:
    return datetime.combine(on, NOON, ZoneInfo(zone)).astimezone(UTC)


def _is_marked(rule: Schedule, on: date) -> bool:
    """By the calendar: the month's weeks are walked, not computed."""
    length = monthrange(on.year, on.month)[1]
    if rule.occasion.numbers:
        return on.day in rule.occasion.numbers or (LAST in rule.occasion.numbers and on.day == length)
    if Day((on.weekday() + 1) % 7) not in rule.days:
        return False
    same = [day for day in range(1, length + 1) if on.replace(day=day).weekday() == on.weekday()]
    wanted = rule.occasion.weeks
    return not wanted or same.index(on.day) + 1 in wanted or (LAST in wanted and on.day == same[-1])
