"""The distributed engine: one queue in PostgreSQL, worked on by any number of processes on any number of machines.

What waits there are ids; the ledger is the truth. Every process refills it, and the window keeps it small, so that what
is paused, cancelled or slowed down is so at once. Loaded only where it is chosen: Procrastinate is an extra.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

from procrastinate import App, PsycopgConnector

from ground.database import Database
from ground.engine import LaneStats, Payload, Task, WorkLane
from jobs import lanes as working
from jobs.lanes import Pace, Refill, Refilling
from jobs.queue import Queue
from jobs.schema import SCHEMA
from jobs.shift import Shift, Watch


class ProcrastinateEngine:
    """Implements `ground.engine.Engine` for many processes."""

    def __init__(
        self,
        tasks: Mapping[str, Task],
        database: Database,
        *,
        pace: Pace,
        refills: Sequence[Refill] = (),
        watch: Watch | None = None,
    ) -> None:
        self._tasks = tasks
        self._database = database
        self._pace = pace
        self._refills = refills
        self._watch = watch or Watch()
        self._queue = Queue(database, pace)

    def submit(
        self, task: str, payload: Payload, *, lane: WorkLane, run_at: datetime | None = None, key: str | None = None
    ) -> bool:
        """Ask for work, from any thread, on any machine. False when `key` waits or runs, or the lane's window is full.

        Raises KeyError for a task nobody knows: that is a mistake in the wiring.
        """
        if task not in self._tasks:
            raise working.unknown(task, self._tasks)
        return self._queue.submit(task, payload, lane, run_at, key)

    def cancel(self, key: str) -> bool:
        """Drop waiting work; False when nothing waits under this key (it may be running)."""
        return self._queue.cancel(key)

    def stats(self) -> Mapping[WorkLane, LaneStats]:
        """Of all processes together."""
        return self._queue.stats()

    async def run(self, lanes: Sequence[WorkLane], stop: asyncio.Event) -> None:
        """Work until `stop` is set, then let what runs end, at most `drain_for`; what waits stays waiting."""
        refilling = Refilling(self._refills, self._pace.refill_every)
        app = App(connector=_connector(self._database))
        async with app.open_async():
            shift = Shift(app.job_manager, self._tasks, refilling, self._watch)
            await shift.begin(lanes, stop)
            beside = [asyncio.create_task(each) for each in (refilling.run(stop), shift.listen(), shift.watch())]
            workers = [
                asyncio.create_task(shift.work(lane, stop))
                for lane in lanes
                for _ in range(self._pace.limits.get(lane, 1))
            ]
            try:
                await stop.wait()
            finally:
                shift.look()
                await working.drain(workers, self._pace.drain_for)
                for each in beside:
                    each.cancel()
                await asyncio.gather(*beside, return_exceptions=True)
                await shift.end()


def _connector(database: Database) -> PsycopgConnector:
    """Connections of its own, in the schema of the job tables: few, for a job is long and its bookkeeping short."""
    _, arguments = database.writer.dialect.create_connect_args(database.writer.url)
    options = f"{arguments.get('options', '')} -c search_path={SCHEMA}".strip()
    return PsycopgConnector(
        kwargs={**arguments, "options": options},
        min_size=1,
        max_size=3,
        timeout=5,
        reconnect_timeout=5,  # after that the next question tries again, however long the server was away
    )
