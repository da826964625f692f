"""The scheduler: what it asks for, and that it follows the rows of `schedules`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest

from ground.database import Database
from ground.engine import Payload, WorkLane
from jobs.scheduler import Scheduler
from jobs.tasks import Parts
from jobs.timetable import Heartbeat
from newsletters import plan, schedules
from newsletters.publish import Publisher
from newsletters.schedule import Schedule as Rule
from newsletters.schedule import parse
from newsletters.schedules import Schedule, Terms
from tests.newsletters.builders import BASE_URL, RecordingEngine, StoringCompiler, a_desk

# APScheduler reads the clock itself, so these tests live in the present.
NOW = datetime.now(UTC)  # noqa: TID251


async def nothing(*_: object) -> None:
    """A story that is not told here."""


def parts(database: Database, engine: RecordingEngine) -> Parts:
    def clock() -> datetime:
        return datetime.now(UTC)  # noqa: TID251

    return Parts(
        database=database,
        clock=clock,
        engine=engine,
        publisher=Publisher(database, StoringCompiler(database, NOW), engine, clock, BASE_URL),
        send_batch=nothing,
        collect=nothing,
        recover=nothing,
        poll_bounces=nothing,
        tell=nothing,
        remind=nothing,
        put_right=nothing,
        look_again=nothing,
        sign_ahead=nothing,
        carry_import=nothing,
    )


@pytest.fixture
async def scheduler(database: Database) -> AsyncIterator[Scheduler]:
    made = Scheduler(parts(database, RecordingEngine()), heartbeats=())
    await made.start()
    yield made
    await made.stop()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 - what is waited for happens in a thread
            await asyncio.sleep(0.01)


async def test_a_heartbeat_beats_at_once_and_again(database: Database) -> None:
    engine = RecordingEngine()
    beat = Heartbeat("settle", timedelta(milliseconds=50), WorkLane.UPKEEP)
    stop = asyncio.Event()
    running = asyncio.create_task(Scheduler(parts(database, engine), heartbeats=(beat,)).run(stop))
    await until(lambda: len(engine.submitted) == 1)
    asked = engine.submitted.pop()
    assert (asked.task, asked.payload, asked.lane, asked.key) == ("settle", {}, WorkLane.UPKEEP, "settle")
    await until(lambda: len(engine.submitted) == 1)
    stop.set()
    await running
    engine.submitted.clear()
    await asyncio.sleep(0.15)
    assert engine.submitted == []


async def test_each_schedule_has_its_draft_and_its_slot(database: Database, scheduler: Scheduler) -> None:
    with database.write() as session:
        desk = a_desk(session, NOW)
        rule = schedules.rule_of(session.get_one(Schedule, desk.schedule))
    before = datetime.now(UTC)  # noqa: TID251
    await scheduler.read_schedules()
    moments = scheduler.next_moments()
    # Two answers are right when a slot passes while this runs.
    next_ones = {rule.next_slots(at, 1)[0].due_at for at in (before, datetime.now(UTC))}  # noqa: TID251
    assert moments[f"schedule:{desk.schedule}:slot"] in next_ones
    lead = moments[f"schedule:{desk.schedule}:slot"] - moments[f"schedule:{desk.schedule}:draft"]
    assert lead % timedelta(days=1) == timedelta(minutes=30)


async def test_a_changed_schedule_is_followed_and_a_stopped_one_forgotten(
    database: Database, scheduler: Scheduler
) -> None:
    with database.write() as session:
        schedule_id = a_desk(session, NOW).schedule
    await scheduler.read_schedules()
    before = scheduler.next_moments()[f"schedule:{schedule_id}:slot"]
    with database.write() as session:
        schedule = session.get_one(Schedule, schedule_id)
        schedules.change_rule(session, schedule, "daily 13:37 Asia/Baghdad", now=NOW)
    await scheduler.read_schedules()
    after = scheduler.next_moments()[f"schedule:{schedule_id}:slot"]
    assert after != before
    assert (after.hour, after.minute) == (10, 37)
    with database.write() as session:
        schedules.set_enabled(session.get_one(Schedule, schedule_id), enabled=False, now=NOW)
    await scheduler.read_schedules()
    assert not [name for name in scheduler.next_moments() if name.startswith("schedule:")]


async def test_a_change_that_another_process_writes_is_taken_within_seconds(database: Database) -> None:
    """As the web process makes it, through the editor's own story; the scheduler runs, and nobody calls it."""
    with database.write() as session:
        schedule_id = a_desk(session, NOW).schedule
    engine = RecordingEngine()
    running = Scheduler(parts(database, engine), heartbeats=())
    await running.start()
    try:
        before = running.next_moments()[f"schedule:{schedule_id}:slot"]
        await until(lambda: bool(engine.submitted))
        engine.submitted.clear()
        rule = parse("daily 13:37 Asia/Baghdad")
        assert isinstance(rule, Rule)
        with database.write() as session:
            terms = schedules.terms_of(session.get_one(Schedule, schedule_id))
            plan.change(session, schedule_id, rule, terms, seen=None, by="roza@example.org", now=NOW)
        await until(lambda: running.next_moments()[f"schedule:{schedule_id}:slot"] != before)
        await until(lambda: [each.task for each in engine.submitted] == ["compose"])  # its draft may be due already
        with database.write() as session:
            plan.stop(session, schedule_id, by="roza@example.org", now=NOW)
        await until(lambda: f"schedule:{schedule_id}:slot" not in running.next_moments())
    finally:
        await running.stop()


async def test_a_rule_nobody_can_read_does_not_stop_the_clock(database: Database, scheduler: Scheduler) -> None:
    with database.write() as session:
        desk = a_desk(session, NOW)
        good = schedules.add(session, desk.edition, "daily 08:00 UTC", now=NOW, terms=Terms(name="second"))
        assert isinstance(good, Schedule)
        session.get_one(Schedule, desk.schedule).rule = "when the cock crows"
    await scheduler.read_schedules()
    assert f"schedule:{good.id}:slot" in scheduler.next_moments()
    assert f"schedule:{desk.schedule}:slot" not in scheduler.next_moments()


class SlowEngine(RecordingEngine):
    """An engine whose submit takes a while, as a database far away does."""

    asked = threading.Event()
    may_go_on = threading.Event()

    def submit(
        self, task: str, payload: Payload, *, lane: WorkLane, run_at: datetime | None = None, key: str | None = None
    ) -> bool:
        self.asked.set()
        self.may_go_on.wait(5)
        return super().submit(task, payload, lane=lane, run_at=run_at, key=key)


async def test_stopping_waits_for_what_is_being_asked(database: Database) -> None:
    engine = SlowEngine()
    stop = asyncio.Event()
    beat = Heartbeat("settle", timedelta(seconds=60), WorkLane.UPKEEP)
    running = asyncio.create_task(Scheduler(parts(database, engine), heartbeats=(beat,)).run(stop))
    await asyncio.to_thread(engine.asked.wait, 5)
    stop.set()
    await asyncio.sleep(0.05)
    assert not running.done()
    engine.may_go_on.set()
    await running
    assert [each.task for each in engine.submitted] == ["settle"]
