"""A reader's own hour: when it next comes, wherever they live."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers import own_hour
from subscribers.own_hour import OwnHour

ZONES = sorted(available_timezones() - {"localtime", "Factory"})


@pytest.mark.parametrize(
    ("hour", "zone", "out_at", "comes_at"),
    [
        (20, "Europe/Berlin", "2026-03-09T04:00", "2026-03-09T19:00"),
        (7, "Asia/Baghdad", "2026-03-09T04:00", "2026-03-09T04:00"),  # it is seven there: at once
        (7, "Asia/Baghdad", "2026-03-09T04:59", "2026-03-09T04:59"),
        (7, "Asia/Baghdad", "2026-03-09T05:00", "2026-03-10T04:00"),
        (6, "Asia/Kathmandu", "2026-03-09T04:00", "2026-03-10T00:15"),  # five and three quarters ahead
        (2, "Europe/Berlin", "2026-03-28T12:00", "2026-03-29T01:00"),  # there is no two o'clock that night
        (2, "Europe/Berlin", "2026-10-24T12:00", "2026-10-25T00:00"),  # there are two of them
        (2, "Europe/Berlin", "2026-10-25T01:30", "2026-10-25T01:30"),  # the second
    ],
)
def test_a_letter_waits_until_the_readers_clock_shows_the_hour(
    hour: int, zone: str, out_at: str, comes_at: str
) -> None:
    found = OwnHour(hour=hour, zone=zone).next_at(datetime.fromisoformat(out_at).replace(tzinfo=UTC))
    assert found == datetime.fromisoformat(comes_at).replace(tzinfo=UTC)


@settings(max_examples=300)
@given(
    zone=st.sampled_from(ZONES),
    hour=st.integers(0, 23),
    out_at=st.datetimes(datetime.fromisoformat("2020-01-01"), datetime.fromisoformat("2040-01-01")),
)
def test_it_is_the_first_moment_that_shows_the_hour_or_skips_it(zone: str, hour: int, out_at: datetime) -> None:
    out_at = out_at.replace(tzinfo=UTC)
    found = OwnHour(hour=hour, zone=zone).next_at(out_at)
    place = ZoneInfo(zone)
    assert out_at <= found <= out_at + timedelta(hours=25)
    if found.astimezone(place).hour != hour:
        # The clocks skipped it, or its beginning, in that very moment.
        assert (found - timedelta(seconds=1)).astimezone(place).utcoffset() != found.astimezone(place).utcoffset()
    minutes = int((found - out_at).total_seconds()) // 60
    between = (out_at + timedelta(minutes=minute) for minute in range(0, minutes, 5))
    assert all(at.astimezone(place).hour != hour for at in between)


@pytest.mark.parametrize("stored", [None, "", "7 Asia/Baghdad", "24 Asia/Baghdad", "07 Mars/Base", "07", "07 ../etc"])
def test_what_names_no_hour_is_none(stored: str | None) -> None:
    assert own_hour.parse(stored) is None


def test_what_is_stored_is_read_back() -> None:
    hour = OwnHour(hour=7, zone="Asia/Baghdad")
    assert own_hour.parse(str(hour)) == hour
