"""The rounds as wiring binds them: what of an issue is in the engine at a time, and that it goes on from there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import func, select

from broadsheet.rounds import WINDOW, Rounds
from broadsheet.settings import Settings
from broadsheet.wiring import House
from ground.engine import WorkLane
from mailer.batches import SIZE, Batch
from tests.mailer import builders

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("engine", ["local", "procrastinate"])
async def test_a_window_of_an_issue_is_in_the_engine_and_no_more(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str
) -> None:
    """So pausing it, cancelling it or sending it more slowly has a few batches to wait for, whatever its size."""
    url = "" if engine == "local" else request.getfixturevalue("empty_postgres_url")
    settings = {"data_dir": tmp_path, "database_url": url, "engine": engine, "base_url": "https://news.example"}
    with House(Settings.model_validate(settings)) as house:
        house.migrate()
        house.prepare_to_send()
        with house.database.write() as session:
            builders.letter(session, (WINDOW + 5) * SIZE, now=house.clock())
            in_all = session.scalar(select(func.count(Batch.id))) or 0
        assert in_all == WINDOW + 5
        asked = [submit(house, number) for number in range(1, in_all + 1)]  # as whoever publishes it does
        assert asked == [True] * WINDOW + [False] * 5
        rounds = Rounds(house)
        await rounds.refill()
        assert waiting(house) == WINDOW
        # Half of them have been taken by somebody: others follow.
        for number in range(1, WINDOW // 2 + 1):
            assert await asyncio.to_thread(house.engine.cancel, f"batch:{number}")
        assert waiting(house) == WINDOW // 2
        await rounds.refill()
        assert waiting(house) == WINDOW


def submit(house: House, number: int) -> bool:
    return house.engine.submit("send_batch", {"batch": number}, lane=WorkLane.BULK, key=f"batch:{number}")


def waiting(house: House) -> int:
    return house.engine.stats()[WorkLane.BULK].waiting
