"""Breaking: one story as an alert to the readers who asked for alerts. It takes two words: approve it, then send it.

draft -> launch.approve -> launch.send_now (the second word, within the day's cap)
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from articles.articles import Article
from newsletters import alerts, digest, headlines, issues, newsletters
from newsletters.act import Refused
from newsletters.issues import Issue, IssueKind, IssueState, Item
from newsletters.newsletters import Edition
from staff.members import audit

LAYOUT = "breaking"
_ONE_WORD = "An alert takes two words. It has none yet: approve it first, then send it."
_CHANGED = "It was changed since it was approved. Look at it again, approve it, then send it."


def draft(session: Session, edition_id: int, article_id: int, *, by: str, now: datetime) -> Issue | Refused:
    """Make an alert of a story. Nothing leaves before two words."""
    edition, article = session.get(Edition, edition_id), session.get(Article, article_id)
    if edition is None or article is None or article.feed_id not in newsletters.list_feed_ids(session, edition_id):
        return Refused("This story is not on the wire of this edition.")
    if edition.alerts_a_day == 0:
        return Refused("This edition sends no alerts: its readers were not offered any.")
    issue = Issue(
        edition_id=edition_id,
        kind=IssueKind.ALERT,
        number=issues.next_number(session, edition_id),
        layout=LAYOUT,
        state=IssueState.DRAFT,
        subject=headlines.subject([article.title]),
        preheader=headlines.clean(article.summary or "")[:200],
        window_start=now,
        window_end=now,
        scheduled_for=now,
        created_at=now,
    )
    session.add(issue)
    session.flush()
    item = Item(issue_id=issue.id, article_id=article.id, article_revision=article.revision, position=1, reason="alert")
    session.add(item)
    session.flush()
    if not issues.list_stories(session, issue.id):
        session.delete(item)
        session.flush()
        session.delete(issue)
        session.flush()
        return Refused("This story was withdrawn, or is under embargo; it cannot be sent.")
    audit(session, "issue.alert", f"issue:{issue.id}", actor=by, now=now, article=article_id)
    return issue


def not_yet(session: Session, issue: Issue, *, now: datetime) -> Refused | None:
    """What keeps an alert from going at this moment; None for what may go, and for what is no alert."""
    if issue.kind is not IssueKind.ALERT:
        return None
    if issue.state is not IssueState.APPROVED:
        return Refused(_ONE_WORD)
    if issue.approved_hash != digest.content_hash(session, issue):
        return Refused(_CHANGED)
    edition = session.get_one(Edition, issue.edition_id, with_for_update=True)
    went = alerts.today(session, edition, now=now)
    if went >= edition.alerts_a_day:
        return Refused(
            f"{went} alert{'s have' if went > 1 else ' has'} gone today, and this edition's readers were promised at most "
            f"{edition.alerts_a_day} a day. Put the story into the next issue."
        )
    return None
