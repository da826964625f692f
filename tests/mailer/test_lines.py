"""Which line a batch takes, and when a line counts as down or stalled."""

from __future__ import annotations

import random
from collections import Counter
from datetime import datetime, timedelta

import pytest

from mailer.lines import Lines, Way
from mailer.transports import Outcome, Result, Stage
from mailer.transports.memory import MemoryTransport

REFUSED = Outcome(result=Result.UNREACHABLE, stage=Stage.CONNECT, code=554, reply="5.7.1 No")
NOT_NOW = Outcome(result=Result.UNREACHABLE, stage=Stage.CONNECT, code=421, reply="4.3.2 Not now")
ACCEPTED = Outcome(result=Result.ACCEPTED, stage=Stage.DOT, code=250, reply="2.0.0 Ok")


def lines(*weights: int) -> Lines:
    return Lines([Way(transport=MemoryTransport(), weight=weight) for weight in weights], random.Random(1))


def shares(of: Lines, now: datetime, sizes: list[int]) -> Counter[int]:
    numbers = {id(line): number for number, line in enumerate(of)}
    got: Counter[int] = Counter()
    for rows in sizes:
        got[numbers[id(of.choose(rows, now))]] += rows
    return got


def test_shares_are_counted_in_deliveries_not_in_batches(now: datetime) -> None:
    """Whatever the sizes, no line is ever further from its share than the largest batch."""
    rng = random.Random(5)
    sizes = [rng.choice([1, 20, 500]) for _ in range(400)]
    got = shares(lines(7, 2, 1), now, sizes)
    for number, weight in enumerate([7, 2, 1]):
        assert abs(got[number] - sum(sizes) * weight / 10) <= 500


def test_a_route_that_rests_gets_nothing_and_is_not_flooded_when_it_is_back(now: datetime) -> None:
    of = lines(1, 1)
    first, _ = of
    first.note(REFUSED, now=now)
    assert shares(of, now, [10] * 50) == {1: 500}
    back = now + timedelta(minutes=16)
    assert shares(of, back, [10] * 50) == {0: 250, 1: 250}


def test_where_all_rest_the_first_to_have_rested_says_when(now: datetime) -> None:
    of = lines(1, 1)
    first, second = of
    first.note(REFUSED, now=now)
    assert of.take_mail_at(now) == now
    second.note(NOT_NOW, now=now)
    assert of.take_mail_at(now) == now + timedelta(seconds=5)
    assert first.back_at(REFUSED, now) == now + timedelta(seconds=5)


async def test_one_connection_that_is_not_granted_does_not_take_down_a_line_that_answers(now: datetime) -> None:
    [line] = lines(1)
    line.note(ACCEPTED, now=now)
    line.note(NOT_NOW, now=now)
    assert not line.is_down(NOT_NOW)
    for _ in range(3):
        line.note(NOT_NOW, now=now)
    assert line.is_down(NOT_NOW)


async def test_a_line_whose_connections_are_all_taken_and_silent_is_left(now: datetime) -> None:
    of = lines(1, 1)
    first, second = of
    for _ in range(first.transport.connections):
        await first.free.acquire()
    assert first.should_be_left(now)
    assert {of.choose(10, now) is second for _ in range(6)} == {True}
    first.note(ACCEPTED, now=now)  # it was only slow
    assert not first.should_be_left(now)
    second.note(REFUSED, now=now)
    first.patience = 0.0
    assert first.is_stalled()
    assert not first.should_be_left(now)  # there is no better one


@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT])
async def test_only_what_is_said_of_the_sender_counts_against_the_sender(now: datetime, stage: Stage) -> None:
    [line] = lines(1)
    refused = Outcome(result=Result.REFUSED, stage=stage, code=None, reply="needs SMTPUTF8")
    too_large = Outcome(result=Result.DEFERRED, stage=stage, code=None, reply="too large for this relay")
    later = Outcome(result=Result.DEFERRED, stage=stage, code=451, reply="4.3.0 Later")
    for outcome in (refused, too_large):
        line.note(outcome, now=now)
    assert line.refused == (2 if stage is Stage.MAIL else 0)
    line.note(later, now=now)
    assert line.refused == 0


def test_a_lane_without_a_way_out_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="way out"):
        Lines([], random.Random(1))
