"""Approve: give an issue the word to go, to exactly what it holds now.

A person's approval is bound to the hash of the content: what changes later asks again. What goes by itself is
approved by its schedule at the last moment, with its articles as they then are.
"""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import delete
from sqlalchemy.orm import Session

from mailer import ledger
from newsletters import compose, digest, errata, issues, selection
from newsletters.issues import Exclusion, Issue, IssueEvent, IssueState
from newsletters.schedules import Autonomy, Schedule, Slot

log = structlog.get_logger()

#: Who approves what goes by itself.
BY_ITSELF = "schedule"


def approve(session: Session, issue: Issue, *, by: str, now: datetime) -> bool:
    """Approve what is there now; False in a state where there is nothing to approve."""
    if not issues.move(issue, IssueEvent.APPROVE):
        return False
    _sign(session, issue, by=by, now=now)
    return True


def approve_by_itself(session: Session, issue: Issue, *, now: datetime) -> str | None:
    """Approve on behalf of the schedule; otherwise the reason why the issue waits, or was skipped."""
    schedule = session.get(Schedule, issue.schedule_id) if issue.schedule_id else None
    if schedule is None or schedule.autonomy is Autonomy.APPROVED:
        return "It waits for approval."
    if not schedule.enabled:
        return "It waits for approval: its schedule has been switched off."
    if issue.state is IssueState.DRAFT and issue.reason is not None:
        return issue.reason
    nothing_goes = _reason_to_skip(session, issue, schedule, now)
    if nothing_goes is not None:
        issues.move(issue, IssueEvent.SKIP, reason=nothing_goes)
        log.warning("issue.skipped", issue=issue.id, reason=nothing_goes)
        return nothing_goes
    errata.gather(session, issue, now=now)
    compose.refresh(session, issue)
    issues.move(issue, IssueEvent.APPROVE)
    _sign(session, issue, by=BY_ITSELF, now=now)
    return None


def goes_by_itself(issue: Issue, schedule: Schedule | None) -> bool:
    """Whether a draft goes at its time although nobody touches it."""
    if issue.state is not IssueState.DRAFT or issue.reason is not None or schedule is None:
        return False
    return schedule.enabled and schedule.autonomy is not Autonomy.APPROVED


def take_back(session: Session, issue: Issue, *, reason: str | None, now: datetime) -> bool:
    """Make an issue a draft again that is approved or held, at the time its slot names; False in any other state.

    Where its audience was being written, those who are written down get nothing: their letter is cancelled.
    """
    if not issues.move(issue, IssueEvent.REOPEN, reason=reason):
        return False
    if issue.letter_id is not None:
        ledger.cancel(session, issue.letter_id, now=now)
        session.execute(delete(Exclusion).where(Exclusion.issue_id == issue.id))
        issue.letter_id = issue.frozen_at = None
    if issue.slot_id is not None:
        issue.scheduled_for = session.get_one(Slot, issue.slot_id).due_at
    issue.approved_at = issue.approved_by = issue.approved_hash = None
    return True


def _sign(session: Session, issue: Issue, *, by: str, now: datetime) -> None:
    issue.approved_by, issue.approved_at = by, now
    issue.approved_hash = digest.content_hash(session, issue)


def _reason_to_skip(session: Session, issue: Issue, schedule: Schedule, now: datetime) -> str | None:
    late = now - issue.scheduled_for
    if late > schedule.late_limit:
        return (
            f"Not sent: the service could only send it {selection.length(late)} after its time, "
            f"and the schedule allows {selection.length(schedule.late_limit)}."
        )
    if not issues.list_stories(session, issue.id):
        return "Not sent: all of its articles have been withdrawn."
    return None
