"""The press: a group of rows becomes messages, each filled by itself, then all of them signed together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from mailer import replies
from mailer.batches import Lease
from mailer.deliveries import Row
from mailer.envelope import Envelope

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Unsignable:
    """Why this message cannot be signed; the others of its group can."""

    reason: str


#: A group's messages, with the time that their signatures name, to the same messages signed, in their order.
#: Raises what is no message's fault: then none of the group leaves, and all of it is tried again.
Sign = Callable[[Sequence[bytes], datetime], Awaitable[Sequence[bytes | Unsignable]]]


@dataclass(frozen=True, slots=True)
class Written:
    row: Row
    envelope: Envelope
    message: bytes


@dataclass(frozen=True, slots=True)
class Unwritten:
    """A row that no message can be made of, and why."""

    row: Row
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Press(Generic[C]):
    """How a row becomes a message. Wiring fills it in from `mailer.letter`, `mailer.message` and `mailer.dkim`."""

    load: Callable[[bytes], C]  # a stored variant
    build: Callable[[C, Row, Lease], bytes]  # raises when this row cannot be filled; the others go on
    return_path: Callable[[int], str]  # of a delivery's id
    sign: Sign | None = None  # None: the relay does

    async def write(self, letters: Mapping[int, C], rows: Sequence[Row], lease: Lease) -> list[Written | Unwritten]:
        """The group's messages, a row's each."""
        filled = [self._fill(letters, row, lease) for row in rows]
        if self.sign is None:
            return filled
        written = [each for each in filled if isinstance(each, Written)]
        signed = iter(await self.sign([each.message for each in written], lease.due_at))
        return [_signed(each, next(signed)) if isinstance(each, Written) else each for each in filled]

    def _fill(self, letters: Mapping[int, C], row: Row, lease: Lease) -> Written | Unwritten:
        try:
            message = self.build(letters[row.variant_id], row, lease)
            return Written(row, Envelope(self.return_path(row.id), row.address), message)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one row, the others are sent
            return Unwritten(row, replies.clean(str(error) or repr(error)))


def _signed(written: Written, message: bytes | Unsignable) -> Written | Unwritten:
    if isinstance(message, Unsignable):
        return Unwritten(written.row, f"cannot be signed: {message.reason}")
    return Written(written.row, written.envelope, message)
