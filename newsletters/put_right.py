"""Putting right: the corrections whose moment of undo is over, on their way to who has the issue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ground.database import Database
from ground.engine import Engine, WorkLane
from mailer import letters
from mailer.batches import Batch
from mailer.compiler import LetterJob
from mailer.deliveries import Delivery
from mailer.letter import Kind
from mailer.letters import InDoubt, Lane, Letter, LetterState
from newsletters import corrections, newsletters, receivers, seal
from newsletters.corrections import Correction
from newsletters.issues import Issue
from newsletters.receivers import Order
from newsletters.sender import sender_of
from newsletters.staff_post import Compiles

log = structlog.get_logger()

_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutRight:
    database: Database
    compiler: Compiles
    engine: Engine
    clock: Callable[[], datetime]
    base_url: str

    async def send_due(self) -> int:
        """Send what is due, and go on with what was left half-way; how many corrections."""
        sent = 0
        for number, job in await asyncio.to_thread(self._due):
            variant_id = await self.compiler.variant(job)
            order = await asyncio.to_thread(self._open, number, variant_id)
            if order is None or not await asyncio.to_thread(receivers.write_down, self.database, order):
                continue
            for batch_id in await asyncio.to_thread(self._start, number):
                self.engine.submit("send_batch", {"batch": batch_id}, lane=WorkLane.BULK, key=f"batch:{batch_id}")
            sent += 1
        return sent

    def _due(self) -> list[tuple[int, LetterJob]]:
        with self.database.read() as session:
            found = corrections.due(session, now=self.clock())
            return [(each.id, letter(session, each, base_url=self.base_url)) for each in found]

    def _open(self, correction_id: int, variant_id: int) -> Order | None:
        """Its letter, whose readers are written next; None where it was taken back or another process has sent it."""
        now = self.clock()
        with self.database.write() as session:
            found = session.get_one(Correction, correction_id, with_for_update=True)
            if not found.is_open:
                return None
            if found.letter_id is None:
                made = _new_letter(now)
                session.add(made)
                session.flush()
                found.letter_id = made.id
            issue, made = session.get_one(Issue, found.issue_id), session.get_one(Letter, found.letter_id)
            assert issue.letter_id is not None
            written = select(Delivery.variant_id).where(Delivery.letter_id == made.id).limit(1)
            return Order(
                edition_id=issue.edition_id,
                had_letter_id=issue.letter_id,
                letter_id=made.id,
                variant_id=session.scalar(written) or variant_id,  # what was begun goes on as it began
                now=made.created_at,
            )

    def _start(self, correction_id: int) -> list[int]:
        """Close it with its count and let it go; its batches."""
        now = self.clock()
        with self.database.write() as session:
            found = session.get_one(Correction, correction_id, with_for_update=True)
            if not found.is_open or found.letter_id is None:
                return []
            made = session.get_one(Letter, found.letter_id)
            count = session.scalar(select(func.count()).where(Delivery.letter_id == made.id)) or 0
            letters.seal(session, made.id, count=count)
            session.refresh(made)
            found.sealed_at, found.recipient_count = now, count
            seal.let_go(session, session.get_one(Issue, found.issue_id).edition_id, made)
            if not count:
                made.state, made.finished_at = LetterState.FINISHED, now
            log.info("correction.sent", issue=found.issue_id, correction=found.id, recipients=count)
            return list(session.scalars(select(Batch.id).where(Batch.letter_id == made.id).order_by(Batch.id)))


def letter(session: Session, correction: Correction, *, base_url: str) -> LetterJob:
    """A correction as its readers get it."""
    issue = session.get_one(Issue, correction.issue_id)
    found = newsletters.edition_by_id(session, issue.edition_id)
    assert found is not None, "an issue's edition is never deleted"
    sender = sender_of(found[0], found[1], base_url)
    context = {
        "correction": {"subject": correction.subject, "paragraphs": correction.paragraphs},
        "issue": {
            "number": issue.number,
            "subject": issue.subject,
            "date": issue.scheduled_for.astimezone(ZoneInfo(sender.zone)).date().isoformat(),
            "view_url": f"{sender.archive_url}/{issue.number}",
        },
    }
    return LetterJob(template="correction", language=found[1].language, kind=Kind.ISSUE, sender=sender, context=context)


def _new_letter(now: datetime) -> Letter:
    return Letter(
        name="correction",
        kind=Kind.ISSUE,
        lane=Lane.BULK,
        state=LetterState.BUILDING,
        in_doubt=InDoubt.RESEND,
        due_at=now,
        deadline_at=now + _LIFETIME,
        created_at=now,
    )
