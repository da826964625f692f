"""Passage: one leased batch on its way over a line (a lane's transport)."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from mailer import replies
from mailer.batches import Lease
from mailer.books import Books, Clock
from mailer.breakers import Scope, Trouble
from mailer.deliveries import Event, Row
from mailer.envelope import Envelope
from mailer.ledger import Held
from mailer.letters import Lane
from mailer.pacing import BackOff, GroupSize
from mailer.press import Unwritten, Written
from mailer.reception import Passed, Trip, told
from mailer.results import Record
from mailer.transports import Outcome, Result, Stage, Transport
from mailer.verdict import Terms, judge

log = structlog.get_logger()

#: A group of rows to their messages.
Write = Callable[[Sequence[Row], Lease], Awaitable[Sequence[Written | Unwritten]]]

#: So many refusals of MAIL FROM in a row speak of us, not of readers: the letter is paused.
SENDER_REFUSALS = 5

#: Fewer in a row say nothing about a route, however few its connections are.
_FEWEST_FAILURES = 3

_NO_SESSION = frozenset({Stage.CONNECT, Stage.TLS, Stage.AUTH})
#: A server that never answers the final dot must not be given a whole audience to leave in doubt.
_BROKEN = frozenset({Result.UNREACHABLE, Result.UNCERTAIN})


@dataclass(slots=True)
class Line:
    """A lane's way out, and what it has lately been like."""

    transport: Transport
    back_off: BackOff
    rng: random.Random
    draining: bool = False
    broken: int = 0  # messages in a row that got no answer
    refused: int = 0  # refusals of our sender address in a row
    _door: asyncio.Lock = field(default_factory=asyncio.Lock)
    _free: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.transport.connections)

    @asynccontextmanager
    async def turn(self, rows: int) -> AsyncIterator[int]:
        """So many of the line's connections as a batch of `rows` can use, in the order of asking; yields their number.

        A full batch has the line to itself; notices of one row each go side by side. Whatever is under way, no more
        messages are in flight than there are connections.
        """
        wanted = min(rows, self.transport.connections)
        async with AsyncExitStack() as taken:
            async with self._door:
                for _ in range(wanted):
                    await taken.enter_async_context(self._free)
            yield wanted

    def takes_mail(self, now: datetime) -> bool:
        return not self.draining and not self.back_off.is_resting(now)

    def note(self, outcome: Outcome, *, now: datetime) -> None:
        """Learn from an outcome."""
        sender_refused = outcome.result is Result.REFUSED and outcome.stage is Stage.MAIL and outcome.code is not None
        self.refused = self.refused + 1 if sender_refused else 0
        if outcome.result not in _BROKEN:
            self.broken = 0
            if outcome.code is not None:  # a server spoke
                self.back_off.worked()
            return
        self.broken += 1
        if self.back_off.failed(outcome, now=now):
            log.warning(
                "route_rests",
                route=self.transport.name,
                until=self.back_off.until,
                stage=outcome.stage,
                code=outcome.code,
                reply=replies.clean(outcome.reply),
            )

    def is_down(self, outcome: Outcome) -> bool:
        """Whether the rest of a batch need not try."""
        if outcome.result not in _BROKEN:
            return False
        no_session = outcome.result is Result.UNREACHABLE and outcome.stage in _NO_SESSION
        return no_session or self.broken >= max(self.transport.connections, _FEWEST_FAILURES)


_Parcel = tuple[Row, int, Envelope, bytes]


class Passage:
    """Feeds the senders from the batch's rows and notes what became of each."""

    def __init__(self, line: Line, books: Books, clock: Clock) -> None:
        self._line = line
        self._books = books
        self._clock = clock
        self._queue: asyncio.Queue[_Parcel | None] = asyncio.Queue()
        self._taken = asyncio.Event()  # set while no intended row waits for a sender
        self._taken.set()
        self._halted = False
        self._settled = 0  # outcomes since the last intents
        self._deadline_at = clock()
        self._letter_id = 0

    async def run(self, held: Held, write: Write) -> None:
        """Until every row is sent or given back, and the batch is put down."""
        self._deadline_at, self._letter_id = held.lease.deadline_at, held.lease.span.letter_id
        keeper = asyncio.create_task(self._books.keep())  # renews the lease while the batch waits for its turn, too
        admission = self._books.admission
        try:
            async with self._line.turn(admission.connections(len(held.rows))) as connections:
                await self._carry(held, write, connections)
        finally:
            next_at = self._line.back_off.until if self._halted else admission.next_at
            await asyncio.shield(self._books.close(keeper, next_at=next_at))

    async def _carry(self, held: Held, write: Write, connections: int) -> None:
        if not self._line.takes_mail(self._clock()):
            self._halted = True
        senders = [asyncio.create_task(self._send()) for _ in range(connections)]
        for sender in senders:
            sender.add_done_callback(self._sender_ended)
        try:
            await self._feed(held, write, GroupSize(connections))
            for _ in senders:
                self._queue.put_nowait(None)
            await asyncio.gather(*senders)
        except BaseException:  # cancelled, or a bug: what is in flight is in doubt, what waits goes back
            self._halted = True
            for sender in senders:
                sender.cancel()
            await asyncio.gather(*senders, return_exceptions=True)
            self._give_back_waiting()
            raise

    async def _feed(self, held: Held, write: Write, size: GroupSize) -> None:
        loop = asyncio.get_running_loop()
        rows = deque(held.rows)
        since = loop.time()
        admission = self._books.admission
        while rows and not self._stops() and not admission.is_over:
            most = min(size.now, len(rows), admission.most or len(rows))
            group = await self._written(held.lease, [rows.popleft() for _ in range(most)], write)
            await self._taken.wait()
            size.measured(self._settled, loop.time() - since)
            self._settled, since = 0, loop.time()
            if not group or self._stops():
                continue
            try:
                attempts = await self._books.intend(list(group))
            except SQLAlchemyError as error:
                log.warning("intents_fail", batch=held.lease.batch_id, error=str(error))
                return
            if not attempts:
                return  # paused, cancelled, over, or no ration: the next lease will see which
            for delivery_id, attempt in attempts.items():
                made = group[delivery_id]
                self._taken.clear()
                self._queue.put_nowait((made.row, attempt, made.envelope, made.message))

    def _stops(self) -> bool:
        return self._halted or self._line.draining

    async def _written(self, lease: Lease, rows: list[Row], write: Write) -> dict[int, Written]:
        """The group's messages; a row that cannot be written fails here, before anything is intended."""
        written = {}
        for made in await write(rows, lease):
            if isinstance(made, Written):
                written[made.row.id] = made
                continue
            log.warning("row_cannot_be_written", delivery=made.row.id, error=made.reason)
            self._books.note(_unwritable(made))
        return written

    async def _send(self) -> None:
        while (parcel := await self._queue.get()) is not None:
            if self._queue.empty():
                self._taken.set()
            row, attempt, envelope, message = parcel
            if self._halted:
                self._give_back(row, attempt)
                continue
            outcome = await self._hand_over(row, attempt, envelope, message)
            await self._settle(row, attempt, outcome)

    def _sender_ended(self, sender: asyncio.Task[None]) -> None:
        """A sender that broke must not leave the feeder waiting for it."""
        if not sender.cancelled() and sender.exception() is not None:
            self._halted = True
            self._taken.set()

    async def _hand_over(self, row: Row, attempt: int, envelope: Envelope, message: bytes) -> Outcome:
        try:
            return await self._line.transport.send(envelope, message)
        except asyncio.CancelledError:
            self._books.note(self._judged(row, attempt, _lost("stopped while the message was handed over")))
            raise
        except Exception:
            log.exception("transport_broke", delivery=row.id, route=self._line.transport.name)
            return _lost("the transport broke; see the log")

    async def _settle(self, row: Row, attempt: int, outcome: Outcome) -> None:
        self._settled += 1
        self._line.note(outcome, now=self._clock())
        for signal in self._books.admission.note(outcome, row, now=self._clock()):
            self._halted = self._halted or not isinstance(signal, Passed)
            self._books.heed(signal)
        self._books.note(self._judged(row, attempt, outcome))
        if self._line.is_down(outcome):
            self._halted = True
        if self._line.refused >= SENDER_REFUSALS:
            self._line.refused = 0
            self._hold_letter(row, outcome)

    def _hold_letter(self, row: Row, outcome: Outcome) -> None:
        """Our sender address is refused: nobody else's copy needs to try. (A notice has one reader, and is over.)"""
        log.error(
            "sender_refused", delivery=row.id, route=self._line.transport.name, reply=replies.clean(outcome.reply)
        )
        self._halted = True
        if self._books.lane is not Lane.TX:
            scope = Scope(letter_id=self._letter_id)
            self._books.heed(Trip(Trouble.SENDER_REFUSED, scope, told(outcome)))

    def _judged(self, row: Row, attempt: int, outcome: Outcome) -> Record:
        now = self._clock()
        terms = Terms(
            now=now,
            deadline_at=self._deadline_at,
            route_rests_until=self._line.back_off.until or now,
            rng=self._line.rng,
        )
        return judge(outcome, attempt, row.id, row.address_key, terms)

    def _give_back(self, row: Row, attempt: int) -> None:
        """It was intended, and no transport had it: ready again, at no cost."""
        next_at = self._line.back_off.until or self._clock()
        self._books.note(Record(id=row.id, attempt=attempt, event=Event.RELEASE, next_at=next_at))

    def _give_back_waiting(self) -> None:
        while not self._queue.empty():
            parcel = self._queue.get_nowait()
            if parcel is not None:
                self._give_back(parcel[0], parcel[1])


def _lost(reply: str) -> Outcome:
    return Outcome(result=Result.UNCERTAIN, stage=Stage.DOT, reply=reply)


def _unwritable(made: Unwritten) -> Record:
    return Record(
        id=made.row.id,
        attempt=made.row.attempt,
        event=Event.FAIL,
        reason=f"cannot be written: {made.reason}"[:120],
        stage="build",
    )
