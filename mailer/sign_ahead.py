"""Sign ahead: while a letter waits for its due time, its messages are written, signed, and forgotten but for the signature."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

import structlog

from ground.database import Database
from mailer import letters, signatures
from mailer.books import Clock
from mailer.press import RUN, Press
from mailer.signatures import Taken

C = TypeVar("C")
log = structlog.get_logger()


class SignAhead(Generic[C]):
    """Signs what will be due, batch after batch. Several processes share the work; each batch is one process's."""

    def __init__(self, database: Database, press: Press[C], clock: Clock) -> None:
        self._database = database
        self._press = press
        self._clock = clock

    async def sign(self, stop: asyncio.Event | None = None) -> int:
        """Sign until nothing is left, or told to stop; how many messages were signed."""
        signed = 0
        compiled: dict[int, C] = {}
        while stop is None or not stop.is_set():
            taken = await asyncio.to_thread(self._take)
            if taken is None:
                break
            await self._load(taken, compiled)
            made = await self._signed(taken, compiled)
            if await asyncio.to_thread(self._keep, taken, made):
                signed += len(made)
        if signed:
            log.info("signed_ahead", messages=signed)
        return signed

    async def _signed(self, taken: Taken, compiled: dict[int, C]) -> dict[int, bytes]:
        """Signatures by delivery. What cannot be written or signed is told when it is sent."""
        runs = [taken.rows[start : start + RUN] for start in range(0, len(taken.rows), RUN)]
        found: dict[int, bytes] = {}
        for run in runs:
            found |= await self._press.signatures(compiled, run, taken.lease)
        return found

    async def _load(self, taken: Taken, compiled: dict[int, C]) -> None:
        missing = {row.variant_id for row in taken.rows} - compiled.keys()
        for variant_id, stored in await asyncio.to_thread(self._read, sorted(missing)) if missing else ():
            compiled[variant_id] = self._press.load(stored)

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
