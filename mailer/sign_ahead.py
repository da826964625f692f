"""Sign ahead: while a letter waits for its due time, its messages are written, signed, and forgotten but for the signature."""

from __future__ import annotations

import asyncio
from itertools import groupby

import structlog

from ground.database import Database
from mailer import letters, press, signatures
from mailer.books import Clock
from mailer.deliveries import Row
from mailer.press import Signer
from mailer.signatures import Taken

log = structlog.get_logger()

#: Batches under way at once: one is signed while another is read or kept.
_AT_ONCE = 2


class SignAhead:
    """Signs what will be due, batch after batch. Several processes share the work; each batch is one process's.

    Here batches are only read and kept. Writing and signing is the signer's work, in other processes.
    """

    def __init__(self, database: Database, signer: Signer | None, clock: Clock) -> None:
        self._database = database
        self._signer = signer
        self._clock = clock

    async def sign(self, stop: asyncio.Event | None = None) -> int:
        """Sign until nothing is left, or told to stop; how many messages were signed."""
        if self._signer is None:
            return 0
        signer, stored = self._signer, dict[int, bytes]()
        signed = sum(await asyncio.gather(*(self._go_on(signer, stored, stop) for _ in range(_AT_ONCE))))
        if signed:
            log.info("signed_ahead", messages=signed)
        return signed

    async def _go_on(self, signer: Signer, stored: dict[int, bytes], stop: asyncio.Event | None) -> int:
        signed = 0
        while stop is None or not stop.is_set():
            taken = await asyncio.to_thread(self._take)
            if taken is None:
                break
            if missing := {row.variant_id for row in taken.rows} - stored.keys():
                stored.update(await asyncio.to_thread(self._read, sorted(missing)))
            made = await _signed(signer, stored, taken)
            if await asyncio.to_thread(self._keep, taken, made):
                signed += len(made)
        return signed

    def _read(self, variant_ids: list[int]) -> list[tuple[int, bytes]]:
        with self._database.read() as session:
            return letters.compiled_of_all(session, variant_ids)

    def _take(self) -> Taken | None:
        with self._database.write_bulk() as session:
            return signatures.take(session, now=self._clock())

    def _keep(self, taken: Taken, made: dict[int, bytes]) -> bool:
        with self._database.write_bulk() as session:
            return signatures.keep(session, taken, made, now=self._clock())

    async def forget(self) -> None:
        """Forget the signatures of letters that have ended."""
        while await asyncio.to_thread(self._forget):
            pass

    def _forget(self) -> bool:
        with self._database.write_bulk() as session:
            return signatures.forget(session)


async def _signed(signer: Signer, stored: dict[int, bytes], taken: Taken) -> dict[int, bytes]:
    """What is kept of the signatures, by delivery. What cannot be written or signed is told when it is sent."""
    found: dict[int, bytes] = {}
    for variant_id, of_variant in groupby(sorted(taken.rows, key=_variant), key=_variant):
        rows, mark = list(of_variant), signer.mark
        made = await signer.headers(stored[variant_id], rows, taken.lease)
        pairs = zip(rows, made, strict=True)
        found |= {row.id: press.digest(mark, row, taken.lease) + kept for row, kept in pairs if kept is not None}
    return found


def _variant(row: Row) -> int:
    return row.variant_id
