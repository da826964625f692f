"""Child processes may die of what they are given; the service goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from broadsheet.children import MEMORY, Children

pytestmark = pytest.mark.slow


@pytest.fixture
def children() -> Iterator[Children]:
    made = Children(workers=1)
    yield made
    made.shutdown()


def double(number: int) -> int:
    return 2 * number


def divide(number: int) -> float:
    return 1 / number


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(marker: Path) -> str:
    if not marker.exists():
        marker.touch()
        die()
    return "alive"


def take_too_much() -> int:
    return len(b"x" * (MEMORY + 1))


def test_work_is_done_and_its_errors_come_back(children: Children) -> None:
    assert children.submit(double, 21).result(30) == 42
    with pytest.raises(ZeroDivisionError):
        children.submit(divide, 0).result(30)


def test_work_that_kills_its_child_is_told_and_the_next_is_done(children: Children) -> None:
    with pytest.raises(BrokenProcessPool):
        children.submit(die).result(30)
    assert children.submit(double, 4).result(30) == 8


def test_work_whose_child_died_of_something_else_is_done_again(children: Children, tmp_path: Path) -> None:
    assert children.submit(die_once, tmp_path / "marker").result(30) == "alive"


def test_a_child_cannot_take_the_machines_memory(children: Children) -> None:
    with pytest.raises(MemoryError):
        children.submit(take_too_much).result(30)
    assert children.submit(double, 4).result(30) == 8
