"""Schedules: reading what editors type, and slots around clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletters.schedule import EVERY_DAY, Day, Schedule, ScheduleProblem, SlotTime, parse, pick

SUN_THU = frozenset({Day.SUN, Day.MON, Day.TUE, Day.WED, Day.THU})


def read(text: str) -> Schedule:
    found = parse(text)
    assert isinstance(found, Schedule), found
    return found


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Sunday to Thursday at 07:00 Asia/Baghdad", "sun-thu 07:00 Asia/Baghdad"),
        ("sun-thu 07:00 Asia/Baghdad", "sun-thu 07:00 Asia/Baghdad"),
        ("Sunday – Thursday, 7:00 asia/baghdad", "sun-thu 07:00 Asia/Baghdad"),
        ("every day at 07:00 Asia/Baghdad", "daily 07:00 Asia/Baghdad"),
        ("daily 07:00 Asia/Baghdad", "daily 07:00 Asia/Baghdad"),
        ("mon, wed and fri at 07:30 and 18:00 Europe/Paris", "mon,wed,fri 07:30,18:00 Europe/Paris"),
        ("mon,wed,fri 18:00,07:30 Europe/Paris", "mon,wed,fri 07:30,18:00 Europe/Paris"),
        ("Fridays at 16:00 (America/New York)", "fri 16:00 America/New_York"),
        ("every Saturday and Sunday at 09:00 Europe/Berlin", "sun,sat 09:00 Europe/Berlin"),
        ("weekdays at 07:00 Asia/Baghdad", "sun-thu 07:00 Asia/Baghdad"),
        ("sat-mon 06:00 UTC", "sat-mon 06:00 UTC"),
        ("daily except Friday and Saturday at 07:00 Erbil time", "sun-thu 07:00 Asia/Baghdad"),
        ("not on Fridays at 07:00 Baghdad", "sat-thu 07:00 Asia/Baghdad"),
        ("weekdays except Sunday 7:00 هەولێر", "mon-thu 07:00 Asia/Baghdad"),
        ("every day but not on Monday at 07:00 new york time", "tue-sun 07:00 America/New_York"),
    ],
)
def test_what_an_editor_types_becomes_one_rule(text: str, rule: str) -> None:
    assert read(text).rule() == rule


def test_parts_that_are_picked_make_the_same_rule_as_words() -> None:
    picked = pick(SUN_THU, "7:00", "Erbil")
    assert picked == read("Sunday to Thursday at 07:00 Erbil time")


def test_everything_that_is_wrong_with_picked_parts_is_told_at_once() -> None:
    wrong = pick((), "25:00", "Asia/Arbil")
    assert isinstance(wrong, tuple)
    assert [each.about for each in wrong] == ["days", "times", "zone"]
    assert "nothing would ever go out" in wrong[0].problem
    assert "Did you mean Asia/Baghdad?" in wrong[2].remedy


def test_weekdays_are_the_days_that_are_not_the_newsrooms_weekend() -> None:
    western = parse("weekdays at 07:00 Europe/Paris", weekend=frozenset({Day.SAT, Day.SUN}))
    assert isinstance(western, Schedule)
    assert western.rule() == "mon-fri 07:00 Europe/Paris"


def test_the_editions_zone_stands_in_for_a_missing_one() -> None:
    found = parse("sun-thu 07:00", zone="Asia/Baghdad")
    assert isinstance(found, Schedule)
    assert found.zone == "Asia/Baghdad"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Sunday to Thrusday at 07:00 Asia/Baghdad", "Did you mean Thursday?"),
        ("someday at 07:00 Asia/Baghdad", "is no day of the week"),
        ("daily 25:00 Asia/Baghdad", "There is no time 25:00"),
        ("daily 07:60 Asia/Baghdad", "There is no time 07:60"),
        ("daily 7am Asia/Baghdad", "24 hours"),
        ("daily 07:00 Asia/Arbil", "Did you mean Asia/Baghdad?"),
        ("daily 07:00 Buenos Aires", "Did you mean America/Argentina/Buenos_Aires or America/Buenos_Aires?"),
        ("daily 07:00 Asia/Bagdad", "Did you mean Asia/Baghdad"),
        ("daily 07:00 Middle-earth", "is no time zone"),
        ("daily 07:00", "The time zone is missing"),
        ("every morning", "no time of day"),
        ("31 February 07:00 Asia/Baghdad", "“31 February” is a date, and a schedule goes by days of the week."),
        ("every March 3rd at 07:00 UTC", "“March 3rd” is a date"),
        ("2026-02-31 07:00 UTC", "“2026-02-31” is a date"),
        ("daily except Sunday to Saturday at 07:00 UTC", "nothing would ever go out"),
        ("weekdays except weekdays at 07:00 UTC", "nothing would ever go out"),
        ("daily except Fryday at 07:00 UTC", "Did you mean Friday?"),
        ("daily " + ",".join(f"{hour:02}:00" for hour in range(13)) + " UTC", "at most 12"),
        ("daily 07:00 " + "Erbil " * 40, "characters long"),
        ("", "no time of day"),
    ],
)
def test_what_cannot_be_read_is_answered_with_a_remedy(text: str, says: str) -> None:
    found = parse(text)
    assert isinstance(found, ScheduleProblem)
    assert says in str(found)


@given(
    days=st.frozensets(st.sampled_from(list(Day)), min_size=1),
    times=st.frozensets(st.times().map(lambda at: at.replace(second=0, microsecond=0)), min_size=1, max_size=4),
    zone=st.sampled_from(["UTC", "Asia/Baghdad", "America/New_York", "America/Argentina/Buenos_Aires"]),
)
def test_every_schedule_is_read_back_from_its_rule(days: frozenset[Day], times: frozenset[time], zone: str) -> None:
    schedule = Schedule(days=days, times=tuple(sorted(times)), zone=zone)
    assert parse(schedule.rule()) == schedule


def test_friday_and_saturday_bring_no_issue() -> None:
    thursday_noon = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)
    slots = read("sun-thu 07:00 Asia/Baghdad").next_slots(thursday_noon, 2)
    assert slots == [
        SlotTime(date(2026, 3, 15), time(7), datetime(2026, 3, 15, 4, 0, tzinfo=UTC), moved=False),
        SlotTime(date(2026, 3, 16), time(7), datetime(2026, 3, 16, 4, 0, tzinfo=UTC), moved=False),
    ]


def test_a_slot_belongs_to_the_stretch_that_ends_with_it() -> None:
    schedule = read("daily 07:00 Asia/Baghdad")
    due = datetime(2026, 3, 9, 4, 0, tzinfo=UTC)
    before, hour = due - timedelta(hours=1), timedelta(hours=1)
    assert [slot.due_at for slot in schedule.slots_between(before, due)] == [due]
    assert schedule.slots_between(due, due + hour) == []


@pytest.mark.parametrize(
    ("rule", "on", "due_at"),
    [
        ("daily 02:30 America/New_York", date(2026, 3, 8), datetime(2026, 3, 8, 7, 0, tzinfo=UTC)),
        ("daily 02:30 Europe/Berlin", date(2026, 3, 29), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        # Nuuk's gap begins at 23:00 and ends on the next day.
        ("daily 23:30 America/Nuuk", date(2026, 3, 28), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
    ],
)
def test_a_time_that_spring_skips_comes_at_the_end_of_the_gap(rule: str, on: date, due_at: datetime) -> None:
    schedule = read(rule)
    slots = schedule.slots_between(due_at - timedelta(days=1), due_at + timedelta(hours=12))
    assert [(slot.local_date, slot.due_at) for slot in slots if slot.moved] == [(on, due_at)]


@pytest.mark.parametrize(
    ("rule", "first_pass"),
    [
        ("daily 01:30 America/New_York", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        ("daily 02:30 Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
)
def test_a_time_that_autumn_repeats_comes_once(rule: str, first_pass: datetime) -> None:
    schedule = read(rule)
    slots = schedule.slots_between(first_pass - timedelta(hours=6), first_pass + timedelta(hours=12))
    assert [slot.due_at for slot in slots] == [first_pass]
    # A process that starts within the repeated hour must not name the first pass again.
    within = first_pass + timedelta(minutes=40)
    assert schedule.next_slots(within, 1)[0].due_at > within + timedelta(hours=12)


_CHANGES = {
    "America/New_York": [date(2026, 3, 8), date(2026, 11, 1)],
    "Europe/Berlin": [date(2026, 3, 29), date(2026, 10, 25)],
    "Australia/Lord_Howe": [date(2026, 4, 5), date(2026, 10, 4)],  # by half an hour
    "Africa/Cairo": [date(2026, 4, 24), date(2026, 10, 29)],  # at midnight
    "America/Nuuk": [date(2026, 3, 28), date(2026, 10, 24)],
    "Asia/Baghdad": [date(2026, 3, 29)],
}


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    change=st.sampled_from([(zone, on) for zone, days in _CHANGES.items() for on in days]),
    minute_of_day=st.integers(0, 24 * 60 - 1),
    days=st.frozensets(st.sampled_from(list(Day)), min_size=1),
    begun=st.integers(0, 24 * 60),
)
def test_slots_agree_with_a_wall_clock_watched_minute_by_minute(
    change: tuple[str, date], minute_of_day: int, days: frozenset[Day], begun: int
) -> None:
    zone, on = change
    at = time(*divmod(minute_of_day, 60))
    midnight = datetime.combine(on, time(), ZoneInfo(zone)).astimezone(UTC)
    start = midnight - timedelta(hours=12) + timedelta(minutes=begun)
    end = midnight + timedelta(hours=60)
    schedule = Schedule(days=days, times=(at,), zone=zone)
    found = [(slot.local_date, slot.due_at) for slot in schedule.slots_between(start, end)]
    assert found == _watched(schedule, at, start, end)


def _watched(schedule: Schedule, at: time, start: datetime, end: datetime) -> list[tuple[date, datetime]]:
    """Look at the clock every minute from three days earlier on; a slot comes when the clock first shows it or more."""
    zone = ZoneInfo(schedule.zone)
    instant = (start - timedelta(days=3)).replace(second=0)
    first_day = instant.astimezone(zone).date() + timedelta(days=1)
    wanted = [
        datetime.combine(day, at)
        for day in (first_day + timedelta(days=step) for step in range(9))
        if Day((day.weekday() + 1) % 7) in schedule.days
    ]
    found = []
    while instant <= end and wanted:
        wall = instant.astimezone(zone).replace(tzinfo=None)
        while wanted and wall >= wanted[0]:
            found.append((wanted.pop(0).date(), instant))
        instant += timedelta(minutes=1)
    return [(day, due_at) for day, due_at in found if start < due_at <= end]


_EVERYWHERE = sorted(available_timezones() - {"localtime", "Factory"})


def _agree_in(zone: str, year: int, minute_of_day: int, nth: int) -> None:
    """Around one of a year's clock changes, or its first of March where there is none, for three days."""
    place, begin = ZoneInfo(zone), datetime(year, 1, 1, tzinfo=UTC)
    days = [begin + timedelta(days=n) for n in range(366)]
    changes = [
        day
        for day in days
        if day.astimezone(place).utcoffset() != (day + timedelta(days=1)).astimezone(place).utcoffset()
    ]
    around = changes[nth % len(changes)] if changes else datetime(year, 3, 1, tzinfo=UTC)
    at = time(*divmod(minute_of_day, 60))
    schedule = Schedule(days=EVERY_DAY, times=(at,), zone=zone)
    start, end = around - timedelta(days=1), around + timedelta(days=2)
    found = [(slot.local_date, slot.due_at) for slot in schedule.slots_between(start, end)]
    assert found == _watched(schedule, at, start, end)


_ANYWHERE = {
    "zone": st.sampled_from(_EVERYWHERE),
    "year": st.integers(2020, 2039),
    "minute_of_day": st.integers(0, 24 * 60 - 1),
    "nth": st.integers(0, 3),
}


@settings(max_examples=15, deadline=None)
@given(**_ANYWHERE)
def test_slots_agree_with_the_wall_clock_of_any_zone(zone: str, year: int, minute_of_day: int, nth: int) -> None:
    _agree_in(zone, year, minute_of_day, nth)


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(**_ANYWHERE)
def test_slots_agree_with_the_wall_clock_of_many_zones(zone: str, year: int, minute_of_day: int, nth: int) -> None:
    _agree_in(zone, year, minute_of_day, nth)


def test_every_day_means_seven() -> None:
    assert read("every day at 07:00 UTC").days == EVERY_DAY
