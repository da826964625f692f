"""Zones: found by the names people use, and suggested for those that are none."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from newsletters import zones


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("Asia/Baghdad", "Asia/Baghdad"),
        ("asia/baghdad", "Asia/Baghdad"),
        ("Erbil", "Asia/Baghdad"),
        ("Erbil time", "Asia/Baghdad"),
        ("Sulaymaniyah", "Asia/Baghdad"),
        ("Duhok", "Asia/Baghdad"),
        ("سلێمانی", "Asia/Baghdad"),
        ("بغداد", "Asia/Baghdad"),
        ("  New   York time ", "America/New_York"),
        ("berlin", "Europe/Berlin"),
        ("utc", "UTC"),
    ],
)
def test_a_zone_is_found_by_its_name_its_city_or_a_place_that_goes_by_its_clock(name: str, zone: str) -> None:
    assert zones.find(name) == zone
    assert zones.is_zone(zone)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Asia/Arbil", ["Asia/Baghdad"]),
        ("Europe/Erbil", ["Asia/Baghdad"]),
        ("Asia/Bagdad", ["Asia/Baghdad", "Asia/Magadan"]),
        ("Asia/Suleymaniya", ["Asia/Baghdad"]),
        ("Louisville", ["America/Kentucky/Louisville", "America/Louisville"]),
        ("Mars/Base", []),
    ],
)
def test_a_name_that_is_none_is_answered_with_those_it_may_mean(name: str, meant: list[str]) -> None:
    assert zones.find(name) is None
    assert zones.near(name) == meant


def test_every_place_goes_by_a_zone_that_exists() -> None:
    assert {zones.find(place) for place in zones._PLACES} == {ZoneInfo(name).key for name in zones._PLACES.values()}


def test_a_zone_is_named_by_its_city() -> None:
    assert [zones.place(name) for name in ("Asia/Baghdad", "America/Argentina/Buenos_Aires", "UTC")] == [
        "Baghdad",
        "Buenos Aires",
        "UTC",
    ]
