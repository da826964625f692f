"""Books: one batch's entries in the ledger while it is on its way, committed in groups off the event loop.

Results wait at most 10 ms for company; intents never wait and take the waiting results with them, so that a group of
messages costs one commit. Nothing noted here is given up while the process lives: a database that is locked, full or
away is asked again.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from ground.database import Database
from mailer import admission, batches, leases, ledger
from mailer.admission import Admission
from mailer.deliveries import Event
from mailer.leases import Lease
from mailer.letters import Lane
from mailer.reception import Signal
from mailer.results import Record

Clock = Callable[[], datetime]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How the books are kept."""

    lease_for: timedelta = timedelta(minutes=15)  # longer than the 10 minutes a server may take after the final dot
    flush_seconds: float = 0.010
    largest_commit: int = 200  # results in one transaction: 7 ms of SQLite's lock, which is unfair (250 take 9 to 12)
    retry_seconds: float = 0.5
    patience: timedelta = timedelta(minutes=10)  # with results in hand and a database that does not answer

    @property
    def renew_after(self) -> timedelta:
        return self.lease_for / 3


class Desk:
    """What all batches of a process share: the database, the owner's name, and one pen (a lock)."""

    def __init__(self, database: Database, *, owner: str, clock: Clock, habits: Habits) -> None:
        self.database = database
        self.owner = owner
        self.clock = clock
        self.habits = habits
        # Two of our own threads would otherwise sleep on SQLite's lock, in steps of up to 100 ms.
        self.pen = asyncio.Lock()
        self._leases = itertools.count(1)

    def name_lease(self) -> str:
        """A name for this process's next lease."""
        return leases.lease_name(self.owner, next(self._leases))


@dataclass(frozen=True, slots=True)
class _Entries:
    """What one commit writes."""

    records: Sequence[Record]
    signals: Sequence[Signal]
    intents: Sequence[int]
    renew: bool
    last: _Last | None


@dataclass(frozen=True, slots=True)
class _Last:
    """The batch is put down with it; what was not intended is ready again at `next_at`."""

    next_at: datetime | None


class Books:
    """The entries of one leased batch."""

    def __init__(self, desk: Desk, lease: Lease, admission: Admission) -> None:
        self.admission = admission
        self._desk = desk
        self._lease = lease  # not its rows: books outlive them until the collector comes
        self._owner = lease.owner
        self._signals: list[Signal] = []
        self._pending: list[Record] = []
        self._noted = asyncio.Event()
        self._closing = False
        self._renew_at = desk.clock() + desk.habits.renew_after

    @property
    def lane(self) -> Lane:
        return self._lease.lane

    def note(self, record: Record) -> None:
        """A result, to be written with the next commit."""
        self._pending.append(record)
        self._noted.set()

    def heed(self, signal: Signal) -> None:
        """What an outcome calls for, to be written with the next commit."""
        self._signals.append(signal)
        self._noted.set()

    async def intend(self, ids: Sequence[int]) -> dict[int, int]:
        """Commit to sending these rows, and everything noted before; id -> attempt of those that may be sent."""
        return await self._commit(ids)

    async def keep(self) -> None:
        """Write what is noted, and renew the lease, until `close`."""
        habits = self._desk.habits
        renew_every = habits.renew_after.total_seconds()
        while not self._closing:
            try:
                async with asyncio.timeout(renew_every):
                    await self._noted.wait()
            except TimeoutError:
                pass  # nothing to write; the lease is renewed all the same
            await asyncio.sleep(habits.flush_seconds)
            try:
                await self._commit(())
            except SQLAlchemyError as error:
                log.warning("results_wait", batch=self._lease.batch_id, waiting=len(self._pending), error=str(error))
                await asyncio.sleep(habits.retry_seconds)

    async def close(self, keeper: asyncio.Task[None] | None, *, next_at: datetime | None) -> None:
        """Write the last results and put the batch down."""
        self._closing = True
        self._noted.set()
        if keeper is not None:
            await keeper
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._desk.habits.patience.total_seconds()
        while True:
            try:
                await self._commit((), last=_Last(next_at))
            except SQLAlchemyError as error:
                if loop.time() >= give_up_at:
                    # Their rows are `sending`; when the lease runs out they are counted as in doubt.
                    log.exception("results_lost", batch=self._lease.batch_id, lost=len(self._pending))
                    return
                log.warning("batch_waits", batch=self._lease.batch_id, error=str(error))
                await asyncio.sleep(self._desk.habits.retry_seconds)
            else:
                return

    async def _commit(self, intents: Sequence[int], *, last: _Last | None = None) -> dict[int, int]:
        habits = self._desk.habits
        async with self._desk.pen:
            # Intents take along what fits beside them.
            while len(self._pending) > min(habits.largest_commit, max(0, batches.SIZE - len(intents))):
                await self._write_some(habits.largest_commit, ())
            return await self._write_some(len(self._pending), intents, last)

    async def _write_some(self, count: int, intents: Sequence[int], last: _Last | None = None) -> dict[int, int]:
        some, self._pending = self._pending[:count], self._pending[count:]
        signals, self._signals = self._signals, []
        self._noted.clear()
        now = self._desk.clock()
        renew = now >= self._renew_at
        if not (some or intents or renew or signals or last):
            return {}
        entries = _Entries(some, signals, intents, renew, last)
        writing = asyncio.create_task(asyncio.to_thread(self._write, entries, now))
        try:
            intended = await self._written(writing, now)
        except BaseException:
            # Written twice is harmless (each entry is guarded by state and attempt), not written is doubt.
            self._pending, self._signals = some + self._pending, signals + self._signals
            self._noted.set()
            raise
        if renew:
            self._renew_at = now + self._desk.habits.renew_after
        return intended

    async def _written(self, writing: asyncio.Task[dict[int, int]], now: datetime) -> dict[int, int]:
        """What a commit intended. Whoever waits may be cancelled, the thread cannot: then its intents have no sender
        any more, and without this they would be in doubt until somebody recovers them."""
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])
            if writing.exception() is None:
                for delivery_id, attempt in writing.result().items():
                    self.note(Record(id=delivery_id, attempt=attempt, event=Event.RELEASE, next_at=now))
            raise

    def _write(self, entries: _Entries, now: datetime) -> dict[int, int]:
        owner, lease = self._owner, self._lease
        with self._desk.database.write_bulk() as session:
            # Budgets and breakers first: whoever holds their rows never waits for anybody's deliveries to get them.
            for signal in entries.signals:
                admission.heed(session, signal, now=now)
            ids = self.admission.take(session, entries.intents, now=now) if entries.intents else ()
            if entries.renew:
                ledger.renew(session, lease, owner=owner, until=now + self._desk.habits.lease_for)
            if entries.records:
                ledger.record(session, entries.records, owner=owner, now=now)
            if entries.last:
                ledger.close(session, lease, owner=owner, now=now, next_at=entries.last.next_at)
            return ledger.intend(session, lease, ids, owner=owner, now=now) if ids else {}
