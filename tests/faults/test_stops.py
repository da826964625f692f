"""A letter that is stopped in the middle, over real SMTP: by its reader, by the desk, by the end of the process.

Nothing new leaves once the stop is committed, what is in flight ends, and a restart goes on where it stood.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from broadsheet import clock
from ground.database import Database
from mailer import deliveries, holds, ledger, letters, suppressions
from mailer.deliveries import Delivery, State
from mailer.letters import Lane
from mailer.suppressions import Cause
from mailer.transports.route import Route, Tls
from mailer.transports.smtp import SmtpTransport
from tests.mailer import builders
from tests.mailer.doubles import ScriptedServer, dispatcher

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("mode")]

COUNT = 400
CONNECTIONS = 4
#: What 10 ms of traffic are, at most, with a server that is this near.
MOST_IN_A_GROUP = 50
ROOT = Path(__file__).parent.parent.parent


class Gated(ScriptedServer):
    """Lets some messages through, then holds every final dot until it is opened."""

    def __init__(self, *, through: int) -> None:
        super().__init__()
        self.through = through
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def _say(self, writer: asyncio.StreamWriter, reply: str) -> bool:
        if "queued as" in reply and len(self.messages) >= self.through:
            self.reached.set()
            await self.opened.wait()
        return await super()._say(writer, reply)

    @property
    def copies(self) -> Counter[str]:
        return Counter(recipient for recipient, _ in self.messages)


def states(database: Database, letter_id: int) -> dict[State, int]:
    with database.read() as session:
        assert ledger.verify(session) == []
        return {state: number for state, number in ledger.counts(session, letter_id).items() if number}


async def stopped_midway(database: Database, server: Gated, now: datetime, stop: Callable[[int], None]) -> int:
    """Send a letter, stop it while messages are in flight, let those end; the letter's id."""
    with database.write() as session:
        letter_id = builders.letter(session, COUNT, now=now)
    async with server.running():
        sending = asyncio.create_task(send_due(database, server, now))
        await asyncio.wait_for(server.reached.wait(), 5)
        stop(letter_id)
        before = len(server.messages)
        server.opened.set()
        await asyncio.wait_for(sending, 5)
    assert len(server.messages) - before <= 2 * MOST_IN_A_GROUP  # in flight, and what was intended behind them
    return letter_id


async def send_due(database: Database, server: ScriptedServer, now: datetime) -> None:
    route = Route(host="127.0.0.1", port=server.port, tls=Tls.NONE, helo="news.test", connections=CONNECTIONS)
    sender = dispatcher(database, SmtpTransport(route), clock=lambda: now)
    while True:
        with database.read() as session:
            due = ledger.due_batches(session, Lane.BULK, now=now, limit=10)
        if not due:
            break
        for batch in due:
            await sender.send_batch(batch)
    await sender.close()


@pytest.mark.parametrize("how", ["left", "erased", "complained"])
async def test_who_goes_one_moment_before_their_turn_gets_nothing_ever(
    database: Database, now: datetime, how: str
) -> None:
    """Everybody who is not in flight yet goes, at the latest moment there is: their rows are claimed and written."""
    server = Gated(through=20)
    gone: set[str] = set()

    def go(letter_id: int) -> None:
        with database.write() as session:
            claimed = select(Delivery).where(Delivery.letter_id == letter_id, Delivery.state == State.CLAIMED)
            for row in session.scalars(claimed).all():
                gone.add(row.address)
                if how == "left":
                    deliveries.skip_recipient(session, row.recipient_id, reason="left", scope="edition:1")
                elif how == "erased":
                    deliveries.skip_recipient(session, row.recipient_id, reason="erased")
                else:
                    suppressions.suppress(session, row.address_key, Cause.COMPLAINT, now=now)

    letter_id = await stopped_midway(database, server, now, go)
    async with server.running():
        await send_due(database, server, now)  # and never again
    assert len(gone) > COUNT // 2
    assert not gone & set(server.copies)
    assert states(database, letter_id) == {State.ACCEPTED: COUNT - len(gone), State.SKIPPED: len(gone)}
    assert set(server.copies.values()) == {1}


async def test_a_pause_holds_the_rest_and_a_resume_goes_on_from_there(database: Database, now: datetime) -> None:
    server = Gated(through=20)

    def pause(letter_id: int) -> None:
        with database.write() as session:
            assert letters.pause(session, letter_id)

    letter_id = await stopped_midway(database, server, now, pause)
    sent = len(server.messages)
    assert states(database, letter_id) == {State.ACCEPTED: sent, State.READY: COUNT - sent}
    with database.write() as session:
        assert letters.resume(session, letter_id)
    async with server.running():
        await send_due(database, server, now)
    assert states(database, letter_id) == {State.ACCEPTED: COUNT}
    assert (len(server.copies), set(server.copies.values())) == (COUNT, {1})


async def test_a_cancel_skips_the_rest(database: Database, now: datetime) -> None:
    server = Gated(through=20)

    def cancel(letter_id: int) -> None:
        with database.write() as session:
            assert ledger.cancel(session, letter_id, now=now)

    letter_id = await stopped_midway(database, server, now, cancel)
    sent = len(server.messages)
    assert states(database, letter_id) == {State.ACCEPTED: sent, State.SKIPPED: COUNT - sent}
    with database.write() as session:
        assert not letters.resume(session, letter_id)


class Steady(ScriptedServer):
    """Takes a hundredth of a second over every message, and notes when each came."""

    def __init__(self) -> None:
        super().__init__(RCPT=self._note)
        self.came: list[float] = []

    def _note(self, _: str) -> str:
        self.came.append(asyncio.get_running_loop().time())
        return "250 2.1.5 Ok"

    async def _say(self, writer: asyncio.StreamWriter, reply: str) -> bool:
        if "queued as" in reply:
            await asyncio.sleep(0.01)
        return await super()._say(writer, reply)


def _pause(database: Database, letter_id: int, now: datetime) -> None:
    del now
    with database.write() as session:
        assert letters.pause(session, letter_id)


def _cancel(database: Database, letter_id: int, now: datetime) -> None:
    with database.write() as session:
        assert ledger.cancel(session, letter_id, now=now)


def _hold(database: Database, letter_id: int, now: datetime) -> None:
    del letter_id
    with database.write() as session:
        assert holds.hold(session, Lane.BULK, reason="wait", by="ops@example.org", now=now)


@pytest.mark.parametrize("stop", [_pause, _cancel, _hold])
async def test_nothing_new_leaves_a_second_after_a_stop(
    database: Database, now: datetime, stop: Callable[[Database, int, datetime], None]
) -> None:
    with database.write() as session:
        letter_id = builders.letter(session, 3_000, now=now)
    server = Steady()
    async with server.running():
        sending = asyncio.create_task(send_due(database, server, now))
        while len(server.came) < 100:  # noqa: ASYNC110 - it is on its way
            await asyncio.sleep(0.01)
        await asyncio.to_thread(stop, database, letter_id, now)
        stopped_at = asyncio.get_running_loop().time()
        await asyncio.wait_for(sending, 20)
    late = [at - stopped_at for at in server.came if at > stopped_at]
    assert max(late, default=0.0) < 1.0
    assert len(late) <= MOST_IN_A_GROUP + CONNECTIONS
    found = states(database, letter_id)
    assert found.pop(State.ACCEPTED) == len(server.came)
    assert found == {State.SKIPPED if stop is _cancel else State.READY: 3_000 - len(server.came)}


@pytest.mark.slow
async def test_a_process_told_to_end_leaves_no_doubt_and_the_next_goes_on(database: Database) -> None:
    with database.write() as session:
        letter_id = builders.letter(session, COUNT, now=clock.now())
    server = Gated(through=60)
    async with server.running():
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.faults.sender_process", database.url, str(server.port), cwd=ROOT
        )
        await asyncio.wait_for(server.reached.wait(), 20)
        worker.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.2)
        server.opened.set()
        assert await asyncio.wait_for(worker.wait(), 10) == 0
        sent = len(server.messages)
        assert sent < COUNT
        assert states(database, letter_id) == {State.ACCEPTED: sent, State.READY: COUNT - sent}
        await send_due(database, server, clock.now())
    assert (len(server.copies), set(server.copies.values())) == (COUNT, {1})
