"""Act: one thing that a member of staff does to an issue. It is done and written into the audit trail, or refused in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.issues import Issue, IssueState
from staff.members import AuditEntry, audit

#: What another editor is told of an edit.
_EDITS = {
    "issue.move": "moved a story",
    "issue.drop": "took a story out",
    "issue.restore": "brought a story back",
    "issue.pin": "pinned a story",
    "issue.rewrite": "rewrote a story",
    "issue.subject": "changed the subject",
}


@dataclass(frozen=True, slots=True)
class Done:
    """The act was done; the issue's revision after it."""

    revision: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The act was not done, and why."""

    reason: str


def find(session: Session, issue_id: int) -> Issue | Refused:
    """The issue, locked, so that an approval and an edit of two people, or a slot that comes meanwhile, follow one another."""
    issue = session.get(Issue, issue_id, with_for_update=True)
    return Refused(f"There is no issue {issue_id}.") if issue is None else issue


def find_editable(session: Session, issue_id: int) -> Issue | Refused:
    """The same, where the issue may still be edited: nobody is written down for it yet, and nothing waits to leave."""
    issue = find(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    if issue.state is IssueState.DRAFT or (issue.state is IssueState.APPROVED and issue.letter_id is None):
        return issue
    return Refused(standing(issue))


def unseen(session: Session, issue: Issue, seen: int | None) -> Refused | None:
    """Refuse to act on what somebody has edited since the editor saw revision `seen`; None when they saw it all."""
    if seen is None or seen == issue.revision:
        return None
    entries = session.execute(
        select(AuditEntry.actor, AuditEntry.act, AuditEntry.detail)
        .where(AuditEntry.at >= issue.created_at, AuditEntry.subject == f"issue:{issue.id}")
        .order_by(AuditEntry.id)
    )
    changed = Counter(
        f"{actor} {_EDITS[what]}" for actor, what, detail in entries if what in _EDITS and detail["revision"] > seen
    )
    edits = ", ".join(f"{edit} ({times} times)" if times > 1 else edit for edit, times in changed.items())
    return Refused(
        f"The issue has changed since you looked: {edits or 'it was edited'}. Look at it again, then decide."
    )


def standing(issue: Issue) -> str:
    """Why an act means nothing in the state that the issue is in."""
    words = "on its way" if issue.state in (IssueState.HELD, IssueState.SEALED) else str(issue.state)
    return f"Issue {issue.number} is {words}; this can no longer be done, or not yet."


def done(session: Session, issue: Issue, act: str, *, by: str, now: datetime, **detail: object) -> Done:
    """Write down that `act` was done to the issue."""
    audit(session, act, f"issue:{issue.id}", actor=by, now=now, revision=issue.revision, **detail)
    session.flush()
    return Done(issue.revision)
