"""Dates: what feeds write and what it means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articles import dates
from articles.dates import DateConfidence

NOW = datetime(2026, 3, 9, 4, 0, tzinfo=UTC)
BAGHDAD = "Asia/Baghdad"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mon, 09 Mar 2026 06:05:00 +0300", "2026-03-09 03:05"),
        ("2026-03-09T06:05:00+03:00", "2026-03-09 03:05"),
        ("2026-03-09T03:05:00.123Z", "2026-03-09 03:05"),
        ("09 Mar 2026 03:05 GMT", "2026-03-09 03:05"),
        ("Sat, 07 Mar 2026 22:15:00 GMT+3", "2026-03-07 19:15"),
        ("Sat, 07 Mar 2026 22:15:00 UTC+03:00", "2026-03-07 19:15"),
        ("Thu, 05 Mar 26 09:30 EST", "2026-03-05 14:30"),
        ("Thu, 5 Mar 2026 09:30:00 -0500 (Eastern Standard Time)", "2026-03-05 14:30"),
        ("Sun, 08 Mar 2026 00:00:00 +0300", "2026-03-07 21:00"),
        ("1772640000", "2026-03-04 16:00"),
        ("1772640000000", "2026-03-04 16:00"),
    ],
)
def test_an_instant_with_its_offset_is_exact(text: str, expected: str) -> None:
    dated = dates.read(text, zone=BAGHDAD, now=NOW)
    assert dated is not None
    assert (f"{dated.at:%Y-%m-%d %H:%M}", dated.confidence) == (expected, DateConfidence.EXACT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sat, 7 Mar 2026 4:10 PM", "2026-03-07 13:10"),
        ("Sat, 7 Mar 2026 12:10 a.m.", "2026-03-06 21:10"),
        ("2026-03-06 18:45:00", "2026-03-06 15:45"),
        ("2026-03-06", "2026-03-05 21:00"),
        ("06/03/2026 21:00", "2026-03-06 18:00"),
        ("25/12/2025 21:00", "2025-12-25 18:00"),
        ("6.3.2026 21:00", "2026-03-06 18:00"),
        ("Thursday, March 5, 2026 - 14:20", "2026-03-05 11:20"),
        ("March 5th, 2026 at 2:20 pm", "2026-03-05 11:20"),
        ("Aug. 06, 2024", "2024-08-05 21:00"),
        ("Mon, 02 Mar 2026 24:00:00", "2026-03-02 21:00"),
        ("Thu, 05 Mar 2026 09:30 AST", "2026-03-05 06:30"),
        ("٢٠٢٦-٠٣-٠٦ ١٨:٤٥", "2026-03-06 15:45"),
        ("٦ آذار ٢٠٢٦", "2026-03-05 21:00"),
        ("الجمعة، 6 مارس 2026 18:45", "2026-03-06 15:45"),
        ("6 كانون الثاني 2026", "2026-01-05 21:00"),
        ("٦ی ئازاری ٢٠٢٦", "2026-03-05 21:00"),
    ],
)
def test_a_local_time_is_taken_in_the_feeds_zone_and_marked_so(text: str, expected: str) -> None:
    dated = dates.read(text, zone=BAGHDAD, now=NOW)
    assert dated is not None
    assert (f"{dated.at:%Y-%m-%d %H:%M}", dated.confidence) == (expected, DateConfidence.ASSUMED_ZONE)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "yesterday",
        "Wed, 31 Feb 2026 10:00:00 +0300",
        "Mon, 09 Mar 2026 25:00:00 +0300",
        "Mon, 09 Mar 2026 13:30 PM",
        "Mon, 09 Foo 2026 06:05:00 +0300",
        "2026-13-01T00:00:00Z",
        "0000-00-00 00:00:00",
        "Mon, 09 Mar 2062 06:05:00 +0300",
        "Thu, 01 Jan 1970 00:00:00 +0000",
        "2026-03-12T00:00:00Z",
        "03/02/2026 10:00",  # the third of February, or the second of March: both are believable
        "Mon, 09 Mar 2026 06:05:00 +9900x",
        "1" * 500,
    ],
)
def test_a_date_that_is_none_is_not_guessed(text: str | None) -> None:
    assert dates.read(text, zone=BAGHDAD, now=NOW) is None


@given(st.text(alphabet="0123456789 -:/.,+TZapmMarGMTUC٣(", max_size=40))
def test_no_text_breaks_the_chain(text: str) -> None:
    dated = dates.read(text, zone=BAGHDAD, now=NOW)
    assert dated is None or dated.at.tzinfo is UTC


@given(st.datetimes(datetime(2017, 1, 1), datetime(2026, 3, 8)).map(lambda at: at.replace(microsecond=0, tzinfo=UTC)))  # noqa: DTZ001
def test_what_is_written_as_a_standard_says_is_read_back(at: datetime) -> None:
    for text in (at.isoformat(), f"{at:%a, %d %b %Y %H:%M:%S +0000}"):
        assert dates.read(text, zone=BAGHDAD, now=NOW) == dates.Dated(at, DateConfidence.EXACT)


@given(
    st.datetimes(datetime(2017, 1, 1), datetime(2026, 3, 8)),  # noqa: DTZ001
    st.sampled_from(["Asia/Baghdad", "Europe/Paris", "America/New_York", "UTC", "Asia/Kathmandu"]),
    st.sampled_from(["%Y-%m-%d %H:%M:%S", "%d %b %Y %H:%M:%S", "%a, %d %b %Y %I:%M:%S %p", "%B %d, %Y at %H:%M:%S"]),
)
def test_a_local_time_is_read_on_the_clock_of_the_feeds_zone(at: datetime, zone: str, form: str) -> None:
    at = at.replace(microsecond=0)
    dated = dates.read(at.strftime(form), zone=zone, now=NOW)
    assert dated is not None
    assert dated.confidence is DateConfidence.ASSUMED_ZONE
    shown = dated.at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert shown == at or abs(shown - at) == timedelta(hours=1)  # an hour that the clocks skipped


@given(st.integers(-840, 840), st.datetimes(datetime(2017, 1, 1), datetime(2026, 3, 7)))  # noqa: DTZ001
def test_every_offset_is_read_as_it_is_written(minutes: int, at: datetime) -> None:
    at = at.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    for text in (at.isoformat(), f"{at:%a, %d %b %Y %H:%M:%S %z}"):
        assert dates.read(text, zone=BAGHDAD, now=NOW) == dates.Dated(at.astimezone(UTC), DateConfidence.EXACT)


@given(st.text(max_size=120))
def test_what_is_no_date_for_the_chain_never_breaks_its_look(text: str) -> None:
    dates.is_written_like_one(text)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("Sun, 08 Mar 2026 06:30:00 +0300", 3),
        ("2026-03-08T06:30:00-05:00", -5),
        ("2026-03-08T03:30:00Z", 0),
        ("20260308T063000+0300", 3),  # ISO 8601's basic form
        ("8 March 2026 06:30", 3),  # the feed's own zone
        ("1772940600", None),
    ],
)
def test_the_clock_that_a_date_was_written_by_is_kept(text: str, hours: int | None) -> None:
    dated = dates.read(text, zone=BAGHDAD, now=NOW)
    assert dated is not None
    assert dated.offset == (None if hours is None else timedelta(hours=hours))
