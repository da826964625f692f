"""What only the local engine does; what both do is in test_engines."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from ground.engine import Payload, WorkLane
from jobs.lanes import Pace
from jobs.local import LocalEngine

START = datetime(2026, 3, 9, 4, 0, tzinfo=UTC)


async def test_the_time_of_work_is_judged_by_the_clock_it_was_given() -> None:
    seen: list[Payload] = []
    times = [START]

    async def work(payload: Payload) -> None:
        seen.append(payload)

    engine = LocalEngine({"work": work}, clock=lambda: times[0], pace=Pace(limits={}))
    engine.submit("work", {"n": "tomorrow"}, lane=WorkLane.TX, run_at=START + timedelta(days=1))
    stop = asyncio.Event()
    run = asyncio.create_task(engine.run([WorkLane.TX], stop))
    await asyncio.sleep(0.05)
    assert seen == []
    times[0] = START + timedelta(days=1)
    async with asyncio.timeout(3):
        while not seen:  # noqa: ASYNC110 - it watches a plain list
            await asyncio.sleep(0.01)
    stop.set()
    await run


async def test_a_full_backlog_refuses_in_any_lane() -> None:
    async def work(_: Payload) -> None: ...

    engine = LocalEngine({"work": work}, clock=lambda: START, pace=Pace(limits={}, backlog=1))
    for lane in (WorkLane.BULK, WorkLane.COLLECT):
        assert engine.submit("work", {}, lane=lane)
        assert not engine.submit("work", {}, lane=lane)
