"""The press: a group of rows becomes messages, each filled by itself, then all of them signed together.

Where they are signed, a batch is written some groups ahead of its sending: the children that sign are busy while the
network is, and neither waits for the other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Generic, TypeVar

from mailer import replies
from mailer.batches import Lease
from mailer.deliveries import Row
from mailer.envelope import Envelope
from mailer.ledger import Held
from mailer.transports.relay import Relay

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Unsignable:
    """Why this message cannot be signed; the others of its group can."""

    reason: str


#: A group's messages, with the time that their signatures name and what was made ahead for each, to the same messages
#: signed, in their order. Raises what is no message's fault: then none of the group leaves, and all of it is tried again.
Sign = Callable[[Sequence[bytes], datetime, Sequence[bytes | None]], Awaitable[Sequence[bytes | Unsignable]]]
#: The same messages to what is kept for each (mailer.signatures); None where no key of ours signs.
Make = Callable[[Sequence[bytes], datetime], Awaitable[Sequence[bytes | None]]]


@dataclass(slots=True)  # not frozen: there is one for each message, and that would triple its cost
class Written:
    row: Row
    envelope: Envelope
    message: bytes
    is_canonical: bool = False


@dataclass(frozen=True, slots=True)
class Unwritten:
    """A row that no message can be made of, and why."""

    row: Row
    reason: str


Made = Written | Unwritten
#: A group of rows to their messages.
Write = Callable[[Sequence[Row], Lease], Coroutine[Any, Any, Sequence[Made]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Press(Generic[C]):
    """How a row becomes a message. Wiring fills it in from `mailer.letter`, `mailer.message` and `mailer.dkim`."""

    load: Callable[[bytes], C]  # a stored variant
    build: Callable[[C, Row, Lease], bytes]  # raises when this row cannot be filled; the others go on
    return_path: Callable[[int], str]  # of a delivery's id
    sign: Sign | None = None  # None: every relay does
    make: Make | None = None  # signs ahead
    is_canonical: bool = False  # `build` ends each line with CRLF and begins none with a dot, whatever the fields hold

    async def signatures(self, letters: Mapping[int, C], rows: Sequence[Row], lease: Lease) -> dict[int, bytes]:
        """What is kept of these rows' signatures, by delivery; a row that cannot be written or signed is left out."""
        if self.make is None:
            return {}
        filled = [self._fill(_ANY_RELAY, letters, row, lease) for row in rows]
        written = [each for each in filled if isinstance(each, Written)]
        made = await self.make([each.message for each in written], lease.due_at)
        return {each.row.id: kept for each, kept in zip(written, made, strict=True) if kept is not None}

    async def write(
        self, relay: Relay, letters: Mapping[int, C], ahead: Mapping[int, bytes], rows: Sequence[Row], lease: Lease
    ) -> list[Made]:
        """The group's messages, a row's each, as this relay wants them; `ahead` is what was signed before."""
        filled = [self._fill(relay, letters, row, lease) for row in rows]
        if self.sign is None or relay.signs:
            return filled
        written = [each for each in filled if isinstance(each, Written)]
        kept = [ahead.get(each.row.id) for each in written]
        signed = iter(await self.sign([each.message for each in written], lease.due_at, kept))
        return [_signed(each, next(signed)) if isinstance(each, Written) else each for each in filled]

    def _fill(self, relay: Relay, letters: Mapping[int, C], row: Row, lease: Lease) -> Written | Unwritten:
        try:
            message = self.build(letters[row.variant_id], row, lease)
            return_path = self.return_path(row.id)
            return Written(row, Envelope(return_path, row.address), relay.mark(message, return_path), self.is_canonical)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one row, the others are sent
            return Unwritten(row, replies.clean(str(error) or repr(error)))


#: No signature covers what a relay wants added.
_ANY_RELAY = Relay()

#: Rows written in one go, which is how long the event loop is held; and how many such goes may be under way.
RUN = 16
AHEAD = 4


class WrittenAhead:
    """A batch's rows on the press, a few runs ahead of who asks for them."""

    def __init__(self, write: Write, held: Held) -> None:
        self._write = write
        self._lease = held.lease
        self._rest = deque(held.rows)
        self._runs: deque[asyncio.Task[Sequence[Made]]] = deque()
        self._made: dict[int, Made] = {}

    async def write(self, rows: Sequence[Row], lease: Lease) -> list[Made]:
        """The messages of these rows. They are asked for in the batch's order; any other order only takes longer."""
        self._begin()
        while self._runs and not all(row.id in self._made for row in rows):
            for made in await self._runs.popleft():
                self._made[made.row.id] = made
            self._begin()
        if missing := [row for row in rows if row.id not in self._made]:
            self._made |= {made.row.id: made for made in await self._write(missing, lease)}
        return [self._made.pop(row.id) for row in rows]

    def _begin(self) -> None:
        while self._rest and len(self._runs) < AHEAD:
            rows = [self._rest.popleft() for _ in range(min(RUN, len(self._rest)))]
            self._runs.append(asyncio.create_task(self._write(rows, self._lease)))

    async def close(self) -> None:
        """Let go of what nobody will ask for."""
        for run in self._runs:
            run.cancel()
        await asyncio.gather(*self._runs, return_exceptions=True)


@asynccontextmanager
async def writing(
    press: Press[C], relay: Relay, letters: Mapping[int, C], held: Held, ahead: Mapping[int, bytes]
) -> AsyncIterator[Write]:
    """How this batch is written: ahead where its rows are many and signed while sending, as they are asked for where not."""
    write: Write = partial(press.write, relay, letters, ahead)
    if press.sign is None or relay.signs or len(held.rows) - len(ahead) <= RUN:
        yield write
        return
    running = WrittenAhead(write, held)
    try:
        yield running.write
    finally:
        await running.close()


def _signed(written: Written, message: bytes | Unsignable) -> Written | Unwritten:
    if isinstance(message, Unsignable):
        return Unwritten(written.row, f"cannot be signed: {message.reason}")
    return Written(written.row, written.envelope, message, written.is_canonical)
