"""The rounds a service makes, with their collaborators bound: what the timetable's tasks call."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from feedback import heartbeats
from feedback.take_over import take_over
from ground.engine import WorkLane
from mailer import ledger
from mailer.letters import Lane
from subscribers import imports, moves

if TYPE_CHECKING:
    from broadsheet.wiring import House
    from newsletters.staff_post import StaffLetter

#: Batches of a lane that are in the engine at a time: pausing and cancelling works on the rest at once.
WINDOW = 20

log = structlog.get_logger()


class Rounds:
    """One object per process; every method may be called again while an earlier call of another one runs."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._jitter = random.Random()  # noqa: S311 - spreads fetches
        self._said_at: datetime | None = None  # when it was last said that this process works

    async def collect(self) -> None:
        """Collect the feeds that are due."""
        from articles import collect

        house = self._house
        manners = collect.Manners(jitter=self._jitter)
        parts = (house.database, house.fetcher, house.executor, house.clock)
        await collect.collect(*parts, manners=manners, images=house.image_folder)

    async def poll_bounces(self) -> str | None:
        """Read what has come to the bounce Maildir; what kept it from being read, if something did."""
        from feedback import poll

        house = self._house
        assert house.settings.bounces_maildir is not None
        report = await asyncio.to_thread(
            poll.poll,
            house.database,
            house.keys,
            house.settings.bounces_maildir,
            now=house.clock(),
            executor=house.executor,
        )
        return report.problem

    async def tell(self) -> None:
        """Write to staff about what needs them and was not told yet."""
        from newsletters.staff_post import StaffPost

        house = self._house
        post = StaffPost(
            database=house.database,
            compiler=house.compiler,
            engine=house.engine,
            clock=house.clock,
            base_url=house.settings.base_url,
        )
        await post.tell(await asyncio.to_thread(self._to_tell))

    def _to_tell(self) -> list[StaffLetter]:
        from feedback import call_ops
        from newsletters import call_desk

        database, base_url, now = self._house.database, self._house.settings.base_url, self._house.clock()
        with database.read() as session:
            for_desk = call_desk.letters(session, base_url=base_url, now=now)
        return [*for_desk, *call_ops.letters(database, self._house.settings.data_dir, base_url=base_url, now=now)]

    async def remind(self) -> None:
        """Ask once more, and never again, those who asked for letters and have not confirmed."""
        from newsletters.reminders import Reminders

        house = self._house
        await asyncio.to_thread(self._sweep)
        await Reminders(
            database=house.database,
            compiler=house.compiler,
            engine=house.engine,
            clock=house.clock,
            base_url=house.settings.base_url,
        ).send()

    def _sweep(self) -> None:
        with self._house.database.write() as session:
            moves.sweep(session, now=self._house.clock())

    async def put_right(self) -> None:
        """Send the corrections that are due."""
        from newsletters.put_right import PutRight

        house = self._house
        await PutRight(
            database=house.database,
            compiler=house.compiler,
            engine=house.engine,
            clock=house.clock,
            base_url=house.settings.base_url,
        ).send_due()

    async def look_again(self) -> None:
        """Look whether the pages of stories that are about to go are still there."""
        from newsletters.look_again import LookAgain

        house = self._house
        await LookAgain(database=house.database, fetcher=house.fetcher, clock=house.clock).look()

    async def sign_ahead(self) -> None:
        """Sign what is frozen and not due yet; forget what was signed for letters that have ended."""
        if self._house.signs_ahead:
            await self._house.sign_ahead.sign()
        await self._house.sign_ahead.forget()

    async def recover(self) -> None:
        """Take back leases that ran out or whose worker fell silent; end old doubts; finish letters with nothing open."""
        await asyncio.to_thread(self._recover)

    async def refill(self) -> None:
        """Submit the batches that the ledger says are due; nothing that a crash or a full engine dropped stays behind."""
        await asyncio.to_thread(self._refill)
        await asyncio.to_thread(self._say_that_it_works)

    def _say_that_it_works(self) -> None:
        now = self._house.clock()
        if self._said_at is None or now - self._said_at >= heartbeats.WORKER_PACE:
            with self._house.database.write() as session:
                heartbeats.note_worker(session, self._house.owner, now=now)
            self._said_at = now

    def _recover(self) -> None:
        database, now = self._house.database, self._house.clock()
        with database.write_bulk() as session:
            ledger.recover(session, now=now)
        with database.write_bulk() as session:
            taken = take_over(session, me=self._house.owner, now=now)
        if taken.batches:
            log.warning("taken_over", in_doubt=taken.uncertain, untouched=taken.released, batches=taken.batches)
        with database.write_bulk() as session:
            ledger.settle_uncertain(session, now=now, grace=self._house.settings.in_doubt_grace)
        with database.write_bulk() as session:
            ledger.finish_letters(session, now=now)
        self._house.arrivals.sweep(now=now)

    def _refill(self) -> None:
        house = self._house
        waiting = house.engine.stats()
        with house.database.read() as session:
            due = {
                lane: ledger.due_batches(session, lane, now=house.clock(), limit=WINDOW)
                for lane in Lane
                if waiting[WorkLane(lane.value)].waiting <= WINDOW // 2
            }
            lists = imports.due(session, now=house.clock()) if "carry_import" in house.tasks else []
        for lane, batch_ids in due.items():
            for batch_id in batch_ids:
                work = WorkLane(lane.value)
                house.engine.submit("send_batch", {"batch": batch_id}, lane=work, key=f"batch:{batch_id}")
        for number in lists[:1]:  # one list after the other
            house.engine.submit("carry_import", {"import": number}, lane=WorkLane.UPKEEP, key=f"import:{number}")
