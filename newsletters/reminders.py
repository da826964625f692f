"""Reminders: who asked for an edition and has not confirmed is asked once more, in that edition's name and language."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from ground.database import Database
from ground.engine import Engine, WorkLane
from mailer.compiler import LetterJob
from mailer.letter import Kind
from newsletters import newsletters
from newsletters.sender import sender_of
from newsletters.staff_post import Compiles
from subscribers import remind

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminders:
    database: Database
    compiler: Compiles
    engine: Engine
    clock: Callable[[], datetime]
    base_url: str

    async def send(self) -> int:
        """Write to those whose time has come, some of each edition; how many letters. The next round takes the others."""
        sent = 0
        for edition_id, job in await asyncio.to_thread(self._due):
            variant_id = await self.compiler.variant(job)
            batches = await asyncio.to_thread(self._write, edition_id, variant_id)
            for batch_id in batches:
                self.engine.submit("send_batch", {"batch": batch_id}, lane=WorkLane.TX, key=f"batch:{batch_id}")
            log.info("readers_reminded", edition=edition_id, letters=len(batches))
            sent += len(batches)
        return sent

    def _due(self) -> list[tuple[int, LetterJob]]:
        with self.database.read() as session:
            found = []
            for edition_id in remind.editions(session, now=self.clock()):
                known = newsletters.edition_by_id(session, edition_id)
                if known is not None:
                    sender = sender_of(known[0], known[1], self.base_url)
                    job = LetterJob(
                        template="reminder", language=known[1].language, kind=Kind.TX, sender=sender, context={}
                    )
                    found.append((edition_id, job))
            return found

    def _write(self, edition_id: int, variant_id: int) -> list[int]:
        with self.database.write() as session:
            return remind.remind(session, edition_id, variant_id, now=self.clock())
