"""What every engine does, in one suite for both: lanes, keys, time, windows, refills, draining, and the ledger's word."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broadsheet import clock
from ground.database import Database
from ground.engine import Engine, Payload, Task, WorkLane
from jobs import schema
from jobs.lanes import Pace, Refill
from jobs.local import LocalEngine
from jobs.procrastinate import ProcrastinateEngine
from mailer import ledger, letters
from mailer.deliveries import State
from mailer.envelope import Envelope
from mailer.letters import Lane
from mailer.transports import Outcome
from mailer.transports.memory import MemoryTransport
from tests.mailer import builders
from tests.mailer.doubles import dispatcher

LIMITS = {WorkLane.TX: 2, WorkLane.BULK: 1}
MOMENT = 5.0


class Work:
    """A task that notes what it was given and waits until told."""

    def __init__(self) -> None:
        self.seen: list[Payload] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.most_at_once = 0
        self.now = 0

    async def __call__(self, payload: Payload) -> None:
        self.seen.append(payload)
        self.now += 1
        self.most_at_once = max(self.most_at_once, self.now)
        try:
            await self.gate.wait()
            if payload.get("breaks"):
                raise RuntimeError("as told")
        finally:
            self.now -= 1


class Shop:
    """Makes engines of one kind, on one database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def engine(self, task: Task, *, refills: Sequence[Refill] = (), **pace: Any) -> Engine:  # noqa: ANN401 - Pace's own
        asked = Pace(**{"limits": LIMITS, "refill_every": timedelta(hours=1), **pace})
        if self.database.is_sqlite:
            return LocalEngine({"work": task}, clock=clock.now, pace=asked, refills=refills)
        return ProcrastinateEngine({"work": task}, self.database, pace=asked, refills=refills)


@pytest.fixture(params=["local", "procrastinate"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    if request.param == "local":
        database = Database(f"sqlite:///{tmp_path}/engine.sqlite3")
        template: Path = request.getfixturevalue("sqlite_template")
        (tmp_path / "engine.sqlite3").write_bytes(template.read_bytes())
    else:
        database = Database(request.getfixturevalue("fresh_postgres_url"))
        schema.install(database)
    yield Shop(database)
    database.dispose()


@asynccontextmanager
async def running(engine: Engine) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    run = asyncio.create_task(engine.run([WorkLane.TX, WorkLane.BULK], stop))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(run, MOMENT)


async def until(condition: Callable[[], bool], seconds: float = MOMENT) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - it watches plain numbers
            await asyncio.sleep(0.005)


def is_idle(engine: Engine, lane: WorkLane = WorkLane.BULK) -> bool:
    found = engine.stats()[lane]
    return (found.waiting, found.running) == (0, 0)


async def test_work_submitted_before_and_after_the_start_is_done_and_gone(shop: Shop) -> None:
    work = Work()
    engine = shop.engine(work)
    engine.submit("work", {"n": 1, "name": "one"}, lane=WorkLane.TX)
    assert engine.stats()[WorkLane.TX].waiting == 1
    async with running(engine):
        await until(lambda: len(work.seen) == 1)
        engine.submit("work", {"n": 2}, lane=WorkLane.BULK)
        await until(lambda: len(work.seen) == 2)
        await until(lambda: is_idle(engine) and is_idle(engine, WorkLane.TX))
    assert work.seen == [{"n": 1, "name": "one"}, {"n": 2}]


async def test_what_is_submitted_from_any_thread_is_begun_at_once(shop: Shop) -> None:
    work = Work()
    engine = shop.engine(work)
    async with running(engine):
        await until(lambda: engine.stats()[WorkLane.TX].running == 0)
        await asyncio.sleep(0.2)
        threads = [
            threading.Thread(target=engine.submit, args=("work", {"n": n}), kwargs={"lane": WorkLane.TX})
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        await until(lambda: len(work.seen) == 8, 1.0)
        for thread in threads:
            thread.join()


async def test_a_full_lane_holds_no_other_up(shop: Shop) -> None:
    work = Work()
    work.gate.clear()
    engine = shop.engine(work)
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


async def test_work_with_the_same_key_is_taken_once_while_it_waits_or_runs(shop: Shop) -> None:
    work = Work()
    work.gate.clear()
    engine = shop.engine(work)
    assert engine.submit("work", {}, lane=WorkLane.BULK, key="batch:1")
    assert not engine.submit("work", {}, lane=WorkLane.BULK, key="batch:1")
    assert engine.submit("work", {}, lane=WorkLane.BULK, key="batch:2")
    async with running(engine):
        await until(lambda: engine.stats()[WorkLane.BULK].running == 1)
        assert not engine.submit("work", {}, lane=WorkLane.BULK, key="batch:1")
        work.gate.set()
        await until(lambda: is_idle(engine))
        assert engine.submit("work", {}, lane=WorkLane.BULK, key="batch:1")
        await until(lambda: len(work.seen) == 3)


async def test_many_who_ask_for_the_same_at_the_same_moment_get_it_once(shop: Shop) -> None:
    engine = shop.engine(Work())
    taken: list[bool] = []
    threads = [
        threading.Thread(target=lambda: taken.append(engine.submit("work", {}, lane=WorkLane.TX, key="publish_due")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False] * 7 + [True]
    assert engine.stats()[WorkLane.TX].waiting == 1


async def test_work_waits_for_its_time(shop: Shop) -> None:
    work = Work()
    engine = shop.engine(work)
    engine.submit("work", {"n": "later"}, lane=WorkLane.TX, run_at=clock.now() + timedelta(seconds=1.5))
    engine.submit("work", {"n": "now"}, lane=WorkLane.TX)
    async with running(engine):
        await until(lambda: len(work.seen) == 1)
        await asyncio.sleep(0.5)
        assert work.seen == [{"n": "now"}]
        await until(lambda: len(work.seen) == 2)


async def test_waiting_work_can_be_cancelled_and_running_work_cannot(shop: Shop) -> None:
    work = Work()
    work.gate.clear()
    engine = shop.engine(work)
    engine.submit("work", {"n": 1}, lane=WorkLane.BULK, key="one")
    engine.submit("work", {"n": 2}, lane=WorkLane.BULK, key="two")
    async with running(engine):
        await until(lambda: engine.stats()[WorkLane.BULK].running == 1)
        assert engine.cancel("two")
        assert not engine.cancel("two")
        assert not engine.cancel("one")
        work.gate.set()
        await until(lambda: is_idle(engine))
    assert work.seen == [{"n": 1}]


async def test_a_job_that_breaks_harms_nobody(shop: Shop) -> None:
    work = Work()
    engine = shop.engine(work)
    async with running(engine):
        for n in range(3):
            engine.submit("work", {"breaks": 1, "n": n}, lane=WorkLane.BULK, key="same" if n == 0 else None)
        engine.submit("work", {"n": "last"}, lane=WorkLane.BULK)
        await until(lambda: len(work.seen) == 4)
        await until(lambda: engine.submit("work", {}, lane=WorkLane.BULK, key="same"))
        await until(lambda: is_idle(engine))
    assert len(work.seen) == 5


async def test_more_than_the_window_is_refused_in_that_lane_only(shop: Shop) -> None:
    engine = shop.engine(Work(), windows={WorkLane.BULK: 2})
    taken = [engine.submit("work", {"n": n}, lane=WorkLane.BULK, key=f"batch:{n}") for n in range(4)]
    assert taken == [True, True, False, False]
    assert engine.submit("work", {}, lane=WorkLane.TX)


async def test_a_task_nobody_knows_is_a_mistake(shop: Shop) -> None:
    with pytest.raises(KeyError, match="no task named 'wrok'; there are work"):
        shop.engine(Work()).submit("wrok", {}, lane=WorkLane.BULK)


async def test_refills_run_at_the_start_and_when_a_lane_runs_dry_and_a_broken_one_stops_nothing(shop: Shop) -> None:
    work = Work()
    left = list(range(5))

    async def broken() -> None:
        raise RuntimeError("the database is away")

    async def refill() -> None:
        if left:
            await asyncio.to_thread(engine.submit, "work", {"n": left.pop(0)}, lane=WorkLane.BULK)

    engine = shop.engine(work, refills=[broken, refill])
    async with running(engine):
        await until(lambda: len(work.seen) == 5, 15)


async def test_stopping_lets_running_work_end_and_leaves_waiting_work(shop: Shop) -> None:
    work = Work()
    work.gate.clear()
    engine = shop.engine(work)
    for n in range(2):
        engine.submit("work", {"n": n}, lane=WorkLane.BULK)
    stop = asyncio.Event()
    run = asyncio.create_task(engine.run([WorkLane.BULK], stop))
    await until(lambda: engine.stats()[WorkLane.BULK].running == 1)
    stop.set()
    await asyncio.sleep(0.05)
    assert not run.done()
    work.gate.set()
    await asyncio.wait_for(run, 2)
    assert work.seen == [{"n": 0}]
    left = engine.stats()[WorkLane.BULK]
    assert (left.waiting, left.running) == (1, 0)


async def test_stopping_cuts_work_short_that_does_not_end_in_time(shop: Shop) -> None:
    work = Work()
    work.gate.clear()
    engine = shop.engine(work, drain_for=timedelta(milliseconds=50))
    engine.submit("work", {}, lane=WorkLane.BULK)
    async with running(engine):
        await until(lambda: engine.stats()[WorkLane.BULK].running == 1)
    assert work.now == 0
    assert engine.stats()[WorkLane.BULK].running == 0


class Leisurely(MemoryTransport):
    async def send(self, envelope: Envelope, message: bytes) -> Outcome:
        await asyncio.sleep(0.002)
        return await super().send(envelope, message)


async def test_pausing_resuming_and_cancelling_a_letter_works_within_a_second(shop: Shop) -> None:
    database, transport = shop.database, Leisurely(connections=2)
    sender = dispatcher(database, transport, clock=clock.now)
    with database.write() as session:
        letter_id = builders.letter(session, 6_000, now=clock.now())
    most_waiting = 0

    async def send_batch(payload: Payload) -> None:
        await sender.send_batch(int(payload["batch"]))

    def refill() -> None:
        nonlocal most_waiting
        with database.read() as session:
            due = ledger.due_batches(session, Lane.BULK, now=clock.now(), limit=20)
        for batch in due:
            engine.submit("work", {"batch": batch}, lane=WorkLane.BULK, key=f"batch:{batch}")
        most_waiting = max(most_waiting, engine.stats()[WorkLane.BULK].waiting)

    async def refilled() -> None:
        await asyncio.to_thread(refill)

    engine = shop.engine(
        send_batch, refills=[refilled], refill_every=Pace(limits={}).refill_every, windows={WorkLane.BULK: 4}
    )
    async with running(engine):
        await until(lambda: len(transport.sent) > 100)
        with database.write() as session:
            assert letters.pause(session, letter_id)
        await asyncio.sleep(1.0)
        at_rest = len(transport.sent)
        await asyncio.sleep(0.3)
        assert len(transport.sent) == at_rest < 6_000
        with database.write() as session:
            assert letters.resume(session, letter_id)
        await until(lambda: len(transport.sent) > at_rest, 1.0)
        with database.write() as session:
            assert ledger.cancel(session, letter_id, now=clock.now())
        await asyncio.sleep(1.0)
        cancelled_at = len(transport.sent)
        await until(lambda: is_idle(engine))
        assert len(transport.sent) == cancelled_at < 6_000
    await sender.close()
    assert 0 < most_waiting <= 4
    with database.read() as session:
        counts = ledger.counts(session, letter_id)
        assert ledger.verify(session) == []
    assert counts[State.ACCEPTED] == cancelled_at
    assert len({envelope.recipient for envelope, _ in transport.sent}) == cancelled_at
