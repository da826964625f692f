"""The goals are judged by medians, in the direction that each is meant."""

from __future__ import annotations

import pytest

from bench import goals
from bench.goals import Goal, Verdict


def goal(*, required: float, aim: float, at_most: bool = False) -> Goal:
    return Goal(number="G", words="", over="ours", under="theirs", required=required, aim=aim, at_most=at_most)


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [([9, 10, 900], Verdict.SHORT), ([20, 21, 22], Verdict.PASS), ([1, 50, 60], Verdict.AIM), ([], Verdict.NOT_RUN)],
)
def test_more_is_better(ours: list[float], verdict: Verdict) -> None:
    assert goal(required=2, aim=4).verdict({"ours": ours, "theirs": [10.0]}) is verdict


@pytest.mark.parametrize(("ours", "verdict"), [([0.5], Verdict.AIM), ([0.9], Verdict.PASS), ([1.1], Verdict.SHORT)])
def test_less_is_better_where_it_costs(ours: list[float], verdict: Verdict) -> None:
    assert goal(required=1, aim=0.6, at_most=True).verdict({"ours": ours, "theirs": [1.0]}) is verdict


def test_no_goal_asks_for_less_as_an_aim_than_it_requires() -> None:
    for each in goals.GOALS:
        assert each.aim <= each.required if each.at_most else each.aim > each.required, each.number


def test_the_quick_run_knows_its_goals() -> None:
    assert {each.number for each in goals.GOALS} >= goals.QUICK
