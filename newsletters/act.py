"""Act: one thing that a member of staff does to an issue. It is done and written into the audit trail, or refused in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from newsletters.issues import Issue, IssueState
from newsletters.trail import Step
from staff.members import audit


@dataclass(frozen=True, slots=True)
class Done:
    """The act was done; the issue's revision after it."""

    revision: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The act was not done, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stale:
    """The act was not done: the same thing was changed after the editor had looked. Nothing was overwritten."""

    revision: int  # the issue's, now
    since: tuple[Step, ...]  # what was done to it meanwhile; empty where the article's own source changed it


def find(session: Session, issue_id: int) -> Issue | Refused:
    """The issue, locked, so that an approval and an edit of two people, or a slot that comes meanwhile, follow one another."""
    issue = session.get(Issue, issue_id, with_for_update=True)
    return Refused(f"There is no issue {issue_id}.") if issue is None else issue


def find_editable(session: Session, issue_id: int) -> Issue | Refused:
    """The same, where the issue may still be edited: nobody is written down for it yet, and nothing waits to leave."""
    issue = find(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    return issue if is_editable(issue) else Refused(standing(issue))


def is_editable(issue: Issue) -> bool:
    return issue.state is IssueState.DRAFT or (issue.state is IssueState.APPROVED and issue.letter_id is None)


def standing(issue: Issue) -> str:
    """Why an act means nothing in the state that the issue is in."""
    words = "on its way" if issue.state in (IssueState.HELD, IssueState.SEALED) else str(issue.state)
    return f"Issue {issue.number} is {words}; this can no longer be done, or not yet."


def done(session: Session, issue: Issue, act: str, *, by: str, now: datetime, **detail: object) -> Done:
    """Write down that `act` was done to the issue."""
    audit(session, act, f"issue:{issue.id}", actor=by, now=now, revision=issue.revision, **detail)
    session.flush()
    return Done(issue.revision)
