"""Settle: an issue follows its letter.

One whose last delivery has found its end is finished, provided that everything adds up; one whose letter the mailer had
to hold is paused, and says why.
"""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer import breakers, ledger
from mailer.breakers import Trouble
from mailer.deliveries import Delivery
from mailer.letters import Letter, LetterState
from newsletters import issues
from newsletters.issues import Issue, IssueEvent, IssueState

log = structlog.get_logger()


def settle(session: Session, *, now: datetime) -> list[int]:
    """Finish the issues whose letter is finished; their ids. Pause those whose letter is held."""
    # The issues are locked first, as everywhere else: who takes the letter first would wait for the editor who waits for it.
    sending = session.scalars(
        select(Issue).where(Issue.state == IssueState.SENDING).order_by(Issue.id).with_for_update()
    ).all()
    ledger.finish_letters(session, now=now)
    letter_ids = [issue.letter_id for issue in sending]
    states = dict(session.execute(select(Letter.id, Letter.state).where(Letter.id.in_(letter_ids))).all())
    finished = []
    for issue in sending:
        state = states.get(issue.letter_id or 0)
        if state is LetterState.PAUSED:
            _pause(session, issue)
        elif state is LetterState.FINISHED and _adds_up(session, issue):
            finish(issue, now=now, reason=None)
            finished.append(issue.id)
    return finished


def _pause(session: Session, issue: Issue) -> None:
    """Tell the editor what the mailer did: why it holds a letter by itself."""
    assert issue.letter_id is not None
    breaker = breakers.of_letter(session, issue.letter_id)
    if breaker is not None and breaker.trouble is Trouble.UNKNOWN_READERS:
        reason = (
            f"Held by the mailer: too many mailboxes are unknown, {breaker.why[:120]}. "
            "Is it an old list? Look at the bounces, then resume or cancel."
        )
    else:
        said = ledger.sender_refusal(session, issue.letter_id) or "its reply was not kept"
        reason = (
            f"Held by the mailer: the mail server refuses our sender address ({said[:120]}). "
            "Put that right with whoever runs the server, then resume."
        )
    issues.move(issue, IssueEvent.PAUSE, reason=reason)
    log.error("issue.held", issue=issue.id, reason=reason)


def finish(issue: Issue, *, now: datetime, reason: str | None) -> None:
    """Close an issue."""
    issues.move(issue, IssueEvent.FINISH, reason=reason)
    issue.finished_at = now
    log.info("issue.finished", issue=issue.id, recipients=issue.recipient_count, reason=reason)


def _adds_up(session: Session, issue: Issue) -> bool:
    assert issue.letter_id is not None
    found = session.scalar(select(func.count()).where(Delivery.letter_id == issue.letter_id))
    if found != issue.recipient_count:
        # It stays `sending`, for somebody to look at: calling it finished would hide readers who got nothing.
        log.error("issue.does_not_add_up", issue=issue.id, sealed=issue.recipient_count, found=found)
        return False
    return True
