"""Dispatch: bring one batch of deliveries to a transport.

    lease the batch -> write and sign a group -> commit its intents -> N senders hand over -> results are written in groups -> close

At any moment at most one intent group is waiting, `connections` messages are in flight and a few milliseconds' results
are unwritten: that is all that a crash can leave in doubt.
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import chain
from typing import Generic, TypeVar

import structlog

from ground.database import Database
from mailer import ledger, signatures
from mailer.admission import Admission, Admissions, Look
from mailer.books import Books, Clock, Desk, Habits
from mailer.ledger import Held
from mailer.letters import Lane, compiled_of_all
from mailer.lines import Line, Lines, Way
from mailer.pacing import Cap
from mailer.passage import Passage
from mailer.press import Press, writing

C = TypeVar("C")
log = structlog.get_logger()

#: Compiled letters kept in memory: a digest in a few languages and the notices.
_KEPT = 32
_UNREADABLE_RESTS = timedelta(minutes=5)


class Dispatcher(Generic[C]):
    """Sends batches over their lanes' lines: as many at once as a line's connections serve."""

    def __init__(
        self,
        database: Database,
        ways: Mapping[Lane, Sequence[Way]],
        press: Press[C],
        *,
        clock: Clock,
        owner: str,
        rng: random.Random,
        habits: Habits | None = None,
        caps: Mapping[str, Cap] | None = None,
    ) -> None:
        self._desk = Desk(database, owner=owner, clock=clock, habits=habits or Habits())
        self._lanes = {lane: Lines(each, rng) for lane, each in ways.items()}
        names = {lane: [line.transport.name for line in lines] for lane, lines in self._lanes.items()}
        self._admissions = Admissions(names, caps or {})
        self._press = press
        self._compiled: OrderedDict[int, C] = OrderedDict()

    async def send_batch(self, batch_id: int) -> None:
        """Send what is due of a batch. Harmless when it was sent before, is held by somebody else, or is gone."""
        taken = await self._lease(batch_id)
        if taken is None:
            return
        held, line, admission = taken
        try:
            await self._send(held, line, Books(self._desk, held.lease, admission))
        finally:
            admission.ended()

    async def _send(self, held: Held, line: Line, books: Books) -> None:
        try:
            letters = await self._load({row.variant_id for row in held.rows})
        except BaseException:
            # A letter that cannot be read is nobody's failure among its readers: all rows go back.
            await asyncio.shield(books.close(None, next_at=self._desk.clock() + _UNREADABLE_RESTS))
            raise
        ahead = await self._signed_ahead(held, line)
        async with writing(self._press, line.way.relay, letters, held, ahead) as write:
            await Passage(line, books, self._desk.clock).run(held, write)

    async def _signed_ahead(self, held: Held, line: Line) -> dict[int, bytes]:
        if self._press.ahead is None or line.way.relay.signs or held.lease.lane is not Lane.BULK:
            return {}
        return await asyncio.to_thread(self._read_signatures, held)

    def _read_signatures(self, held: Held) -> dict[int, bytes]:
        with self._desk.database.read() as session:
            return signatures.of(session, held.lease.span)

    def drain(self) -> None:
        """Take no further delivery: what is in flight ends, the rest goes back to the ledger. For the end of the process."""
        for line in self._all_lines():
            line.draining = True

    async def close(self) -> None:
        """Close the transports' connections."""
        for line in self._all_lines():
            await line.transport.close()

    def _all_lines(self) -> Iterator[Line]:
        return chain.from_iterable(self._lanes.values())

    async def _lease(self, batch_id: int) -> tuple[Held, Line, Admission] | None:
        """A batch, the line it goes over, and what it may do there."""
        async with self._desk.pen:
            taken = await asyncio.to_thread(self._take, batch_id)
            if taken is None:
                return None
            held, look = taken
            lines = self._lanes[held.lease.lane]
            lines.heed(look.refused)
            line = lines.choose(len(held.rows), self._desk.clock(), among=look.admissions)
            admission = look.admissions[line.transport.name]
            admission.began()
            return held, line, admission

    def _take(self, batch_id: int) -> tuple[Held, Look] | None:
        now = self._desk.clock()
        with self._desk.database.write_bulk() as session:
            look = self._admissions.look(session, batch_id, now=now)
            if not look.admissions:
                return None
            held = ledger.lease(
                session, batch_id, owner=self._desk.name_lease(), until=now + self._desk.habits.lease_for, now=now
            )
        return None if held is None else (held, look)

    async def _load(self, variant_ids: Collection[int]) -> dict[int, C]:
        """The compiled letters of a batch; the batch keeps them, whatever the cache forgets while it is under way."""
        letters = {each: self._compiled[each] for each in variant_ids if each in self._compiled}
        missing = [each for each in variant_ids if each not in letters]
        if missing:
            for variant_id, stored in await asyncio.to_thread(self._read, missing):
                letters[variant_id] = self._press.load(stored)
        for each, letter in letters.items():
            self._compiled[each] = letter
            self._compiled.move_to_end(each)
        while len(self._compiled) > _KEPT:
            self._compiled.popitem(last=False)
        return letters

    def _read(self, variant_ids: list[int]) -> list[tuple[int, bytes]]:
        with self._desk.database.read() as session:
            return compiled_of_all(session, variant_ids)
