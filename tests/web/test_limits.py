"""How often a visitor may try."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import time_machine

from web.limits import Limit, Limits, network

TWICE = Limit(name="try", most=2, per=timedelta(minutes=1))


def test_a_visitor_may_try_so_often_in_any_stretch_and_others_are_not_held_for_it(now: datetime) -> None:
    limits = Limits()
    with time_machine.travel(now, tick=False) as clock:
        assert [limits.allow(TWICE, "one") for _ in range(3)] == [True, True, False]
        assert limits.allow(TWICE, "other")
        clock.shift(61)
        assert limits.allow(TWICE, "one")


def test_looking_counts_nothing_and_what_is_forgotten_starts_anew(now: datetime) -> None:
    limits = Limits()
    with time_machine.travel(now, tick=False):
        assert all(limits.is_open(TWICE, "one") for _ in range(9))
        limits.allow(TWICE, "one")
        limits.allow(TWICE, "one")
        assert not limits.is_open(TWICE, "one")
        limits.forget(TWICE, "one")
        assert limits.allow(TWICE, "one")


@pytest.mark.parametrize(
    ("ip", "who"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::"),
        ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("testclient", "unknown"),
        (None, "unknown"),
    ],
)
def test_an_ipv6_visitor_is_a_network_not_one_of_its_addresses(ip: str | None, who: str) -> None:
    assert network(ip) == who
