"""Passage: one leased batch on its way over a line.

A batch is given connections as they become free, in the order of asking, and gives each back as soon as it has nothing
more for it: one message that a server never answers holds one connection, not the line.
"""

from __future__ import annotations

import asyncio
from collections import deque

import structlog
from sqlalchemy.exc import SQLAlchemyError

from mailer import replies
from mailer.books import Books, Clock
from mailer.breakers import Scope, Trouble
from mailer.deliveries import Event, Row
from mailer.feed import Feed, Intended
from mailer.leases import Lease
from mailer.ledger import Held
from mailer.letters import Lane
from mailer.lines import Line
from mailer.press import Unwritten, Write, Written
from mailer.reception import Passed, Trip, told
from mailer.results import Record
from mailer.transports import Carrier, Outcome, Result, Stage
from mailer.verdict import Terms, accepted, judge

log = structlog.get_logger()

#: So many refusals of MAIL FROM in a row speak of us, not of readers: the letter is paused.
SENDER_REFUSALS = 5


class Passage:
    """Feeds the senders from the batch's rows and notes what became of each."""

    def __init__(self, line: Line, books: Books, clock: Clock) -> None:
        self._line = line
        self._books = books
        self._clock = clock
        self._waiting = Feed(self._settle, self._give_back)
        self._senders: list[asyncio.Task[None]] = []
        self._staffed = asyncio.Event()  # set with the first sender
        self._halted = False
        self._settled = 0  # outcomes since the last intents
        self._deadline_at = clock()
        self._letter_id = 0

    async def run(self, held: Held, write: Write) -> None:
        """Until every row is sent or given back, and the batch is put down."""
        self._deadline_at, self._letter_id = held.lease.deadline_at, held.lease.span.letter_id
        keeper = asyncio.create_task(self._books.keep())  # renews the lease while the batch waits for its turn, too
        try:
            await self._carry(held, write)
        finally:
            next_at = self._line.back_at(None, self._clock()) if self._halted else self._books.admission.next_at
            await asyncio.shield(self._books.close(keeper, next_at=next_at))

    async def _carry(self, held: Held, write: Write) -> None:
        connections = min(self._books.admission.connections(len(held.rows)), self._line.transport.connections)
        recruiter = asyncio.create_task(self._recruit(connections))
        try:
            await self._turn()
            await self._feed(held, write)
            await self._dismiss(recruiter)
        except BaseException:  # cancelled, or a bug: what is in flight is in doubt, what waits goes back
            self._halt()
            for task in (recruiter, *self._senders):
                task.cancel()
            await asyncio.gather(recruiter, *self._senders, return_exceptions=True)
            raise

    async def _recruit(self, connections: int) -> None:
        """One sender for each connection that the batch can use, as they become free."""
        async with self._line.door:
            for _ in range(connections):
                await self._line.free.acquire()
                sender = asyncio.create_task(self._send())
                sender.add_done_callback(self._sender_ended)
                self._senders.append(sender)
                self._staffed.set()

    async def _turn(self) -> None:
        """Wait for the first connection, or until another line is the better one."""
        while not self._staffed.is_set():
            try:
                async with asyncio.timeout(self._line.patience):
                    await self._staffed.wait()
            except TimeoutError:
                self._halted = self._line.should_be_left(self._clock())
                if self._halted:
                    return
        if not self._line.takes_mail(self._clock()):
            self._halted = True

    async def _dismiss(self, recruiter: asyncio.Task[None]) -> None:
        """Nobody more is needed; each sender ends, and frees its connection, when nothing waits for it."""
        recruiter.cancel()
        await asyncio.gather(recruiter, return_exceptions=True)
        self._waiting.end()
        await asyncio.gather(*self._senders)

    async def _feed(self, held: Held, write: Write) -> None:
        loop = asyncio.get_running_loop()
        rows = deque(held.rows)
        since = loop.time()
        admission, size = self._books.admission, self._line.group_size
        while rows and not self._stops() and not admission.is_over:
            most = min(size.now, len(rows), admission.most or len(rows))
            group = await self._written(held.lease, [rows.popleft() for _ in range(most)], write)
            await self._waiting.taken.wait()
            size.measured(self._settled, loop.time() - since)
            self._settled = 0
            if not group or self._stops():
                continue
            try:
                attempts = await self._books.intend(list(group))
            except SQLAlchemyError as error:
                log.warning("intents_fail", batch=held.lease.batch_id, error=str(error))
                return
            since = loop.time()
            if not attempts:
                return  # paused, cancelled, over, or no ration: the next lease will see which
            self._waiting.put(_intended(group[each], attempt) for each, attempt in attempts.items())

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
        transport = self._line.transport
        if not isinstance(transport, Carrier):
            while (parcel := await self._waiting.next()) is not None:
                self._settle(parcel, await self._hand_over(parcel))
            return
        while not self._waiting.is_over or not self._waiting.taken.is_set():
            try:
                await transport.carry(self._waiting)
            except Exception:
                log.exception("transport_broke", route=transport.name)

    def _sender_ended(self, sender: asyncio.Task[None]) -> None:
        """Its connection is free again. A sender that broke must not leave the feeder waiting for it."""
        self._line.free.release()
        if not sender.cancelled() and sender.exception() is not None:
            self._halt()

    async def _hand_over(self, parcel: Intended) -> Outcome:
        try:
            return await self._line.transport.send(parcel.envelope, parcel.message)
        except asyncio.CancelledError:
            self._note(parcel, _lost("stopped while the message was handed over"))
            raise
        except Exception:
            log.exception("transport_broke", delivery=parcel.row.id, route=self._line.transport.name)
            return _lost("the transport broke; see the log")

    def _settle(self, parcel: Intended, outcome: Outcome) -> None:
        self._settled += 1
        now = self._clock()
        self._line.note(outcome, now=now)
        is_down = self._line.is_down(outcome)
        for signal in self._books.admission.note(outcome, parcel.row, is_down=is_down, now=now):
            if not isinstance(signal, Passed):
                self._halt()
            self._books.heed(signal)
        self._note(parcel, outcome)
        if is_down:
            self._halt()
        if self._line.refused >= SENDER_REFUSALS:
            self._line.refused = 0
            self._hold_letter(parcel.row, outcome)

    def _halt(self) -> None:
        """Nothing more of this batch for now."""
        self._halted = True
        self._waiting.stop()

    def _hold_letter(self, row: Row, outcome: Outcome) -> None:
        """Our sender address is refused: nobody else's copy needs to try. (A notice has one reader, and is over.)"""
        log.error(
            "sender_refused", delivery=row.id, route=self._line.transport.name, reply=replies.clean(outcome.reply)
        )
        self._halt()
        if self._books.lane is not Lane.TX:
            scope = Scope(letter_id=self._letter_id)
            self._books.heed(Trip(Trouble.SENDER_REFUSED, scope, told(outcome)))

    def _note(self, parcel: Intended, outcome: Outcome) -> None:
        if outcome.result is Result.ACCEPTED:  # nearly all, and it depends on no terms
            self._books.note(accepted(outcome, parcel.attempt, parcel.row.id, parcel.row.address_key))
            return
        now = self._clock()
        terms = Terms(
            now=now,
            deadline_at=self._deadline_at,
            route_rests_until=self._line.back_at(outcome, now),
            rng=self._line.rng,
        )
        self._books.note(judge(outcome, parcel.attempt, parcel.row.id, parcel.row.address_key, terms))

    def _give_back(self, parcel: Intended) -> None:
        """It was intended, and no transport had it: ready again, at no cost."""
        next_at = self._line.back_at(None, self._clock())
        self._books.note(Record(id=parcel.row.id, attempt=parcel.attempt, event=Event.RELEASE, next_at=next_at))


def _intended(made: Written, attempt: int) -> Intended:
    return Intended(made.envelope, made.pieces, made.is_canonical, row=made.row, attempt=attempt)


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
