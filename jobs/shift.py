"""A shift: one process at work on the shared queue, from when it registers until it has put everything down.

The jobs are fetched here and not by Procrastinate's own worker. That one ends when the database goes away for a moment,
waits for whatever it runs before it can begin anew, and a job whose end it could not write stays "doing" for as long as
it lives: nobody else would ever publish an issue. Here an end that could not be written is written later.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import structlog
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Notification, Status
from procrastinate.manager import JobManager
from psycopg import OperationalError

from ground.engine import Payload, Task, WorkLane
from jobs.lanes import Refilling, carry_out

log = structlog.get_logger()

_BEAT = """
    UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id = %(worker)s RETURNING id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How soon the dead are noticed. Who is only slow loses nothing but the work: a job that comes twice is harmless."""

    beat_every: timedelta = timedelta(seconds=2)
    silent_after: timedelta = timedelta(seconds=10)
    look_every: timedelta = timedelta(seconds=1)  # where a notification was lost, and for jobs whose time has come


class Shift:
    """Fetches, runs and finishes jobs of some lanes."""

    def __init__(self, manager: JobManager, tasks: Mapping[str, Task], refilling: Refilling, watch: Watch) -> None:
        self._manager = manager
        self._tasks = tasks
        self._refilling = refilling
        self._watch = watch
        self._worker = 0
        self._news: dict[WorkLane, asyncio.Event] = {}
        self._turns: dict[WorkLane, asyncio.Lock] = {}
        self._fed: set[WorkLane] = set()  # lanes that had a job when they were last looked at
        self._ended: set[int] = set()  # jobs whose end could not be written yet

    async def begin(self, lanes: Sequence[WorkLane], stop: asyncio.Event) -> None:
        self._news = {lane: asyncio.Event() for lane in lanes}
        self._turns = {lane: asyncio.Lock() for lane in lanes}
        while not (self._worker or stop.is_set()):
            try:
                self._worker = await self._manager.register_worker()
            except ConnectorException as problem:
                log.warning("queue_not_reached", problem=_reason(problem))
                await asyncio.sleep(self._watch.look_every.total_seconds())

    async def end(self) -> None:
        """What could not be finished is left to whoever looks for jobs without a worker."""
        with contextlib.suppress(ConnectorException):
            await self._write_ends()
            await self._manager.unregister_worker(self._worker)

    def look(self) -> None:
        """Let every lane look for itself."""
        for news in self._news.values():
            news.set()

    async def work(self, lane: WorkLane, stop: asyncio.Event) -> None:
        """One worker of a lane. Only one of them looks for a job at a time; the others are busy, or wait their turn."""
        while not stop.is_set():
            async with self._turns[lane]:
                job = await self._next(lane, stop)
            if job is not None:
                await self._run(job)

    async def listen(self) -> None:
        """Wake a lane when a job for it was submitted, wherever that was."""

        async def heard(*, channel: str, notification: Notification) -> None:
            if notification["type"] == "job_inserted":
                self._news[WorkLane(channel.rpartition("#")[2])].set()

        queues = [lane.value for lane in self._news]
        await self._again_and_again(
            lambda: self._manager.listen_for_jobs(on_notification=heard, queues=queues), self._watch.look_every
        )

    async def watch(self) -> None:
        """Say that this process lives, and give the jobs of those that fell silent to whoever has time."""

        async def beat() -> None:
            await self._beat()
            await self._write_ends()
            await self._return_stalled()

        await self._again_and_again(beat, self._watch.beat_every)

    async def _next(self, lane: WorkLane, stop: asyncio.Event) -> Job | None:
        news = self._news[lane]
        while not stop.is_set():
            news.clear()
            try:
                job = await self._manager.fetch_job([lane.value], self._worker)
            except ConnectorException as problem:
                log.warning("queue_not_read", lane=lane.value, problem=_reason(problem))
                job = None
            if job is not None:
                self._fed.add(lane)
                return job
            if lane in self._fed:
                self._fed.discard(lane)
                self._refilling.ask()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._watch.look_every.total_seconds()):
                    await news.wait()
        return None

    async def _run(self, job: Job) -> None:
        assert job.id is not None
        try:
            task = self._tasks.get(job.task_name)
            if task is None:
                log.error("job_unknown", task=job.task_name, meaning="another version of the program submitted it")
            else:
                await carry_out(task, job.task_name, cast("Payload", job.task_kwargs))  # it was submitted as one
        finally:
            self._ended.add(job.id)
            with contextlib.suppress(ConnectorException):
                await asyncio.shield(self._write_ends())

    async def _write_ends(self) -> None:
        """Failed or not, a job that ended is gone: what it left undone is in the ledger."""
        for job_id in list(self._ended):
            try:
                await self._manager.finish_job_by_id_async(job_id, Status.SUCCEEDED, delete_job=True)
            except ConnectorException as problem:
                if isinstance(problem.__cause__, OperationalError):
                    raise
                # It is not there any more: this process was silent for too long, and another has done it again.
            self._ended.discard(job_id)

    async def _beat(self) -> None:
        alive = await self._manager.connector.execute_query_all_async(_BEAT, worker=self._worker)
        if not alive:  # it was silent for too long, and is taken for dead
            self._worker = await self._manager.register_worker()

    async def _return_stalled(self) -> None:
        silent = self._watch.silent_after.total_seconds()
        for job in await self._manager.get_stalled_jobs(seconds_since_heartbeat=silent):
            log.warning("job_returned", job=job.id, task=job.task_name)
            await self._return(job)
        await self._manager.prune_stalled_workers(silent)

    async def _return(self, job: Job) -> None:
        assert job.id is not None
        try:
            await self._manager.retry_job(job)
        except UniqueViolation:  # another with its key waits already
            self._ended.add(job.id)
        except ConnectorException as problem:
            if isinstance(problem.__cause__, OperationalError):
                raise
            # Another process was faster.

    async def _again_and_again(self, story: Callable[[], Awaitable[object]], every: timedelta) -> None:
        while True:
            try:
                await story()
            except ConnectorException as problem:
                log.warning("queue_not_reached", problem=_reason(problem))
            await asyncio.sleep(every.total_seconds())


def _reason(problem: Exception) -> str:
    return " ".join(str(problem.__cause__ or problem).split())[:200]
