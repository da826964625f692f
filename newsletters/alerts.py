"""Alerts: breaking stories that went to readers who asked for them, between the digests.

An alert is an issue of one story. It is nobody's "already sent": its own readers are spared the story in their next digest,
the others get it there (newsletters.portions).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from articles.articles import Article
from newsletters.issues import Issue, IssueKind, IssueState, Item
from newsletters.newsletters import Edition

#: A digest that holds an older story than this has its reasons.
REACH = timedelta(days=8)
#: Of so many alerts a digest looks who had them, the last ones.
MOST = 3
_WENT = (IssueState.HELD, IssueState.SEALED, IssueState.SENDING, IssueState.PAUSED, IssueState.FINISHED)


@dataclass(frozen=True, slots=True)
class Alerted:
    """A story that went as an alert, and the letter that says who had it."""

    letter_id: int
    story_key: str


def lately(session: Session, edition_id: int, story_keys: Collection[str], *, now: datetime) -> list[Alerted]:
    """Of these stories those that readers of an edition had as an alert, the last ones."""
    rows = session.execute(
        select(Issue.letter_id, Article.story_key)
        .join(Item, Item.issue_id == Issue.id)
        .join(Article, Article.id == Item.article_id)
        .where(
            Issue.edition_id == edition_id,
            Issue.kind == IssueKind.ALERT,
            Issue.sealed_at > now - REACH,
            Issue.letter_id.is_not(None),
            Item.number.is_not(None),
            Article.story_key.in_(story_keys),
        )
        .order_by(Issue.sealed_at.desc(), Issue.id.desc())
        .limit(MOST)
    )
    return [Alerted(letter_id, story_key) for letter_id, story_key in rows if letter_id is not None]


def today(session: Session, edition: Edition, *, now: datetime) -> int:
    """How many alerts an edition's readers have had, or are about to have, on this day of their place."""
    zone = ZoneInfo(edition.zone)
    midnight = datetime.combine(now.astimezone(zone).date(), time(), zone)
    went = select(func.count()).where(
        Issue.edition_id == edition.id,
        Issue.kind == IssueKind.ALERT,
        Issue.state.in_(_WENT),
        Issue.scheduled_for >= midnight,
    )
    return session.scalar(went) or 0
