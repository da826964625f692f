"""Curate: what an editor does to an issue. Every act is one line of the audit trail, or is refused in words.

An edit counts the revision up. An edit of an approved issue makes it a draft again: approval was given to what stood
there. Once its audience is being written an issue can be stopped, no longer edited.

Two editors may work at once. An act that would overwrite says which revision its editor saw (`seen`); when the same thing
was changed after that, it is not done and `Stale` says by whom. What touches something else goes through.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from articles.articles import Article
from newsletters import act, compose, headlines, issues, trail, wire
from newsletters import approve as approval
from newsletters.act import Done, Refused, Stale
from newsletters.issues import Issue, IssueKind, Item
from newsletters.schedules import MOST_ARTICLES
from newsletters.trail import About

_LONGEST_SUMMARY = 2_000


def move(session: Session, item_id: int, *, position: int, seen: int, by: str, now: datetime) -> Done | Refused | Stale:
    """Put a story at a place, 1 is the lead; the others close up."""
    found = _editable_item(session, item_id)
    if isinstance(found, Refused):
        return found
    issue, item = found
    if item.dropped_at is not None:
        return Refused("This story was taken out of the issue. Restore it first.")
    # One's own quick steps follow one another; where another editor has ordered, a place means something else by now.
    meanwhile = tuple(step for step in trail.since(trail.steps(session, issue), seen, About.ORDER) if step.by != by)
    if meanwhile:
        return Stale(issue.revision, meanwhile)
    before = item.position
    if issues.place(session, item, position) == before:
        return Done(issue.revision)
    detail = {"article": item.article_id, "position": item.position, "before": before}
    return edited(session, issue, "issue.move", by=by, now=now, **detail)


def shift(
    session: Session, item_id: int, *, by_places: int, seen: int, by: str, now: datetime
) -> Done | Refused | Stale:
    """Put a story so many places down, or up, from where it stands now."""
    found = _editable_item(session, item_id)
    if isinstance(found, Refused):
        return found
    position = max(1, found[1].position + by_places)
    return move(session, item_id, position=position, seen=seen, by=by, now=now)


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
    before = item.position
    issues.take_out(session, item, now=now)
    return edited(session, issue, "issue.drop", by=by, now=now, article=item.article_id, before=before)


def restore(session: Session, item_id: int, *, by: str, now: datetime) -> Done | Refused:
    """Bring a story back, at the end."""
    found = _editable_item(session, item_id)
    if isinstance(found, Refused):
        return found
    issue, item = found
    if item.dropped_at is None:
        return Done(issue.revision)
    issues.place(session, item, None)
    return edited(session, issue, "issue.restore", by=by, now=now, article=item.article_id)


def pin(session: Session, item_id: int, *, is_pinned: bool, by: str, now: datetime) -> Done | Refused:
    """Mark a story as the editor's own choice, or no longer. A pinned story stays when the issue is composed again."""
    found = _editable_item(session, item_id)
    if isinstance(found, Refused):
        return found
    issue, item = found
    if item.pinned == is_pinned:
        return Done(issue.revision)
    item.pinned = is_pinned
    return edited(session, issue, "issue.pin", by=by, now=now, article=item.article_id, pinned=is_pinned)


def add(session: Session, issue_id: int, article_id: int, *, by: str, now: datetime) -> Done | Refused:
    """Put a story of the wire into the issue, at the end; readers may have had it, if the editor wants it so."""
    issue = _of_many(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    there = session.scalar(select(Item).where(Item.issue_id == issue.id, Item.article_id == article_id))
    if there is not None:
        return restore(session, there.id, by=by, now=now)
    article = wire.find(session, issue, article_id)
    if isinstance(article, Refused):
        return article
    if len(issues.list_items(session, issue.id)) >= MOST_ARTICLES:
        return Refused(f"The issue has {MOST_ARTICLES} stories. Take one out before you add another.")
    item = Item(
        issue_id=issue.id,
        article_id=article.id,
        article_revision=article.revision,
        position=0,
        reason=wire.reason(session, issue, article, now=now),
    )
    session.add(item)
    session.flush()
    issues.place(session, item, None)
    return edited(session, issue, "issue.add", by=by, now=now, article=article.id)


def recompose(session: Session, issue_id: int, *, by: str, now: datetime) -> Done | Refused:
    """Compose a draft again from what has come since. Pinned stories stay first, taken-out ones stay out; what finds no
    place any more goes to the tray."""
    issue = _of_many(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    # First a draft again: an approved issue counts as one that its readers have.
    approval.take_back(session, issue, reason=None, now=now)
    before = [item.article_id for item in issues.list_items(session, issue.id)]
    if not compose.again(session, issue, now=now):
        return Refused("There is nothing that this issue could be made of: no article is new, and nothing is pinned.")
    return edited(session, issue, "issue.recompose", by=by, now=now, before=before)


def rewrite(
    session: Session,
    item_id: int,
    *,
    title: str | None,
    summary: str | None,
    seen: int,
    by: str,
    now: datetime,
    article_seen: int | None = None,
) -> Done | Refused | Stale:
    """Set the editor's headline and summary; None gives the article's own back, an empty summary leaves it out.

    What is typed as the article has it stays the article's own, and follows it. `article_seen` is the article's revision
    that the editor had before them: its newsroom may have corrected a figure meanwhile.
    """
    found = _editable_item(session, item_id)
    if isinstance(found, Refused):
        return found
    issue, item = found
    article = session.get_one(Article, item.article_id)
    words = _words(article, title, summary)
    if isinstance(words, Refused):
        return words
    before = (item.title, item.summary)
    if words == before:
        return Done(issue.revision)
    meanwhile = trail.since(trail.steps(session, issue), seen, About.WORDS, article.id)
    if meanwhile or article_seen not in (None, article.revision):
        return Stale(issue.revision, meanwhile)
    item.title, item.summary = words
    detail = {"article": article.id, "before": before, "title": item.title, "summary": item.summary}
    return edited(session, issue, "issue.rewrite", by=by, now=now, **detail)


def set_subject(
    session: Session, issue_id: int, *, subject: str, preheader: str, seen: int, by: str, now: datetime
) -> Done | Refused | Stale:
    """Set the subject and the preheader, as they will stand in the inbox."""
    issue = act.find_editable(session, issue_id)
    if isinstance(issue, Refused):
        return issue
    lines = headlines.clean(subject), headlines.clean(preheader)
    if not lines[0]:
        return Refused("The subject is empty. Readers decide by it; write one.")
    if max(map(len, lines)) > headlines.LONGEST:
        return Refused(
            f"A subject and a preheader have at most {headlines.LONGEST} characters; inboxes show far fewer."
        )
    before = (issue.subject, issue.preheader)
    if lines == before:
        return Done(issue.revision)
    meanwhile = trail.since(trail.steps(session, issue), seen, About.SUBJECT)
    if meanwhile:
        return Stale(issue.revision, meanwhile)
    issue.subject, issue.preheader = lines
    return edited(session, issue, "issue.subject", by=by, now=now, line=issue.subject, before=before)


def _of_many(session: Session, issue_id: int) -> Issue | Refused:
    """The issue, where it may be edited and is no alert."""
    issue = act.find_editable(session, issue_id)
    if isinstance(issue, Issue) and issue.kind is IssueKind.ALERT:
        return Refused("An alert is one story. Make an issue by hand for more.")
    return issue


def edited(session: Session, issue: Issue, what: str, *, by: str, now: datetime, **detail: object) -> Done:
    """What every change brings: it counts, approval is asked for again, inbox lines nobody wrote follow the lead."""
    issue.revision += 1
    approval.take_back(session, issue, reason=None, now=now)
    done = act.done(session, issue, what, by=by, now=now, **detail)
    compose.refresh(session, issue)
    session.flush()
    return done


def _words(article: Article, title: str | None, summary: str | None) -> tuple[str | None, str | None] | Refused:
    """What the item is to hold: None where the article's own text is meant."""
    title = None if title is None else headlines.clean(title)
    summary = None if summary is None else headlines.clean(summary)
    if title == "":
        return Refused("A story needs a headline. Leave the field alone to take the article's own.")
    if title is not None and len(title) > headlines.LONGEST:
        return Refused(f"The headline has {len(title)} characters; write at most {headlines.LONGEST}.")
    if summary is not None and len(summary) > _LONGEST_SUMMARY:
        return Refused(f"The summary has {len(summary)} characters; write at most {_LONGEST_SUMMARY:,}.")
    own_title, own_summary = headlines.clean(article.title), headlines.clean(article.summary or "")
    return None if title == own_title else title, None if summary == own_summary else summary


def _editable_item(session: Session, item_id: int) -> tuple[Issue, Item] | Refused:
    issue_id = session.scalar(select(Item.issue_id).where(Item.id == item_id))
    if issue_id is None:
        return Refused("There is no such story in an issue.")
    issue = act.find_editable(session, issue_id)
    # Read behind the issue's lock: what another editor did to it just now is seen.
    return issue if isinstance(issue, Refused) else (issue, session.get_one(Item, item_id, populate_existing=True))
