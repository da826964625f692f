"""The scheduler: APScheduler with our timetable and the rows of `schedules`. It only asks; the engine does the work.

Its job store is in memory and rebuilt from the rows: APScheduler's own SQL store fires twice when two processes share
it. Two of these schedulers are harmless: a slot's unique row decides, and tasks may come twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy.exc import OperationalError

from ground.engine import Payload, WorkLane
from jobs.tasks import Parts
from jobs.timetable import HEARTBEATS, SCHEDULES_ARE_READ_EVERY, Heartbeat
from jobs.trigger import WallClockTrigger
from newsletters import schedule as rules
from newsletters import schedules

log = structlog.get_logger()

_DEFAULTS = {
    "coalesce": True,  # ten missed beats are one
    "max_instances": 1,
    "misfire_grace_time": None,  # how late is too late is ours to judge (newsletters.compose)
}


@dataclass(frozen=True, slots=True)
class _Known:
    """A row of `schedules` as it was last read."""

    rule: str
    lead: timedelta
    changed_at: datetime


class Scheduler:
    """Runs from `start` to `stop` in the running loop."""

    def __init__(self, parts: Parts, *, heartbeats: tuple[Heartbeat, ...] = HEARTBEATS) -> None:
        self._parts = parts
        self._heartbeats = heartbeats
        self._clockwork = AsyncIOScheduler(
            timezone=UTC, jobstores={"default": MemoryJobStore()}, job_defaults=_DEFAULTS
        )
        self._known: dict[int, _Known] = {}
        self._asking: set[asyncio.Task[bool]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Keep time until `stop` is set, then let what is being asked be finished."""
        await self.start()
        try:
            await stop.wait()
        finally:
            await self.stop()

    async def start(self) -> None:
        """Begin: every heartbeat beats at once, so that what was missed while the service was down is looked for."""
        now = self._parts.clock()
        self._clockwork.start()
        await self.read_schedules()
        self._every(SCHEDULES_ARE_READ_EVERY, self.read_schedules, [], "read_schedules", first=now)
        for beat in self._heartbeats:
            self._every(beat.every, self._ask, [beat.task, {}, beat.lane, beat.task], beat.task, first=now)

    async def stop(self) -> None:
        """Fire nothing more, and wait for what is being asked."""
        self._clockwork.pause()
        await asyncio.gather(*self._asking, return_exceptions=True)
        self._clockwork.shutdown(wait=False)
        await asyncio.sleep(0)  # it shuts down by a callback of the loop

    async def read_schedules(self) -> None:
        """Bring the jobs in line with the rows; while the database is away they stay as they are."""
        try:
            rows = await asyncio.to_thread(self._rows)
        except OperationalError as problem:
            log.warning("schedules_not_read", problem=" ".join(str(problem.orig).split()))
            return
        for schedule_id in self._known.keys() - rows.keys():
            self._forget(schedule_id)
        for schedule_id, row in rows.items():
            if self._known.get(schedule_id) != row:
                self._forget(schedule_id)
                self._plan(schedule_id, row)
                # Its draft may be due already: whoever plans an issue for the next quarter of an hour sees it at once.
                await self._ask(*_draft(schedule_id))
        self._known = rows

    def next_moments(self) -> dict[str, datetime]:
        """When each job fires next; for pages and tests."""
        return {job.id: job.next_run_time for job in self._clockwork.get_jobs()}

    def _rows(self) -> dict[int, _Known]:
        with self._parts.database.read() as session:
            return {row.id: _Known(row.rule, row.lead, row.changed_at) for row in schedules.list_enabled(session)}

    def _plan(self, schedule_id: int, row: _Known) -> None:
        rule = rules.parse(row.rule)
        if isinstance(rule, rules.ScheduleProblem):
            log.error("schedule.unreadable", schedule=schedule_id, rule=row.rule, problem=str(rule))
            return
        draft = WallClockTrigger(rule, lead=row.lead)
        ask_slot = ["publish_due", {}, WorkLane.UPKEEP, "publish_due"]
        self._clockwork.add_job(self._ask, draft, args=list(_draft(schedule_id)), id=_draft_id(schedule_id))
        self._clockwork.add_job(self._ask, WallClockTrigger(rule), args=ask_slot, id=_slot_id(schedule_id))

    def _forget(self, schedule_id: int) -> None:
        for job_id in (_draft_id(schedule_id), _slot_id(schedule_id)):
            if self._clockwork.get_job(job_id) is not None:
                self._clockwork.remove_job(job_id)

    def _every(
        self, pace: timedelta, func: Callable[..., Awaitable[None]], args: list[object], name: str, *, first: datetime
    ) -> None:
        seconds = pace.total_seconds()
        self._clockwork.add_job(func, "interval", seconds=seconds, args=args, id=name, next_run_time=first)

    async def _ask(self, task: str, payload: Payload, lane: WorkLane, key: str) -> None:
        # In a thread, for a distributed engine writes into its database here.
        submit = partial(self._parts.engine.submit, task, payload, lane=lane, key=key)
        asking = asyncio.create_task(asyncio.to_thread(submit))
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)
        await asyncio.shield(asking)


def _draft(schedule_id: int) -> tuple[str, Payload, WorkLane, str]:
    return "compose", {"schedule": schedule_id}, WorkLane.UPKEEP, f"compose:{schedule_id}"


def _draft_id(schedule_id: int) -> str:
    return f"schedule:{schedule_id}:draft"


def _slot_id(schedule_id: int) -> str:
    return f"schedule:{schedule_id}:slot"
