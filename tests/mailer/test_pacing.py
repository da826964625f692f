"""Pacing: groups of domains, the retry schedule, a route's rest, the size of an intent group."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest

from mailer import pacing
from mailer.pacing import BackOff, GroupSize
from mailer.transports import Outcome, Result, Stage

DROPPED = Outcome(result=Result.UNREACHABLE, stage=Stage.CONNECT)
REFUSED = Outcome(result=Result.UNREACHABLE, stage=Stage.AUTH, code=535)


@pytest.mark.parametrize(
    ("domain", "group"),
    [
        ("gmail.com", "gmail"),
        ("googlemail.com", "gmail"),
        ("Outlook.com", "microsoft"),
        ("hotmail.fr", "microsoft"),
        ("outlook.com.br", "microsoft"),
        ("live.com", "microsoft"),
        ("msn.com", "microsoft"),
        ("yahoo.co.uk", "yahoo"),
        ("aol.com", "yahoo"),
        ("icloud.com", "apple"),
        ("me.com", "apple"),
        ("example.org", "other"),
        ("live.example.com", "other"),
        ("yahoo.example.co", "other"),
        ("notgmail.com", "other"),
        ("mail.gmail.com.evil.org", "other"),
    ],
)
def test_a_domain_belongs_to_who_receives_for_it(domain: str, group: str) -> None:
    assert pacing.domain_group(domain) == group


def test_retries_follow_the_schedule_within_a_fifth() -> None:
    rng = random.Random(1)
    for attempt, planned in enumerate([5, 15, 45, 120, 240, 480, 720, 1440, 1440], start=1):
        delays = [pacing.retry_delay(attempt, rng) / timedelta(minutes=1) for _ in range(50)]
        assert all(0.8 * planned <= delay <= 1.2 * planned for delay in delays)
        assert len(set(delays)) > 40


def test_a_route_rests_longer_each_time_until_it_works_again(now: datetime) -> None:
    back_off = BackOff()
    rests = []
    for _ in range(9):
        assert back_off.failed(DROPPED, now=now)
        assert not back_off.failed(DROPPED, now=now)  # ten connections that fail at once are one failure
        assert back_off.is_resting(now)
        assert back_off.until is not None
        rests.append(back_off.until - now)
        now = back_off.until
        assert not back_off.is_resting(now)
    assert rests[:3] == [timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=20)]
    assert rests[-1] == timedelta(minutes=5)
    back_off.worked()
    back_off.failed(DROPPED, now=now)
    assert back_off.until == now + timedelta(seconds=5)


def test_a_server_that_refuses_us_is_left_alone_for_a_quarter_of_an_hour(now: datetime) -> None:
    back_off = BackOff()
    back_off.failed(REFUSED, now=now)
    assert back_off.until == now + timedelta(minutes=15)


def test_an_intent_group_is_ten_milliseconds_of_traffic_within_its_bounds() -> None:
    size = GroupSize(8)
    assert size.now == 8
    size.measured(100, 0.05)
    assert size.now == 20
    size.measured(1, 1.0)
    assert size.now == 8
    for grown in (32, 128, 500, 500):
        size.measured(100_000, 0.01)
        assert size.now == grown


def test_one_slow_group_among_many_does_not_shrink_the_next() -> None:
    size = GroupSize(8)
    for _ in range(20):
        size.measured(200, 0.01)
    size.measured(1, 0.01)
    assert size.now > 100


def test_a_group_without_an_outcome_teaches_nothing() -> None:
    size = GroupSize(8)
    for _ in range(5):
        size.measured(100_000, 0.01)
    size.measured(0, 0.0)  # nothing came back: nothing is learned
    assert size.now == 500
