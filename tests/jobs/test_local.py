"""The local engine: lanes, keys, time, refills, draining."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from ground.engine import Engine, Payload, WorkLane
from jobs.lanes import Pace
from jobs.local import LocalEngine

START = datetime(2026, 3, 9, 4, 0, tzinfo=UTC)


class Work:
    """A task that notes what it was given and waits until told."""

    def __init__(self) -> None:
        self.seen: list[Payload] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.most_at_once = 0
        self._now = 0

    async def __call__(self, payload: Payload) -> None:
        self.seen.append(payload)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            await self.gate.wait()
            if payload.get("breaks"):
                raise RuntimeError("as told")
        finally:
            self._now -= 1


def engine_of(work: Work, clock: Callable[[], datetime] = lambda: START, **pace: object) -> LocalEngine:
    limits = {WorkLane.TX: 2, WorkLane.BULK: 1}
    return LocalEngine({"work": work}, clock=clock, pace=Pace(limits=limits, **pace))  # type: ignore[arg-type]


@asynccontextmanager
async def running(engine: LocalEngine) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    run = asyncio.create_task(engine.run([WorkLane.TX, WorkLane.BULK], stop))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(run, 5)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(3):
        while not condition():  # noqa: ASYNC110 - it watches plain numbers
            await asyncio.sleep(0.005)


async def test_it_is_an_engine() -> None:
    engine: Engine = engine_of(Work())
    assert engine.stats()[WorkLane.TX].waiting == 0


async def test_work_submitted_before_and_after_the_start_is_done() -> None:
    work = Work()
    engine = engine_of(work)
    engine.submit("work", {"n": 1}, lane=WorkLane.TX)
    async with running(engine):
        await until(lambda: len(work.seen) == 1)
        engine.submit("work", {"n": 2}, lane=WorkLane.BULK)
        await until(lambda: len(work.seen) == 2)
    assert work.seen == [{"n": 1}, {"n": 2}]


async def test_work_may_be_submitted_from_any_thread() -> None:
    work = Work()
    engine = engine_of(work)
    async with running(engine):
        threads = [
            threading.Thread(target=engine.submit, args=("work", {"n": n}), kwargs={"lane": WorkLane.TX})
            for n in range(20)
        ]
        for thread in threads:
            thread.start()
        await until(lambda: len(work.seen) == 20)
        for thread in threads:
            thread.join()


async def test_a_lane_has_as_many_workers_as_its_limit_and_a_full_lane_holds_no_other_up() -> None:
    work = Work()
    work.gate.clear()
    engine = engine_of(work)
    async with running(engine):
        for n in range(5):
            engine.submit("work", {"lane": "bulk", "n": n}, lane=WorkLane.BULK)
        await until(lambda: engine.stats()[WorkLane.BULK].running == 1)
        engine.submit("work", {"lane": "tx"}, lane=WorkLane.TX)
        await until(lambda: {"lane": "tx"} in work.seen)
        assert engine.stats()[WorkLane.BULK].waiting == 4
        assert work.most_at_once == 2
        work.gate.set()
        await until(lambda: len(work.seen) == 6)


async def test_work_with_the_same_key_is_taken_once_while_it_waits_or_runs() -> None:
    work = Work()
    work.gate.clear()
    engine = engine_of(work)
    assert engine.submit("work", {}, lane=WorkLane.BULK, key="batch:1")
    assert not engine.submit("work", {}, lane=WorkLane.BULK, key="batch:1")
    async with running(engine):
        await until(lambda: engine.stats()[WorkLane.BULK].running == 1)
        assert not engine.submit("work", {}, lane=WorkLane.BULK, key="batch:1")
        work.gate.set()
        await until(lambda: engine.stats()[WorkLane.BULK].running == 0)
        assert engine.submit("work", {}, lane=WorkLane.BULK, key="batch:1")


async def test_work_waits_for_its_time() -> None:
    work = Work()
    times = [START]
    engine = engine_of(work, clock=lambda: times[0])
    engine.submit("work", {"n": "later"}, lane=WorkLane.TX, run_at=START + timedelta(milliseconds=300))
    engine.submit("work", {"n": "now"}, lane=WorkLane.TX)
    async with running(engine):
        await until(lambda: len(work.seen) == 1)
        await asyncio.sleep(0.05)
        assert work.seen == [{"n": "now"}]
        times[0] = START + timedelta(seconds=1)
        await until(lambda: len(work.seen) == 2)


async def test_waiting_work_can_be_cancelled_and_running_work_cannot() -> None:
    work = Work()
    work.gate.clear()
    engine = engine_of(work)
    engine.submit("work", {"n": 1}, lane=WorkLane.BULK, key="one")
    engine.submit("work", {"n": 2}, lane=WorkLane.BULK, key="two")
    async with running(engine):
        await until(lambda: engine.stats()[WorkLane.BULK].running == 1)
        assert engine.cancel("two")
        assert not engine.cancel("one")
        work.gate.set()
        await until(lambda: engine.stats()[WorkLane.BULK].running == 0)
    assert work.seen == [{"n": 1}]


async def test_a_job_that_breaks_does_not_end_its_lane() -> None:
    work = Work()
    engine = engine_of(work)
    async with running(engine):
        for n in range(3):
            engine.submit("work", {"breaks": 1, "n": n}, lane=WorkLane.BULK, key="same" if n == 0 else None)
        engine.submit("work", {"n": "last"}, lane=WorkLane.BULK)
        await until(lambda: len(work.seen) == 4)
        await until(lambda: engine.submit("work", {}, lane=WorkLane.BULK, key="same"))


async def test_refills_run_at_the_start_and_when_a_lane_runs_dry_and_a_broken_one_stops_nothing() -> None:
    work = Work()
    left = list(range(5))

    async def broken() -> None:
        raise RuntimeError("the database is away")

    async def refill() -> None:
        if left:
            engine.submit("work", {"n": left.pop(0)}, lane=WorkLane.BULK)

    refills: list[Callable[[], Awaitable[None]]] = [broken, refill]
    engine = LocalEngine(
        {"work": work},
        clock=lambda: START,
        pace=Pace(limits={WorkLane.BULK: 1}, refill_every=timedelta(hours=1)),
        refills=refills,
    )
    async with running(engine):
        await until(lambda: len(work.seen) == 5)


async def test_stopping_lets_running_work_end_and_leaves_waiting_work() -> None:
    work = Work()
    work.gate.clear()
    engine = engine_of(work)
    for n in range(2):
        engine.submit("work", {"n": n}, lane=WorkLane.BULK)
    stop = asyncio.Event()
    run = asyncio.create_task(engine.run([WorkLane.BULK], stop))
    await until(lambda: engine.stats()[WorkLane.BULK].running == 1)
    stop.set()
    await asyncio.sleep(0.02)
    assert not run.done()
    work.gate.set()
    await asyncio.wait_for(run, 2)
    assert work.seen == [{"n": 0}]
    assert engine.stats()[WorkLane.BULK].waiting == 1


async def test_stopping_cuts_work_short_that_does_not_end_in_time() -> None:
    work = Work()
    work.gate.clear()
    engine = engine_of(work, drain_for=timedelta(milliseconds=50))
    engine.submit("work", {}, lane=WorkLane.BULK)
    async with running(engine):
        await until(lambda: engine.stats()[WorkLane.BULK].running == 1)
    assert engine.stats()[WorkLane.BULK].running == 0


async def test_a_full_backlog_refuses_and_an_unknown_task_is_a_mistake() -> None:
    engine = engine_of(Work(), backlog=1)
    assert engine.submit("work", {}, lane=WorkLane.BULK)
    assert not engine.submit("work", {}, lane=WorkLane.BULK)
    with pytest.raises(KeyError, match="no task named 'wrok'; there are work"):
        engine.submit("wrok", {}, lane=WorkLane.BULK)
