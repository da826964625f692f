"""A digest that is running never delays a confirmation: its lane has connections of its own, and its turn at the database."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

import pytest
from sqlalchemy import func, select

from broadsheet import clock
from ground.database import Database
from ground.engine import Payload, WorkLane
from jobs.lanes import Pace
from jobs.local import LocalEngine
from mailer import ledger, notices
from mailer.batches import Batch, BatchState
from mailer.dispatch import Dispatcher
from mailer.letters import Lane
from mailer.lines import Way
from mailer.press import Press
from mailer.transports.route import Route, Tls
from mailer.transports.smtp import SmtpTransport
from tests.mailer import builders
from tests.mailer.doubles import build

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parent.parent.parent


@asynccontextmanager
async def sink() -> AsyncIterator[tuple[int, asyncio.StreamReader]]:
    """Its port, and the lines it says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.sink_process", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline()), process.stdout
    finally:
        process.kill()
        await process.wait()


def route(lane: Lane, port: int, connections: int) -> Route:
    return Route(
        host="127.0.0.1",
        port=port,
        name=str(lane),
        tls=Tls.NONE,
        helo="news.test",
        connections=connections,
        max_messages=10**6,
    )


def sender(database: Database, port: int) -> Dispatcher[bytes]:
    """Lanes as `broadsheet.outgoing` has them."""
    ways = {lane: [Way(transport=SmtpTransport(route(lane, port, n)))] for lane, n in ((Lane.BULK, 10), (Lane.TX, 2))}
    press = Press(load=bytes, build=build, return_path=lambda number: f"b+{number}@bounces.test")
    return Dispatcher(database, ways, press, clock=clock.now, owner="worker-1", rng=random.Random(7))


def confirm(database: Database, number: int, now: datetime) -> int:
    """A confirmation, as a sign-up writes it; its batch."""
    with database.write() as session:
        notice = notices.Notice(
            variant_id=builders.variant(session, now),
            recipient_id=10**8 + number,
            address=f"new-{number}@example.org",
            address_key=f"new-{number}@example.org",
            domain_group="other",
            fields={"name": "New"},
        )
        return notices.enqueue(session, "confirm", notice, now=now)


@pytest.mark.parametrize(("readers", "confirmations"), [(20_000, 5), pytest.param(200_000, 30, marks=pytest.mark.slow)])
async def test_a_confirmation_leaves_within_a_second_while_a_digest_is_running(
    database: Database, readers: int, confirmations: int, record_property: Callable[[str, object], None]
) -> None:
    with database.write() as session:
        letter_id = builders.letter(session, readers, now=clock.now())
    async with sink() as (port, lines):
        worker = sender(database, port)
        stop = asyncio.Event()

        async def send_batch(payload: Payload) -> None:
            await worker.send_batch(int(str(payload["batch"])))

        def refill() -> None:
            with database.read() as session:
                due = ledger.due_batches(session, Lane.BULK, now=clock.now(), limit=20)
            for batch in due:
                engine.submit("send_batch", {"batch": batch}, lane=WorkLane.BULK, key=f"batch:{batch}")

        async def refilled() -> None:
            await asyncio.to_thread(refill)

        pace = Pace(limits={WorkLane.TX: 2, WorkLane.BULK: 2}, refill_every=timedelta(seconds=0.5))
        engine = LocalEngine({"send_batch": send_batch}, clock=clock.now, pace=pace, refills=[refilled])
        running = asyncio.create_task(engine.run([WorkLane.TX, WorkLane.BULK], stop))
        await asyncio.sleep(0.5)
        took = []
        for number in range(confirmations):
            asked_at = clock.now()
            batch = await asyncio.to_thread(confirm, database, number, asked_at)
            engine.submit("send_batch", {"batch": batch}, lane=WorkLane.TX, key=f"batch:{batch}")
            address, accepted_at = (await asyncio.wait_for(lines.readline(), 10)).decode().split()
            assert address == f"new-{number}@example.org"
            took.append((datetime.fromisoformat(accepted_at) - asked_at).total_seconds())
            await asyncio.sleep(0.05)
        with database.read() as session:
            left = session.scalar(
                select(func.count()).where(Batch.letter_id == letter_id, Batch.state == BatchState.OPEN)
            )
        worker.drain()
        stop.set()
        await asyncio.wait_for(running, 20)
        await worker.close()
    record_property("seconds", {"p50": median(took), "max": max(took)})
    assert left, "the digest was over too soon to be in anybody's way"
    assert median(took) < 1.0
    assert max(took) < 3.0  # the machine itself may be gone for a moment
