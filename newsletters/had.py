"""Had: stories of an issue that some of its readers have had already, in another letter of the edition.

As an alert; and, in a letter of what readers follow, in a digest, for who has changed from one to the other since.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from articles.articles import Article
from mailer.blocks import LEAD
from mailer.deliveries import Delivery
from newsletters import alerts, compose, issues
from newsletters.issues import Issue, IssueKind, Item
from newsletters.rhythm import Rhythm
from newsletters.schedules import FOLLOW
from subscribers.subscriptions import Subscription

#: Of so many digests a letter looks who had them, the last ones: each doubles the portions.
MOST = 2


@dataclass(frozen=True, slots=True)
class Had:
    """A letter that says who had it, and the stories of this issue that were in it."""

    letter_id: int
    story_keys: frozenset[str]


def of(session: Session, issue: Issue, rhythm: Rhythm, *, now: datetime) -> list[Had]:
    """The letters that some of an issue's readers have had some of its stories in."""
    follows = issue.layout == FOLLOW
    stories = issues.list_stories(session, issue.id)[0 if follows else LEAD :]
    keys = [article.story_key for _, article in stories]
    found = [
        Had(each.letter_id, frozenset({each.story_key}))
        for each in alerts.lately(session, issue.edition_id, keys, now=now)
    ]
    return [*found, *_digests(session, issue, rhythm, keys)] if follows else found


def _digests(session: Session, issue: Issue, rhythm: Rhythm, keys: Collection[str]) -> list[Had]:
    rows = session.execute(
        select(Issue.letter_id, Article.story_key)
        .join(Item, Item.issue_id == Issue.id)
        .join(Article, Article.id == Item.article_id)
        .where(
            Issue.edition_id == issue.edition_id,
            Issue.kind == IssueKind.DIGEST,
            Issue.layout != FOLLOW,
            Issue.sealed_at > issue.window_start - compose.GRACE,
            Issue.letter_id.is_not(None),
            Item.number.is_not(None),
            Article.story_key.in_(keys),
        )
        .order_by(Issue.sealed_at.desc(), Issue.id.desc())
    )
    by_letter: dict[int, set[str]] = defaultdict(set)
    for letter_id, story_key in rows:
        by_letter[letter_id or 0].add(story_key)
    shared = [letter_id for letter_id in by_letter if _is_shared(session, letter_id, rhythm)]
    return [Had(letter_id, frozenset(by_letter[letter_id])) for letter_id in shared[:MOST]]


def _is_shared(session: Session, letter_id: int, rhythm: Rhythm) -> bool:
    """Whether a reader of this rhythm is among those who had the letter."""
    reads = exists().where(
        Subscription.edition_id == rhythm.edition_id,
        rhythm.holds(Subscription.schedule_id),
        Delivery.letter_id == letter_id,
        Delivery.recipient_id == Subscription.subscriber_id,
    )
    return bool(session.scalar(select(reads)))
