"""The local engine: lanes of asyncio workers in this process, for the embedded database.

It keeps nothing on disk and need not: the ledger is the truth, and refills ask it what is due, at the start, every few
seconds, and whenever a lane runs dry. Work that is lost with the process is found again by them.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ground.engine import LaneStats, Payload, Task, WorkLane
from jobs import lanes as working
from jobs.lanes import Pace, Refill, Refilling

Clock = Callable[[], datetime]


@dataclass(order=True, slots=True)
class _Job:
    run_at: datetime
    number: int
    task: str = field(compare=False)
    payload: Payload = field(compare=False)
    key: str | None = field(compare=False)


class LocalEngine:
    """Implements `ground.engine.Engine` in one process."""

    def __init__(self, tasks: Mapping[str, Task], *, clock: Clock, pace: Pace, refills: Sequence[Refill] = ()) -> None:
        self._tasks = tasks
        self._clock = clock
        self._pace = pace
        self._refilling = Refilling(refills, pace.refill_every)
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._waiting: dict[WorkLane, list[_Job]] = {lane: [] for lane in WorkLane}
        self._running: dict[WorkLane, int] = dict.fromkeys(WorkLane, 0)
        self._keys: set[str] = set()  # of what waits and what runs
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed: dict[WorkLane, asyncio.Event] = {}

    def submit(
        self, task: str, payload: Payload, *, lane: WorkLane, run_at: datetime | None = None, key: str | None = None
    ) -> bool:
        """Ask for work, from any thread. False when `key` waits or runs already, or the lane's backlog is full.

        Raises KeyError for a task nobody knows: that is a mistake in the wiring.
        """
        if task not in self._tasks:
            raise working.unknown(task, self._tasks)
        job = _Job(run_at or self._clock(), next(self._numbers), task, dict(payload), key)
        with self._lock:
            if (key is not None and key in self._keys) or len(self._waiting[lane]) >= self._pace.window(lane):
                return False
            if key is not None:
                self._keys.add(key)
            heapq.heappush(self._waiting[lane], job)
        self._wake(lane)
        return True

    def cancel(self, key: str) -> bool:
        """Drop waiting work; False when nothing waits under this key (it may be running)."""
        with self._lock:
            for jobs in self._waiting.values():
                for place, job in enumerate(jobs):
                    if job.key == key:
                        jobs.pop(place)
                        heapq.heapify(jobs)
                        self._keys.discard(key)
                        return True
        return False

    def stats(self) -> Mapping[WorkLane, LaneStats]:
        with self._lock:
            return {lane: LaneStats(len(self._waiting[lane]), self._running[lane]) for lane in WorkLane}

    async def run(self, lanes: Sequence[WorkLane], stop: asyncio.Event) -> None:
        """Work until `stop` is set, then let what runs end, at most `drain_for`; what waits stays waiting."""
        self._loop = asyncio.get_running_loop()
        self._changed = {lane: asyncio.Event() for lane in lanes}
        refilling = asyncio.create_task(self._refilling.run(stop))
        workers = [
            asyncio.create_task(self._work(lane, stop)) for lane in lanes for _ in range(self._pace.limits.get(lane, 1))
        ]
        try:
            await stop.wait()
        finally:
            refilling.cancel()
            await asyncio.gather(refilling, return_exceptions=True)
            for changed in self._changed.values():
                changed.set()
            await working.drain(workers, self._pace.drain_for)
            self._loop, self._changed = None, {}

    async def _work(self, lane: WorkLane, stop: asyncio.Event) -> None:
        while not stop.is_set():
            job = self._take(lane)
            if job is None:
                await self._wait_for_work(lane)
                continue
            try:
                await working.carry_out(self._tasks[job.task], job.task, job.payload)
            finally:
                self._done(lane, job)

    def _take(self, lane: WorkLane) -> _Job | None:
        with self._lock:
            jobs = self._waiting[lane]
            if not jobs or jobs[0].run_at > self._clock():
                return None
            self._running[lane] += 1
            return heapq.heappop(jobs)

    def _done(self, lane: WorkLane, job: _Job) -> None:
        with self._lock:
            self._running[lane] -= 1
            if job.key is not None:
                self._keys.discard(job.key)
            if not self._waiting[lane]:
                self._refilling.ask()

    async def _wait_for_work(self, lane: WorkLane) -> None:
        changed = self._changed[lane]
        changed.clear()
        with self._lock:
            jobs = self._waiting[lane]
            soonest = (jobs[0].run_at - self._clock()).total_seconds() if jobs else None
        if soonest is not None and soonest <= 0:
            return
        # A second at most: the clock that run_at is measured by may be set.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if soonest is None else min(soonest, 1.0)):
                await changed.wait()

    def _wake(self, lane: WorkLane) -> None:
        loop, changed = self._loop, self._changed.get(lane)
        if loop is not None and changed is not None:
            with contextlib.suppress(RuntimeError):  # the loop has closed since: the next run looks for itself
                loop.call_soon_threadsafe(changed.set)
