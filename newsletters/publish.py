"""Publish: an approved issue on its way to its readers.

    approved -> (held, for a moment of undo) -> compiled once -> held while its audience is written down
             -> sealed with a count -> sending

Each step is committed before the next begins, and each finds what is there already, so that a crash anywhere is made
good by publishing again: `due` names what is half-way. Nothing leaves before the seal. Each step locks the issue, as the
desk does: on PostgreSQL a cancel that comes in the same moment would otherwise be written over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from ground.database import Database
from ground.engine import Engine, WorkLane
from mailer.compiler import LetterJob
from mailer.deliveries import Delivery
from mailer.letter import BrokenLetter, Rendered
from mailer.letters import Letter
from mailer.lint import Report
from newsletters import approve, audience, digest, issues, objections, portions, seal, top_up
from newsletters.issues import Issue, IssueKind, IssueState
from newsletters.schedules import Autonomy, Schedule
from newsletters.seal import NotPublished, Published

log = structlog.get_logger()

_APPROVED = (IssueState.APPROVED, IssueState.HELD)

Clock = Callable[[], datetime]
_NOT_AHEAD = timedelta(0)


class Compiles(Protocol):
    """mailer.compiler.Compiler, as far as publishing needs it."""

    async def variant(self, job: LetterJob) -> int: ...

    async def render(self, job: LetterJob) -> Rendered: ...

    async def lint(self, job: LetterJob) -> Report: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _ToCompile:
    issue_id: int
    letter: LetterJob
    content_hash: str
    approved_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Checked:
    """What came of compiling beside the variant."""

    web_html: str
    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class _ToFreeze:
    order: audience.Freeze
    is_frozen: bool = False  # ahead of its time, and whole


def due(session: Session, *, now: datetime, ahead: timedelta = _NOT_AHEAD) -> list[int]:
    """The issues to publish now: approved ones, drafts that go by themselves, and what a crash left half-way.

    Those whose time comes within `ahead` are frozen already; once, for what comes later is added at their time. A freeze
    that a crash broke off goes on before its time, too.
    """
    goes_by_itself = and_(
        Issue.state == IssueState.DRAFT,
        Issue.reason.is_(None),
        Schedule.enabled,
        Schedule.autonomy.in_((Autonomy.AUTOMATIC, Autonomy.UNLESS_STOPPED)),
    )
    # An alert that is approved waits for its second word.
    approved = and_(Issue.state == IssueState.APPROVED, Issue.kind != IssueKind.ALERT)
    half_frozen = and_(Issue.state == IssueState.HELD, Issue.letter_id.is_not(None), Issue.frozen_at.is_(None))
    on_its_way = or_(approved, Issue.state.in_((IssueState.HELD, IssueState.SEALED)))
    found = (
        select(Issue.id)
        .outerjoin(Schedule, Schedule.id == Issue.schedule_id)
        .where(
            or_(
                and_(or_(goes_by_itself, on_its_way), Issue.scheduled_for <= now),
                and_(or_(goes_by_itself, approved), Issue.scheduled_for <= now + ahead),
                # Whoever is at it has half of the time for itself.
                and_(half_frozen, Issue.scheduled_for <= now + ahead / 2),
            )
        )
        .order_by(Issue.scheduled_for, Issue.id)
    )
    return list(session.scalars(found))


class Publisher:
    """Publishes issues with the collaborators it was given; one at a time per issue."""

    def __init__(
        self,
        database: Database,
        compiler: Compiles,
        engine: Engine,
        clock: Clock,
        base_url: str,
        *,
        ahead: Callable[[], timedelta] = lambda: _NOT_AHEAD,
    ) -> None:
        self._database = database
        self._compiler = compiler
        self._engine = engine
        self._clock = clock
        self._base_url = base_url
        self._ahead = ahead  # how long before its time an issue is frozen, so that it can be signed meanwhile
        self._busy: set[int] = set()

    async def publish_due(self) -> list[Published | NotPublished]:
        """Publish whatever is due. One issue that cannot be published does not hold up the next."""
        outcomes = []
        for issue_id in await asyncio.to_thread(self._due):
            try:
                outcomes.append(await self.publish(issue_id))
            except Exception:
                log.exception("issue.publish_broke", issue=issue_id)  # tried again at the next heartbeat
        return outcomes

    async def publish(self, issue_id: int) -> Published | NotPublished:
        """Bring one issue on its way, from whatever step it has reached. Publishing it again is harmless."""
        if issue_id in self._busy:
            return NotPublished(issue_id=issue_id, reason="It is being published at this moment.")
        self._busy.add(issue_id)
        try:
            ended = await self._publish(issue_id)
        finally:
            self._busy.discard(issue_id)
        if isinstance(ended, Published):
            log.info("issue.published", issue=issue_id, recipients=ended.recipients, exclusions=ended.exclusions)
        return ended

    async def _publish(self, issue_id: int) -> Published | NotPublished:
        step = await asyncio.to_thread(self._prepare, issue_id)
        if isinstance(step, _ToCompile):
            step = await self._compile(step)
        if isinstance(step, _ToFreeze):
            write_down = top_up.top_up if step.is_frozen else audience.freeze
            is_written = await asyncio.to_thread(write_down, self._database, step.order)
            if is_written and step.order.due_at > self._clock():
                return await asyncio.to_thread(self._wait, step.order)
            step = await asyncio.to_thread(self._seal, step.order, is_written=is_written)
        if isinstance(step, Published):
            await asyncio.to_thread(self._start, issue_id)
        return step

    def _due(self) -> list[int]:
        with self._database.read() as session:
            return due(session, now=self._clock(), ahead=self._ahead())

    def _prepare(self, issue_id: int) -> _ToCompile | _ToFreeze | Published | NotPublished:
        """Look where the issue stands; approve it when it goes by itself."""
        with self._database.write() as session:
            issue = session.get(Issue, issue_id, with_for_update=True)
            if issue is None:
                return NotPublished(issue_id=issue_id, reason=f"There is no issue {issue_id}.")
            return prepare(session, issue, base_url=self._base_url, now=self._clock())

    async def _compile(self, step: _ToCompile) -> _ToFreeze | NotPublished:
        try:
            variant_id = await self._compiler.variant(step.letter)
            page = await self._compiler.render(replace(step.letter, for_web=True))
            report = await self._compiler.lint(step.letter)
        except BrokenLetter as broken:
            await asyncio.to_thread(self._tell, step.issue_id, str(broken))
            return NotPublished(issue_id=step.issue_id, reason=str(broken))
        return await asyncio.to_thread(self._open, step, variant_id, _Checked(page.html, report))

    def _tell(self, issue_id: int, reason: str) -> None:
        # Tried again at every heartbeat, told once.
        with self._database.write() as session:
            issue = session.get_one(Issue, issue_id, with_for_update=True)
            if issue.reason != reason[:300]:
                issue.reason = reason[:300]
                log.error("issue.cannot_be_compiled", issue=issue_id, reason=reason)

    def _open(self, step: _ToCompile, variant_id: int, checked: _Checked) -> _ToFreeze | NotPublished:
        with self._database.write() as session:
            issue = session.get_one(Issue, step.issue_id, with_for_update=True)
            # Compiling took a while, with no transaction open: an edit, a cancel or a new headline may have come.
            as_it_is = digest.content_hash(session, issue)
            is_same = (as_it_is, issue.approved_at) == (step.content_hash, step.approved_at)
            if issue.state not in _APPROVED or not is_same:
                return NotPublished(issue_id=issue.id, reason="It was changed while it was being compiled.")
            held = self._held(session, issue, objections.of_letter(checked.report))
            if held is not None:
                return held
            issue.web_html = checked.web_html
            return _ToFreeze(order=seal.open_letter(session, issue, variant_id, now=self._clock()))

    def _wait(self, order: audience.Freeze) -> NotPublished:
        with self._database.write() as session:
            issue = session.get_one(Issue, order.issue_id, with_for_update=True)
            if issue.letter_id == order.letter_id:
                issue.frozen_at = self._clock()
        reason = f"Its audience is written down; it goes at {order.due_at:%H:%M} UTC."
        return NotPublished(issue_id=order.issue_id, reason=reason)

    def _seal(self, order: audience.Freeze, *, is_written: bool) -> Published | NotPublished:
        with self._database.read() as session:
            issue = session.get_one(Issue, order.issue_id)
            if not is_written:
                return seal.outcome(issue)
            counted = audience.count(session, issue)
        with self._database.write() as session:
            issue = session.get_one(Issue, order.issue_id, with_for_update=True)
            if issue.letter_id != order.letter_id:
                # Taken back a moment ago, and perhaps approved again: what was counted is another letter's audience.
                return NotPublished(issue_id=issue.id, reason=issue.reason or "It was taken back.")
            held = self._held(session, issue, objections.of_audience(session, issue, counted.recipients))
            return held or seal.close(session, issue, counted, now=self._clock())

    def _held(self, session: Session, issue: Issue, objection: str | None) -> NotPublished | None:
        """An issue that would go by itself waits for a person when there is an objection; what a person approved goes."""
        if objection is None or issue.approved_by != approve.BY_ITSELF:
            return None
        approve.take_back(session, issue, reason=objection, now=self._clock())
        log.warning("issue.held_by_checks", issue=issue.id, reason=objection)
        return NotPublished(issue_id=issue.id, reason=objection)

    def _start(self, issue_id: int) -> None:
        with self._database.write() as session:
            issue = session.get_one(Issue, issue_id, with_for_update=True)
            batches = seal.start(session, issue, now=self._clock())
            first = seal.goes_first(session, issue)
        for batch_id in batches:
            self._engine.submit(
                "send_batch", {"batch": batch_id}, lane=WorkLane.BULK, run_at=first, key=f"batch:{batch_id}"
            )
        if issue.letter_id is not None:
            portions.forget(self._database, issue.letter_id)


def prepare(
    session: Session, issue: Issue, *, base_url: str, now: datetime
) -> _ToCompile | _ToFreeze | Published | NotPublished:
    """What is to be done next for an issue."""
    if issues.waits(issue, now=now) and (issue.letter_id is None or issue.frozen_at is not None):
        return NotPublished(issue_id=issue.id, reason=f"It is held until {issue.scheduled_for:%H:%M:%S} UTC.")
    if issue.state in _APPROVED and issue.letter_id is not None:
        half_way = _half_written(session, issue)
        if half_way is not None and not _has_changed(session, issue):
            return half_way
    elif issue.state is IssueState.DRAFT or (issue.state in _APPROVED and issue.approved_by == approve.BY_ITSELF):
        waits = approve.approve_by_itself(session, issue, now=now)
        if waits is not None:
            return NotPublished(issue_id=issue.id, reason=waits)
    if issue.state in _APPROVED:
        return _to_compile(session, issue, base_url=base_url, now=now)
    return seal.outcome(issue)


def _to_compile(session: Session, issue: Issue, *, base_url: str, now: datetime) -> _ToCompile | NotPublished:
    content_hash = digest.content_hash(session, issue)
    if content_hash != issue.approved_hash:
        why = "One of its articles has changed since it was approved. Look at it again and approve it."
        log.warning("issue.changed_after_approval", issue=issue.id, by=issue.approved_by)
        # What a schedule approved, it may approve again; what a person approved waits for a person.
        approve.take_back(session, issue, reason=None if issue.approved_by == approve.BY_ITSELF else why, now=now)
        return NotPublished(issue_id=issue.id, reason=why)
    return _ToCompile(
        issue_id=issue.id,
        letter=digest.job(session, issue, base_url=base_url),
        content_hash=content_hash,
        approved_at=issue.approved_at,
    )


def _has_changed(session: Session, issue: Issue) -> bool:
    """Whether an issue that was frozen ahead of its time holds something else by now: nobody has got anything of it yet."""
    letter = session.get_one(Letter, issue.letter_id)
    return letter.created_at < letter.due_at and digest.content_hash(session, issue) != issue.approved_hash


def _half_written(session: Session, issue: Issue) -> _ToFreeze | None:
    """A freeze that was broken off goes on with the very variant that its first readers have."""
    written = select(Delivery.variant_id).where(Delivery.letter_id == issue.letter_id).limit(1)
    variant_id = session.scalar(written)
    if variant_id is None:
        return None
    return _ToFreeze(order=seal.freeze_order(session, issue, variant_id), is_frozen=issue.frozen_at is not None)
