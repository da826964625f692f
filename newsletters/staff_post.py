"""The post to staff: letters about what needs a person, each cause once and then quiet for a while.

letters -> what was said enough of falls away -> compiled -> claimed and written to whom it concerns -> sent
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from sqlalchemy.orm import Session

from ground.database import Database
from ground.engine import Engine, WorkLane
from mailer import told
from mailer.compiler import LetterJob
from mailer.told import Manner
from newsletters import staff_mail
from staff import members
from staff.members import Member, Role

log = structlog.get_logger()


class Compiles(Protocol):
    """mailer.compiler.Compiler, as far as this post needs it."""

    async def variant(self, job: LetterJob) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffLetter:
    """One thing to be told, and whom it concerns; where nobody has that role, the owners."""

    cause: str
    template: str
    context: Mapping[str, Any]
    to: Role
    manner: Manner = field(default_factory=Manner)
    worth: timedelta = timedelta(hours=2)  # later than this it helps nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffPost:
    database: Database
    compiler: Compiles
    engine: Engine
    clock: Callable[[], datetime]
    base_url: str

    async def tell(self, letters: Sequence[StaffLetter]) -> int:
        """Write to staff about what was not told yet; how many causes were told."""
        due = await asyncio.to_thread(self._due, letters)
        sent = 0
        for letter, job in due:
            variant_id = await self.compiler.variant(job)
            batches = await asyncio.to_thread(self._write, letter, variant_id)
            for batch_id in batches or ():
                self.engine.submit("send_batch", {"batch": batch_id}, lane=WorkLane.TX, key=f"batch:{batch_id}")
            sent += batches is not None
        return sent

    def _due(self, letters: Sequence[StaffLetter]) -> list[tuple[StaffLetter, LetterJob]]:
        now = self.clock()
        with self.database.read() as session:
            fresh = [each for each in letters if not told.silenced(session, [each.cause], each.manner, now=now)]
            jobs = {
                each.cause: staff_mail.job(session, each.template, each.context, base_url=self.base_url)
                for each in fresh
            }
        if not fresh:
            return []
        with self.database.write() as session:
            ripe = [each for each in fresh if told.see(session, each.cause, each.manner, now=now)]
            told.forget(session, now=now)
        return [(each, job) for each in ripe if (job := jobs[each.cause]) is not None]

    def _write(self, letter: StaffLetter, variant_id: int) -> list[int] | None:
        """The batches; None where another process has just told it."""
        now = self.clock()
        with self.database.write() as session:
            if not told.claim(session, letter.cause, letter.manner, now=now):
                return None
            people = concerned(session, letter.to)
            written = [_enqueue(session, letter, member, variant_id, now) for member in people]
            log.warning("staff_told", cause=letter.cause, people=len(people))
            return [batch_id for batch_id in written if batch_id is not None]


def concerned(session: Session, role: Role) -> list[Member]:
    """Who is written to about what concerns this role."""
    return members.list_mailed(session, role) or members.list_mailed(session, Role.OWNER)


def _enqueue(session: Session, letter: StaffLetter, member: Member, variant_id: int, now: datetime) -> int | None:
    fields = {"name": member.name}
    return staff_mail.enqueue(session, letter.template, member, variant_id, fields, lifetime=letter.worth, now=now)
