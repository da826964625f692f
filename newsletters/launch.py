"""Launch: an editor's word on whether and when an issue goes.

Every act is one line of the audit trail, or is refused in words.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import ledger, letters
from mailer.letters import Letter, LetterState
from newsletters import act, issues
from newsletters import approve as approval
from newsletters.act import Done, Refused
from newsletters.issues import Issue, IssueEvent


def approve(session: Session, issue_id: int, *, by: str, now: datetime) -> Done | Refused:
    """Let the issue go at its time, as it stands now."""
    issue = act.find(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    if not approval.approve(session, issue, by=by, now=now):
        return Refused(act.standing(issue))
    return act.done(session, issue, "issue.approve", by=by, now=now)


def send_now(session: Session, issue_id: int, *, by: str, now: datetime) -> Done | Refused:
    """Approve the issue and let it go at once, whatever its time. What is under embargo now stays out of it."""
    issue = act.find_editable(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    planned, issue.scheduled_for = issue.scheduled_for, min(issue.scheduled_for, now)
    if not issues.list_stories(session, issue.id):
        issue.scheduled_for = planned
        return Refused("All stories of this issue are withdrawn or under embargo at this moment.")
    # An earlier approval was bound to what the issue holds at its planned time.
    approval.take_back(session, issue, reason=None)
    approval.approve(session, issue, by=by, now=now)
    return act.done(session, issue, "issue.send_now", by=by, now=now)


def cancel(session: Session, issue_id: int, *, reason: str, by: str, now: datetime) -> Done | Refused:
    """Stop the issue for good, wherever it is; who has it has it, nobody else gets it."""
    issue = act.find(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    if not issues.move(issue, IssueEvent.CANCEL, reason=reason[:300]):
        return Refused(act.standing(issue))
    if issue.letter_id is not None:
        ledger.cancel(session, issue.letter_id, now=now)
    return act.done(session, issue, "issue.cancel", by=by, now=now, reason=reason)


def pause(session: Session, issue_id: int, *, reason: str, by: str, now: datetime) -> Done | Refused:
    """Hold a sending issue; what is in the air still arrives."""
    issue = _sending(session, issue_id, IssueEvent.PAUSE)
    if isinstance(issue, Refused):
        return issue
    assert issue.letter_id is not None
    # The mailer may have held the letter itself, a moment before the issue says so.
    if not letters.pause(session, issue.letter_id) and not _is(session, issue, LetterState.PAUSED):
        return Refused("The last mail of this issue has been handed over: there is nothing left to hold.")
    issues.move(issue, IssueEvent.PAUSE, reason=reason[:300])
    return act.done(session, issue, "issue.pause", by=by, now=now, reason=reason)


def resume(session: Session, issue_id: int, *, by: str, now: datetime) -> Done | Refused:
    """Let a paused issue go on."""
    issue = _sending(session, issue_id, IssueEvent.RESUME)
    if isinstance(issue, Refused):
        return issue
    assert issue.letter_id is not None
    if not letters.resume(session, issue.letter_id) and not _is(session, issue, LetterState.SENDING):
        return Refused("The letter of this issue is over: there is nothing left to send.")
    issues.move(issue, IssueEvent.RESUME)
    return act.done(session, issue, "issue.resume", by=by, now=now)


def _sending(session: Session, issue_id: int, event: IssueEvent) -> Issue | Refused:
    """The issue, where this event means something in its state. Deliveries leave only while their letter is sending."""
    issue = act.find(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    return issue if event in issues.NEXT[issue.state] else Refused(act.standing(issue))


def _is(session: Session, issue: Issue, state: LetterState) -> bool:
    return session.scalar(select(Letter.state).where(Letter.id == issue.letter_id)) is state
