"""The short form of the workers' ordeal: a sending process is killed, the database restarted, and nobody gets two."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.workers import newsroom, ordeal

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def test_one_is_killed_and_the_database_restarted_and_nobody_gets_two(tmp_path: Path) -> None:
    with newsroom(tmp_path) as room:
        found = ordeal(room, 2_000, whole=False)
        logs = [(tmp_path / f"worker{number}.log").read_text() for number in range(2)]
    assert found.stands, found
    assert found.readers == 2_000
    assert "sender_died" in logs[0]
    assert "the database system is" in "".join(logs), "it was not restarted while mail was sent: this proves nothing"
