"""Curate: what an editor does to an issue. Every act is one line of the audit trail, or is refused in words.

An edit counts the revision up. An edit of an approved issue makes it a draft again: approval was given to what stood
there. Once its audience is being written an issue can be stopped, no longer edited.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import ledger, letters
from mailer.letters import Letter, LetterState
from newsletters import approve as approval
from newsletters import headlines, issues
from newsletters.issues import Issue, IssueEvent, IssueState, Item
from staff.members import audit


@dataclass(frozen=True, slots=True)
class Done:
    """The act was done; the issue's revision after it."""

    revision: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The act was not done, and why."""

    reason: str


def move(session: Session, item_id: int, *, position: int, by: str, now: datetime) -> Done | Refused:
    """Put a story at a place, 1 is the lead; the others close up."""
    found = _editable_item(session, item_id)
    if isinstance(found, Refused):
        return found
    issue, item = found
    standing = issues.list_items(session, issue.id)
    if item not in standing:
        return Refused("This story was taken out of the issue. Restore it first.")
    standing.remove(item)
    standing.insert(max(0, position - 1), item)
    _number(standing)
    return _edited(session, issue, "issue.move", by=by, now=now, article=item.article_id, position=position)


def drop(session: Session, item_id: int, *, by: str, now: datetime) -> Done | Refused:
    """Take a story out; it can be restored."""
    found = _editable_item(session, item_id)
    if isinstance(found, Refused):
        return found
    issue, item = found
    if item.dropped_at is not None:
        return Done(issue.revision)
    if len(issues.list_items(session, issue.id)) == 1:
        return Refused("This is the last story of the issue. Cancel the issue instead.")
    item.dropped_at = now
    _number(issues.list_items(session, issue.id))
    return _edited(session, issue, "issue.drop", by=by, now=now, article=item.article_id)


def restore(session: Session, item_id: int, *, by: str, now: datetime) -> Done | Refused:
    """Bring a story back, at the end."""
    found = _editable_item(session, item_id)
    if isinstance(found, Refused):
        return found
    issue, item = found
    if item.dropped_at is None:
        return Done(issue.revision)
    standing = issues.list_items(session, issue.id)
    item.dropped_at = None
    _number([*standing, item])
    return _edited(session, issue, "issue.restore", by=by, now=now, article=item.article_id)


def pin(session: Session, item_id: int, *, is_pinned: bool, by: str, now: datetime) -> Done | Refused:
    """Mark a story as the editor's own choice, or no longer."""
    found = _editable_item(session, item_id)
    if isinstance(found, Refused):
        return found
    issue, item = found
    item.pinned = is_pinned
    return _edited(session, issue, "issue.pin", by=by, now=now, article=item.article_id, pinned=is_pinned)


def rewrite(
    session: Session, item_id: int, *, title: str | None, summary: str | None, by: str, now: datetime
) -> Done | Refused:
    """Set the editor's headline and summary; None gives the article's own back, an empty summary leaves it out."""
    found = _editable_item(session, item_id)
    if isinstance(found, Refused):
        return found
    issue, item = found
    if title is not None and not headlines.clean(title):
        return Refused("A story needs a headline. Leave the field alone to take the article's own.")
    item.title = None if title is None else headlines.clean(title)[:500]
    item.summary = summary
    return _edited(session, issue, "issue.rewrite", by=by, now=now, article=item.article_id)


def set_subject(
    session: Session, issue_id: int, *, subject: str, preheader: str, by: str, now: datetime
) -> Done | Refused:
    """Set the subject and the preheader, as they will stand in the inbox."""
    issue = _editable(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    if not headlines.clean(subject):
        return Refused("The subject is empty. Readers decide by it; write one.")
    issue.subject, issue.preheader = headlines.clean(subject)[:300], headlines.clean(preheader)[:300]
    return _edited(session, issue, "issue.subject", by=by, now=now, line=issue.subject)


def approve(session: Session, issue_id: int, *, by: str, now: datetime) -> Done | Refused:
    """Let the issue go at its time, as it stands now."""
    issue = _find(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    if not approval.approve(session, issue, by=by, now=now):
        return Refused(_standing(issue))
    return _done(session, issue, "issue.approve", by=by, now=now)


def send_now(session: Session, issue_id: int, *, by: str, now: datetime) -> Done | Refused:
    """Approve the issue and let it go at once, whatever its time. What is under embargo now stays out of it."""
    issue = _editable(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    planned, issue.scheduled_for = issue.scheduled_for, min(issue.scheduled_for, now)
    if not issues.list_stories(session, issue.id):
        issue.scheduled_for = planned
        return Refused("All stories of this issue are withdrawn or under embargo at this moment.")
    # An earlier approval was bound to what the issue holds at its planned time.
    approval.take_back(session, issue, reason=None)
    approval.approve(session, issue, by=by, now=now)
    return _done(session, issue, "issue.send_now", by=by, now=now)


def cancel(session: Session, issue_id: int, *, reason: str, by: str, now: datetime) -> Done | Refused:
    """Stop the issue for good, wherever it is; who has it has it, nobody else gets it."""
    issue = _find(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    if not issues.move(issue, IssueEvent.CANCEL, reason=reason[:300]):
        return Refused(_standing(issue))
    if issue.letter_id is not None:
        ledger.cancel(session, issue.letter_id, now=now)
    return _done(session, issue, "issue.cancel", by=by, now=now, reason=reason)


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
    return _done(session, issue, "issue.pause", by=by, now=now, reason=reason)


def resume(session: Session, issue_id: int, *, by: str, now: datetime) -> Done | Refused:
    """Let a paused issue go on."""
    issue = _sending(session, issue_id, IssueEvent.RESUME)
    if isinstance(issue, Refused):
        return issue
    assert issue.letter_id is not None
    if not letters.resume(session, issue.letter_id) and not _is(session, issue, LetterState.SENDING):
        return Refused("The letter of this issue is over: there is nothing left to send.")
    issues.move(issue, IssueEvent.RESUME)
    return _done(session, issue, "issue.resume", by=by, now=now)


def _sending(session: Session, issue_id: int, event: IssueEvent) -> Issue | Refused:
    """The issue, where this event means something in its state. Deliveries leave only while their letter is sending."""
    issue = _find(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    return issue if event in issues.NEXT[issue.state] else Refused(_standing(issue))


def _is(session: Session, issue: Issue, state: LetterState) -> bool:
    return session.scalar(select(Letter.state).where(Letter.id == issue.letter_id)) is state


def _find(session: Session, issue_id: int) -> Issue | Refused:
    # Locked, so that an approval and an edit of two people, or a slot that comes meanwhile, follow one another.
    issue = session.get(Issue, issue_id, with_for_update=True)
    return Refused(f"There is no issue {issue_id}.") if issue is None else issue


def _editable(session: Session, issue_id: int) -> Issue | Refused:
    issue = _find(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    if issue.state is IssueState.DRAFT or (issue.state is IssueState.APPROVED and issue.letter_id is None):
        return issue
    return Refused(_standing(issue))


def _editable_item(session: Session, item_id: int) -> tuple[Issue, Item] | Refused:
    item = session.get(Item, item_id)
    if item is None:
        return Refused("There is no such story in an issue.")
    issue = _editable(session, item.issue_id)
    return issue if isinstance(issue, Refused) else (issue, item)


def _standing(issue: Issue) -> str:
    words = "on its way" if issue.state in (IssueState.HELD, IssueState.SEALED) else str(issue.state)
    return f"Issue {issue.number} is {words}; this can no longer be done, or not yet."


def _number(items: Iterable[Item]) -> None:
    for position, item in enumerate(items, start=1):
        item.position = position


def _edited(session: Session, issue: Issue, act: str, *, by: str, now: datetime, **detail: object) -> Done:
    issue.revision += 1
    approval.take_back(session, issue, reason=None)
    return _done(session, issue, act, by=by, now=now, **detail)


def _done(session: Session, issue: Issue, act: str, *, by: str, now: datetime, **detail: object) -> Done:
    audit(session, act, f"issue:{issue.id}", actor=by, now=now, revision=issue.revision, **detail)
    session.flush()
    return Done(issue.revision)
