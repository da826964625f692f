"""The press: a group of rows becomes messages, each filled by itself, then all of them signed together.

Where they are signed, a batch is written some groups ahead of its sending: the children that sign are busy while the
network is, and neither waits for the other.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from mailer import replies
from mailer.deliveries import Row
from mailer.envelope import Envelope
from mailer.leases import Lease
from mailer.ledger import Held
from mailer.transports.relay import Relay

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Unsignable:
    """Why this message cannot be signed; the others of its group can."""

    reason: str


#: A group's messages, with the time that their signatures name, to the same messages signed, in their order.
#: Raises what is no message's fault: then none of the group leaves, and all of it is tried again.
Sign = Callable[[Sequence[bytes], datetime], Awaitable[Sequence[bytes | Unsignable]]]


class Signer(Protocol):
    """Who signs ahead."""

    @property
    def mark(self) -> bytes:
        """What all its messages and signatures depend on besides the row: our keys, addresses, version."""

    async def headers(self, stored: bytes, rows: Sequence[Row], lease: Lease) -> Sequence[bytes | None]:
        """What stands in front of each message when it is signed; None where no key of ours signs.

        The rows are of one stored variant. They are written elsewhere, too: nothing of it holds this process.
        """


@dataclass(slots=True)  # not frozen: there is one for each message, and that would triple its cost
class Written:
    row: Row
    envelope: Envelope
    pieces: Sequence[bytes]  # as in a Parcel
    is_canonical: bool = False

    @property
    def message(self) -> bytes:
        return b"".join(self.pieces)


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
    build: Callable[[C, Row, Lease], Sequence[bytes]]  # a message's pieces; raises for a row that cannot be filled
    return_path: Callable[[int], str]  # of a delivery's id
    sign: Sign | None = None  # None: every relay does
    ahead: Signer | None = None
    is_canonical: bool = False  # `build` ends each line with CRLF and begins none with a dot, whatever the fields hold

    async def write(
        self, relay: Relay, letters: Mapping[int, C], ahead: Mapping[int, bytes], rows: Sequence[Row], lease: Lease
    ) -> list[Made]:
        """The group's messages, a row's each, as this relay wants them; `ahead` is what was signed before."""
        filled = [self._fill(relay, letters, row, lease) for row in rows]
        if self.sign is None or relay.signs:
            return filled
        unsigned = self._put_in_place(filled, ahead, lease)
        if not unsigned:
            return filled
        signed = iter(await self.sign([each.message for each in unsigned.values()], lease.due_at))
        for place, each in unsigned.items():
            filled[place] = _signed(each, next(signed))
        return filled

    def _put_in_place(self, filled: Sequence[Made], ahead: Mapping[int, bytes], lease: Lease) -> dict[int, Written]:
        """Sign with what was made ahead of the very same; the others, by their place."""
        mark = self.ahead.mark if self.ahead is not None and ahead else b""
        rest = {}
        for place, each in enumerate(filled):
            if not isinstance(each, Written):
                continue
            kept = ahead.get(each.row.id)
            if kept is not None and kept[:_DIGEST] == digest(mark, each.row, lease):
                each.pieces = (kept[_DIGEST:], *each.pieces)
            else:
                rest[place] = each
        return rest

    def _fill(self, relay: Relay, letters: Mapping[int, C], row: Row, lease: Lease) -> Written | Unwritten:
        try:
            pieces = self.build(letters[row.variant_id], row, lease)
            return_path = self.return_path(row.id)
            if mark := relay.mark(return_path):
                pieces = (mark, *pieces)
            return Written(row, Envelope(return_path, row.address), pieces, self.is_canonical)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one row, the others are sent
            return Unwritten(row, replies.clean(str(error) or repr(error)))


_DIGEST = 32


def digest(mark: bytes, row: Row, lease: Lease) -> bytes:
    """All that a message and its signature are made of; of a letter's text its variant's number, which never changes."""
    due = lease.due_at.timestamp()
    made_of = f"{row.variant_id} {row.id} {row.recipient_id} {row.address!r} {row.fields} {due}"
    return hashlib.sha256(mark + made_of.encode("utf-8", "surrogatepass")).digest()


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
    return Written(written.row, written.envelope, (message,), written.is_canonical)
