"""Already sent: which stories the readers of a rhythm had, or are about to have.

What went as an alert has not gone to a rhythm's readers: few of them asked for alerts (newsletters.alerts).
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from articles.articles import Article
from newsletters.issues import Issue, IssueKind, IssueState, Item
from newsletters.rhythm import Rhythm


def stories(session: Session, rhythm: Rhythm, story_keys: Collection[str]) -> set[str]:
    """Which of these stories went, or are on their way, to the readers of a rhythm, from whatever feed."""
    return set(
        session.scalars(
            select(Article.story_key)
            .join(Item, Item.article_id == Article.id)
            .join(Issue, Issue.id == Item.issue_id)
            .where(Article.story_key.in_(story_keys), _went(rhythm))
        )
    )


def last_in(session: Session, rhythm: Rhythm, story_keys: Collection[str], *, besides: int) -> dict[str, Issue]:
    """Of these stories those that readers of a rhythm had, or are about to have, and in which issue, the last one."""
    rows = session.execute(
        select(Article.story_key, Issue)
        .join(Item, Item.article_id == Article.id)
        .join(Issue, Issue.id == Item.issue_id)
        .where(Article.story_key.in_(story_keys), _went(rhythm), Issue.id != besides)
        .order_by(Issue.scheduled_for, Issue.id)
    )
    return {row.story_key: row.Issue for row in rows}  # the later one stands


def _went(rhythm: Rhythm) -> ColumnElement[bool]:
    """The condition that an item went, or is on its way, to the readers of a rhythm."""
    gone = or_(Issue.sealed_at.is_not(None), Issue.state.in_((IssueState.APPROVED, IssueState.HELD)))
    whose = and_(Issue.edition_id == rhythm.edition_id, rhythm.holds(Issue.schedule_id), Issue.kind == IssueKind.DIGEST)
    return and_(Item.dropped_at.is_(None), whose, gone)
