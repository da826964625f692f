"""One issue a slot, whatever the clocks do: two schedulers at once, a jump either way, a gap, a fold, and time away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ground.database import Database
from ground.engine import Task, WorkLane
from jobs import tasks as jobs_tasks
from jobs.lanes import Pace
from jobs.local import LocalEngine
from jobs.scheduler import Scheduler
from jobs.tasks import Parts
from jobs.timetable import HEARTBEATS
from newsletters.issues import Issue
from newsletters.publish import Publisher
from newsletters.schedules import Schedule, Slot, Terms
from tests.newsletters.builders import BASE_URL, RecordingEngine, StoringCompiler, a_desk, an_article

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


async def nothing(*_: object) -> None:
    """A story that is not told here."""


def parts(database: Database, clock: Callable[[], datetime], engine: RecordingEngine | LocalEngine) -> Parts:
    return Parts(
        database=database,
        clock=clock,
        engine=engine,
        publisher=Publisher(database, StoringCompiler(database, clock()), engine, clock, BASE_URL),
        send_batch=nothing,
        collect=nothing,
        recover=nothing,
        poll_bounces=nothing,
        carry_import=nothing,
        tell=nothing,
        remind=nothing,
        put_right=nothing,
        look_again=nothing,
        sign_ahead=nothing,
    )


def a_newsroom(database: Database, rule: str, begin: datetime, *, hours: int) -> int:
    """A schedule, and a story every hour."""
    with database.write() as session:
        desk = a_desk(session, begin, rule=rule, terms=Terms(min_articles=1, lead=10 * MINUTE, window=6 * HOUR))
        session.get_one(Schedule, desk.schedule).starts_at = begin
        for number in range(-3, hours):
            an_article(session, desk.feed, f"Story {number}", begin + number * HOUR)
    return desk.schedule


def made(database: Database) -> list[tuple[date, time, bool]]:
    """Each slot in order, and whether an issue came of it."""

    def slots(session: Session) -> list[tuple[date, time, bool]]:
        rows = session.execute(
            select(Slot, Issue.id).outerjoin(Issue, Issue.slot_id == Slot.id).order_by(Slot.due_at, Slot.local_time)
        )
        return [(row.Slot.local_date, row.Slot.local_time, row.id is not None) for row in rows]

    with database.read() as session:
        return slots(session)


async def live(database: Database, schedule: int, *clocks: Sequence[datetime]) -> None:
    """Services that look at what is due at the same moments, each by its own clock."""
    for moments in zip(*clocks, strict=True):
        running = [jobs_tasks.tasks(parts(database, lambda now=now: now, RecordingEngine())) for now in moments]  # type: ignore[misc]
        await asyncio.gather(*(task["compose"]({"schedule": schedule}) for task in running))
        await asyncio.gather(*(task["publish_due"]({}) for task in running))


def minutes(begin: datetime, count: int, *, step: int = 5) -> list[datetime]:
    return [begin + step * number * MINUTE for number in range(count)]


@pytest.mark.parametrize(
    ("rule", "begin", "slots"),
    [
        # Berlin has no 02:30 on 29 March 2026, and two of them on 25 October.
        ("daily 02:30 Europe/Berlin", "2026-03-28T23:00", [(date(2026, 3, 29), time(2, 30), True)]),
        ("daily 02:30 Europe/Berlin", "2026-10-24T22:00", [(date(2026, 10, 25), time(2, 30), True)]),
        # The clocks of Beirut go forward at midnight: 00:00 comes at 01:00.
        ("daily 00:00 Asia/Beirut", "2026-03-28T20:00", [(date(2026, 3, 29), time(0), True)]),
    ],
)
async def test_a_gap_and_a_fold_make_one_issue(
    database: Database, rule: str, begin: str, slots: list[tuple[date, time, bool]]
) -> None:
    start = datetime.fromisoformat(begin).replace(tzinfo=UTC)
    schedule = a_newsroom(database, rule, start, hours=6)
    clock = minutes(start, 60)
    await live(database, schedule, clock, [now + 7 * MINUTE for now in clock])  # two services, one of them ahead
    assert made(database) == slots


async def test_a_clock_that_is_set_back_and_forward_makes_no_second_issue(database: Database, now: datetime) -> None:
    schedule = a_newsroom(database, "daily 07:00 Asia/Baghdad", now - 2 * HOUR, hours=30)
    forward = minutes(now - HOUR, 18)
    back = minutes(now - 2 * HOUR, 30)
    ahead = minutes(now + 24 * HOUR - 20 * MINUTE, 8)
    await live(database, schedule, [*forward, *back, *ahead, *back])
    assert made(database) == [(date(2026, 3, 9), time(7), True), (date(2026, 3, 10), time(7), True)]


async def test_what_was_slept_through_is_told_and_the_last_slot_is_made_good(database: Database, now: datetime) -> None:
    schedule = a_newsroom(database, "daily 07:00,19:00 Asia/Baghdad", now - 2 * HOUR, hours=52)
    asleep_until = now + timedelta(days=2, hours=1)
    await live(database, schedule, minutes(now - HOUR, 14), minutes(now - HOUR, 14))
    await live(database, schedule, minutes(asleep_until, 3), minutes(asleep_until, 3))
    assert made(database) == [
        (date(2026, 3, 9), time(7), True),
        (date(2026, 3, 9), time(19), False),
        (date(2026, 3, 10), time(7), False),
        (date(2026, 3, 10), time(19), False),
        (date(2026, 3, 11), time(7), True),
    ]
    with database.read() as session:
        told = session.scalars(select(Slot.skipped).where(Slot.skipped.is_not(None))).all()
    assert len(told) == 3
    assert all(why.startswith("Not sent: it could only be made") for why in told if why)


def is_at_work(engine: LocalEngine) -> bool:
    stats = engine.stats()[WorkLane.UPKEEP]
    return bool(stats.waiting or stats.running)


async def test_two_schedulers_that_start_at_once_make_one_issue(database: Database) -> None:
    now = datetime.now(UTC)  # noqa: TID251 - APScheduler reads the clock itself
    due = (now + 5 * MINUTE).replace(second=0, microsecond=0)
    a_newsroom(database, f"daily {due:%H:%M} UTC", now - HOUR, hours=1)

    def clock() -> datetime:
        return datetime.now(UTC)  # noqa: TID251

    def service() -> tuple[Scheduler, LocalEngine]:
        known: dict[str, Task] = {}
        engine = LocalEngine(known, clock=clock, pace=Pace(limits={WorkLane.UPKEEP: 2}))
        mine = parts(database, clock, engine)
        known.update(jobs_tasks.tasks(mine))
        return Scheduler(mine, heartbeats=tuple(beat for beat in HEARTBEATS if beat.task == "reconcile")), engine

    stop = asyncio.Event()
    services = [service(), service()]
    running = [asyncio.create_task(engine.run([WorkLane.UPKEEP], stop)) for _, engine in services]
    await asyncio.gather(*(scheduler.start() for scheduler, _ in services))
    async with asyncio.timeout(20):
        while not made(database) or any(is_at_work(engine) for _, engine in services):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await asyncio.gather(*(scheduler.stop() for scheduler, _ in services))
    stop.set()
    await asyncio.gather(*running)
    assert made(database) == [(due.date(), due.time(), True)]
