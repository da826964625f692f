"""Settle: an issue whose last delivery has found its end is finished; of a cancelled one, the rest is skipped."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from mailer.batches import Batch, BatchState
from mailer.deliveries import OPEN, Delivery, Event, State, sources
from mailer.letters import Letter, LetterState
from newsletters import issues
from newsletters.issues import Issue, IssueEvent, IssueState

log = structlog.get_logger()


def settle(session: Session, *, now: datetime) -> list[int]:
    """Finish the issues none of whose deliveries can leave any more, provided that they add up; their ids."""
    unfinished_batch = exists().where(Batch.letter_id == Issue.letter_id, Batch.state != BatchState.DONE)
    # Batches first: they are few, and while one is unfinished nobody needs to look at its deliveries.
    candidates = session.scalars(select(Issue).where(Issue.state == IssueState.SENDING, ~unfinished_batch)).all()
    finished = [issue for issue in candidates if _adds_up(session, issue)]
    for issue in finished:
        finish(session, issue, now=now, reason=None)
    return [issue.id for issue in finished]


def finish(session: Session, issue: Issue, *, now: datetime, reason: str | None) -> None:
    """Close an issue and its letter."""
    issues.move(issue, IssueEvent.FINISH, reason=reason)
    issue.finished_at = now
    letter = session.get_one(Letter, issue.letter_id)
    letter.state, letter.finished_at = LetterState.FINISHED, now
    log.info("issue.finished", issue=issue.id, recipients=issue.recipient_count)


def sweep_cancelled(session: Session) -> bool:
    """Skip what a cancelled letter still had to send, one batch a call; False when nothing is left to be swept.

    A letter that is cancelled sends no more from that moment; this only brings its rows to their end, in transactions
    that stay short. A batch that a worker holds is swept when it has been given back.
    """
    batch = session.scalar(
        select(Batch)
        .join(Letter, Letter.id == Batch.letter_id)
        .where(Letter.state == LetterState.CANCELLED, Batch.state == BatchState.OPEN)
        .limit(1)
    )
    if batch is None:
        return False
    session.execute(
        update(Delivery)
        .where(
            Delivery.letter_id == batch.letter_id,
            Delivery.id.between(batch.first_id, batch.last_id),
            Delivery.state.in_(sources(Event.SKIP)),
        )
        .values(state=State.SKIPPED, reason="cancelled")
    )
    batch.state = BatchState.DONE
    return True


def _adds_up(session: Session, issue: Issue) -> bool:
    rows = session.execute(
        select(Delivery.state, func.count()).where(Delivery.letter_id == issue.letter_id).group_by(Delivery.state)
    )
    by_state = dict(rows.all())
    if any(state in OPEN for state in by_state):
        return False
    total = sum(by_state.values())
    if total != issue.recipient_count:
        log.error("issue.does_not_add_up", issue=issue.id, sealed=issue.recipient_count, found=total)
        return False
    return True
