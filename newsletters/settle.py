"""Settle: an issue whose last delivery has found its end is finished, provided that everything adds up."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import ledger
from mailer.letters import Letter, LetterState
from newsletters import issues
from newsletters.issues import Issue, IssueEvent, IssueState

log = structlog.get_logger()


def settle(session: Session, *, now: datetime) -> list[int]:
    """Finish the issues whose letter is finished; their ids."""
    ledger.finish_letters(session, now=now)
    over = (
        select(Issue)
        .join(Letter, Letter.id == Issue.letter_id)
        .where(Issue.state == IssueState.SENDING, Letter.state == LetterState.FINISHED)
    )
    finished = [issue for issue in session.scalars(over) if _adds_up(session, issue)]
    for issue in finished:
        finish(issue, now=now, reason=None)
    return [issue.id for issue in finished]


def finish(issue: Issue, *, now: datetime, reason: str | None) -> None:
    """Close an issue."""
    issues.move(issue, IssueEvent.FINISH, reason=reason)
    issue.finished_at = now
    log.info("issue.finished", issue=issue.id, recipients=issue.recipient_count, reason=reason)


def _adds_up(session: Session, issue: Issue) -> bool:
    assert issue.letter_id is not None
    found = sum(ledger.counts(session, issue.letter_id).values())
    if found != issue.recipient_count:
        # It stays `sending`, for somebody to look at: calling it finished would hide readers who got nothing.
        log.error("issue.does_not_add_up", issue=issue.id, sealed=issue.recipient_count, found=found)
        return False
    return True
