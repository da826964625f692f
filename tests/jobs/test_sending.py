"""The engine, the ledger and the dispatcher together: a letter goes out by refills alone, a notice overtakes it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select

from ground.database import Database
from ground.engine import Payload, WorkLane
from jobs.lanes import Pace
from jobs.local import LocalEngine
from mailer import ledger, notices
from mailer.deliveries import State
from mailer.dispatch import Dispatcher
from mailer.envelope import Envelope
from mailer.letters import Lane, Letter, LetterState
from mailer.transports import Outcome
from mailer.transports.memory import MemoryTransport
from tests.mailer import builders
from tests.mailer.doubles import dispatcher

LANES: Mapping[Lane, WorkLane] = {Lane.TX: WorkLane.TX, Lane.BULK: WorkLane.BULK}


class Leisurely(MemoryTransport):
    async def send(self, envelope: Envelope, message: bytes) -> Outcome:
        await asyncio.sleep(0.001)
        return await super().send(envelope, message)


def engine_for(database: Database, sender: Dispatcher[bytes], now: datetime) -> LocalEngine:
    async def send_batch(payload: Payload) -> None:
        await sender.send_batch(int(payload["batch"]))

    def due(lane: Lane) -> list[int]:
        with database.read() as session:
            return ledger.due_batches(session, lane, now=now, limit=4)

    async def refill() -> None:
        for lane, work_lane in LANES.items():
            for batch in await asyncio.to_thread(due, lane):
                engine.submit("send_batch", {"batch": batch}, lane=work_lane, key=f"batch:{batch}")

    engine = LocalEngine(
        {"send_batch": send_batch},
        clock=lambda: now,
        pace=Pace(limits={WorkLane.TX: 1, WorkLane.BULK: 2}),
        refills=[refill],
    )
    return engine


async def test_a_letter_goes_out_by_refills_and_a_notice_does_not_wait_for_it(
    database: Database, now: datetime
) -> None:
    transport = Leisurely(connections=4)
    sender = dispatcher(database, transport, clock=lambda: now)
    engine = engine_for(database, sender, now)
    with database.write() as session:
        letter_id = builders.letter(session, 1_100, now=now)
    stop = asyncio.Event()
    run = asyncio.create_task(engine.run([WorkLane.TX, WorkLane.BULK], stop))
    async with asyncio.timeout(20):
        while len(transport.sent) < 50:  # noqa: ASYNC110 - the transport's list is all there is to watch
            await asyncio.sleep(0.001)
        before = len(transport.sent)
        with database.write() as session:
            notice = notices.Notice(
                variant_id=builders.variant(session, now),
                recipient_id=1,
                address="new@example.org",
                address_key="new@example.org",
                domain_group="other",
                fields={"name": "New"},
            )
            batch = notices.enqueue(session, "confirm", notice, now=now)
        engine.submit("send_batch", {"batch": batch}, lane=WorkLane.TX, key=f"batch:{batch}")
        while not letters_finished(database):  # noqa: ASYNC110 - the database is all there is to watch
            await asyncio.sleep(0.01)
    stop.set()
    await run
    order = [envelope.recipient for envelope, _ in transport.sent]
    assert len(order) == len(set(order)) == 1_101
    assert order.index("new@example.org") < before + 400
    with database.read() as session:
        assert ledger.verify(session) == []
        assert ledger.counts(session, letter_id)[State.ACCEPTED] == 1_100


def letters_finished(database: Database) -> bool:
    with database.read() as session:
        return set(session.scalars(select(Letter.state))) == {LetterState.FINISHED}
