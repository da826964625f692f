"""What only the distributed engine does: several processes at one queue, of which some die, and a database that goes away."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import pytest
from procrastinate import App
from sqlalchemy import text

from ground.database import Database
from ground.engine import Payload, WorkLane
from jobs import procrastinate, schema
from jobs.lanes import Pace
from jobs.procrastinate import ProcrastinateEngine
from jobs.shift import Watch

HASTY = Watch(beat_every=timedelta(seconds=0.1), silent_after=timedelta(seconds=0.6), look_every=timedelta(seconds=0.2))
PACE = Pace(limits={WorkLane.BULK: 2}, refill_every=timedelta(hours=1))


@pytest.fixture
def shared(empty_postgres_url: str) -> Iterator[Database]:
    database = Database(empty_postgres_url)
    schema.install(database)
    yield database
    database.dispose()


class Work:
    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, payload: Payload) -> None:
        await self.gate.wait()
        self.done[str(payload["name"])] += 1
        await asyncio.sleep(0.001)


def engine_of(database: Database, work: Work) -> ProcrastinateEngine:
    return ProcrastinateEngine({"work": work}, database, pace=PACE, watch=HASTY)


@asynccontextmanager
async def running(engine: ProcrastinateEngine) -> AsyncIterator[None]:
    stop = asyncio.Event()
    run = asyncio.create_task(engine.run([WorkLane.BULK], stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(run, 10)


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - a database announces nothing
            await asyncio.sleep(0.01)


def submit(engine: ProcrastinateEngine, name: str) -> bool:
    return engine.submit("work", {"name": name}, lane=WorkLane.BULK, key=name)


def run_sql(database: Database, statement: str) -> None:
    with database.writer.begin() as connection:
        connection.execute(text(statement))


def rows(database: Database, table: str) -> int:
    with database.reader.connect() as connection:
        return int(connection.scalar(text(f"SELECT count(*) FROM jobs.{table}")) or 0)  # noqa: S608 - the tests' own names


def terminate(database: Database) -> None:
    """Every connection to this database but the one that asks, as a failover does."""
    with database.writer.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


async def test_processes_share_the_work_and_each_job_is_done_once(shared: Database) -> None:
    works = [Work(), Work(), Work()]
    first = engine_of(shared, works[0])
    async with AsyncExitStack() as stack:
        for work in works:
            await stack.enter_async_context(running(engine_of(shared, work)))
        for number in range(150):
            assert await asyncio.to_thread(submit, first, f"batch:{number}")
        await until(lambda: sum(work.done.total() for work in works) >= 150)
        await until(lambda: rows(shared, "procrastinate_jobs") == 0)
    together = sum((work.done for work in works), Counter[str]())
    assert (len(together), set(together.values())) == (150, {1})
    assert all(work.done for work in works)
    assert rows(shared, "procrastinate_workers") == 0


async def test_the_job_of_a_process_that_died_is_given_to_another(shared: Database) -> None:
    """It had taken the job, and was never heard of again."""
    work = Work()
    engine = engine_of(shared, work)
    submit(engine, "batch:1")
    app = App(connector=procrastinate._connector(shared))
    async with app.open_async():
        dead = await app.job_manager.register_worker()
        job = await app.job_manager.fetch_job(["bulk"], dead)
        assert job is not None
    assert not submit(engine, "batch:1")
    async with running(engine):
        await until(lambda: work.done["batch:1"] == 1)
        await until(lambda: rows(shared, "procrastinate_jobs") == 0)
        await until(lambda: rows(shared, "procrastinate_workers") == 1)
        assert submit(engine, "batch:1")


async def test_connections_that_are_cut_again_and_again_end_no_work(shared: Database) -> None:
    work = Work()
    engine = engine_of(shared, work)
    async with running(engine):
        for number in range(20):
            while not await asyncio.to_thread(submit, engine, f"batch:{number}"):  # noqa: ASYNC110 - as a refill does
                await asyncio.sleep(0.05)
            if number % 5 == 0:
                await asyncio.to_thread(terminate, shared)
        await until(lambda: len(work.done) == 20)
        await until(lambda: rows(shared, "procrastinate_jobs") == 0)
        # It hears of new work at once again.
        await asyncio.sleep(1.0)
        await asyncio.to_thread(submit, engine, "after")
        await until(lambda: work.done["after"] == 1, 1.0)


async def test_a_job_that_ends_while_the_database_is_away_is_ended_when_it_is_back(
    shared: Database, postgres_url: str
) -> None:
    work = Work()
    work.gate.clear()
    engine = engine_of(shared, work)
    maintenance = Database(postgres_url)
    name = shared.writer.url.database
    async with running(engine):
        submit(engine, "batch:1")
        await until(lambda: engine.stats()[WorkLane.BULK].running == 1)
        with maintenance.writer.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
            connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"))  # noqa: S608 - the test's own name
            work.gate.set()
            await until(lambda: work.done["batch:1"] == 1)
            assert not submit(engine, "lost")  # told, not raised: what is to be done is in the ledger
            await asyncio.sleep(1.0)
            connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))
        await until(lambda: rows(shared, "procrastinate_jobs") == 0, 15)
        await until(lambda: submit(engine, "batch:1"))
        await until(lambda: work.done["batch:1"] == 2, 15)
    maintenance.dispose()


async def test_a_process_that_was_taken_for_dead_goes_on_under_a_new_number(shared: Database) -> None:
    work = Work()
    engine = engine_of(shared, work)
    async with running(engine):
        await until(lambda: rows(shared, "procrastinate_workers") == 1)
        run_sql(shared, "DELETE FROM jobs.procrastinate_workers")
        await asyncio.sleep(0.5)
        submit(engine, "batch:1")
        await until(lambda: work.done["batch:1"] == 1)
    assert rows(shared, "procrastinate_workers") == 0


async def test_a_job_of_another_version_is_put_away_and_the_lane_goes_on(shared: Database) -> None:
    work = Work()
    newer = ProcrastinateEngine({"later": work}, shared, pace=PACE)
    newer.submit("later", {}, lane=WorkLane.BULK)
    engine = engine_of(shared, work)
    async with running(engine):
        submit(engine, "batch:1")
        await until(lambda: work.done["batch:1"] == 1)
        await until(lambda: rows(shared, "procrastinate_jobs") == 0)
