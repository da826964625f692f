"""Curate: what an editor does to an issue. Every act is one line of the audit trail, or is refused in words.

An edit counts the revision up. An edit of an approved issue makes it a draft again: approval was given to what stood
there. Once its audience is being written an issue can be stopped, no longer edited.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from newsletters import act, headlines, issues
from newsletters import approve as approval
from newsletters.act import Done, Refused
from newsletters.issues import Issue, Item


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
    issue = act.find_editable(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    if not headlines.clean(subject):
        return Refused("The subject is empty. Readers decide by it; write one.")
    issue.subject, issue.preheader = headlines.clean(subject)[:300], headlines.clean(preheader)[:300]
    return _edited(session, issue, "issue.subject", by=by, now=now, line=issue.subject)


def _editable_item(session: Session, item_id: int) -> tuple[Issue, Item] | Refused:
    item = session.get(Item, item_id)
    if item is None:
        return Refused("There is no such story in an issue.")
    issue = act.find_editable(session, item.issue_id)
    return issue if isinstance(issue, Refused) else (issue, item)


def _number(items: Iterable[Item]) -> None:
    for position, item in enumerate(items, start=1):
        item.position = position


def _edited(session: Session, issue: Issue, what: str, *, by: str, now: datetime, **detail: object) -> Done:
    issue.revision += 1
    approval.take_back(session, issue, reason=None, now=now)
    return act.done(session, issue, what, by=by, now=now, **detail)
