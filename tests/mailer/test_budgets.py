"""Budgets: one row paces a group for all workers; it is made by a push-back, climbs by accepted mail, and goes away."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from ground.database import Database
from mailer import budgets
from mailer.budgets import Ration
from mailer.pacing import NO_CAP, Cap

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def take(
    database: Database, wanted: int, now: datetime, *, accepted: bool = True, cap: Cap = NO_CAP, group: str = "gmail"
) -> Ration | None:
    with database.write() as session:
        return budgets.take(session, "bulk", group, wanted, accepted=accepted, cap=cap, now=now)


def slow(database: Database, now: datetime, measured: float = 600) -> bool:
    with database.write() as session:
        return budgets.slow(session, "bulk", "gmail", measured=measured, why="421 4.7.28 Slower", now=now)


def rate(database: Database) -> float | None:
    with database.read() as session:
        return next((pace.per_minute for pace in budgets.paces(session)), None)


def test_without_a_push_back_there_is_no_limit(database: Database, now: datetime) -> None:
    assert take(database, 500, now) is None


def test_a_push_back_halves_the_group_and_no_other(database: Database, now: datetime) -> None:
    assert slow(database, now)
    assert rate(database) == 300
    assert take(database, 10, now, group="microsoft") is None
    refused = take(database, 10, now)
    assert refused is not None
    assert (refused.granted, refused.most) == (0, 50)
    assert 10 * SECOND < refused.next_at - now < 10.01 * SECOND
    granted = take(database, 10, refused.next_at)
    assert granted is not None
    assert granted.granted == 10


def test_many_push_backs_at_once_are_one_and_later_ones_halve_again(database: Database, now: datetime) -> None:
    assert slow(database, now)
    assert not slow(database, now + 5 * SECOND)
    assert rate(database) == 300
    for n, expected in enumerate([150, 75, 37.5, 18.75, 9.375, 4.6875, 2.34375, 1.171875, 1, 1], start=1):
        assert slow(database, now + n * 31 * SECOND)
        assert rate(database) == expected


@pytest.mark.parametrize("size", [3, 50])
def test_two_workers_together_keep_to_the_rate(database: Database, now: datetime, size: int) -> None:
    slow(database, now)
    sent, at = 0, now
    while at < now + MINUTE:
        for _worker in range(2):
            while (ration := take(database, size, at, accepted=False)) is not None and ration.granted:
                sent += ration.granted
        at += SECOND
    # 50 of the 60 seconds at 300 a minute, and ten seconds' credit at most.
    assert 240 - size <= sent <= 300 + size


def test_each_minute_of_accepted_mail_gives_one_step_back_until_the_limit_is_gone(
    database: Database, now: datetime
) -> None:
    slow(database, now)
    found, at = [], now
    for _ in range(40):
        at += 15 * SECOND
        take(database, 1, at)
        found.append(rate(database))
    steps = [each for n, each in enumerate(found) if n == 0 or each != found[n - 1]]
    assert steps == [300, 375, 450, 525, None]
    assert found.index(375) == 3  # after a minute
    assert take(database, 500, at) is None


def test_a_minute_without_an_acceptance_gives_nothing_back(database: Database, now: datetime) -> None:
    slow(database, now)
    for n in range(1, 30):
        take(database, 1, now + n * MINUTE, accepted=False)
    assert rate(database) == 300


def test_an_operators_cap_holds_from_the_start_and_outlives_a_push_back(database: Database, now: datetime) -> None:
    cap = Cap(per_minute=60)
    with database.write() as session:
        found = budgets.find(session, "bulk", "gmail", cap, now=now)
    assert found is not None
    assert found.most == 10
    sent, at = 0, now
    while at < now + 2 * MINUTE:
        ration = take(database, 5, at, cap=cap)
        assert ration is not None
        sent += ration.granted
        at += SECOND
    assert 110 <= sent <= 130
    assert slow(database, at)
    assert rate(database) == 30
    for n in range(1, 10):
        take(database, 1, at + n * MINUTE, cap=cap)
    with database.read() as session:
        [pace] = budgets.paces(session)
    assert (pace.per_minute, pace.slowed_at, pace.why) == (60, None, None)


def test_a_cap_that_is_changed_or_removed_counts_at_once(database: Database, now: datetime) -> None:
    for cap, expected in ((Cap(per_minute=60), 60.0), (Cap(per_minute=6), 6.0), (Cap(per_minute=600), 600.0)):
        with database.write() as session:
            budgets.find(session, "bulk", "gmail", cap, now=now)
        assert rate(database) == expected
    with database.write() as session:
        assert budgets.find(session, "bulk", "gmail", NO_CAP, now=now) is None
    assert rate(database) is None
