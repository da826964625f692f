"""Health: how a feed does, judged from its row and from how often its stories come."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from articles.articles import Article
from articles.feeds import Feed

#: So many fetches in a row may fail before anybody need look: servers restart.
PATIENCE = 3
#: The usual gap is reckoned over the last so many days.
REMEMBERED = timedelta(days=14)
#: A feed that brought nothing for so many of its usual gaps is silent; no feed is before half a day, which a night takes.
_GAPS = 2
_TOLD = 50
_NIGHT = timedelta(hours=12)
_SILENCE = timedelta(days=1)  # where its usual gap is not known


class Health(enum.StrEnum):
    """One word for a feed."""

    NEW = "new"  # not collected yet
    WELL = "well"
    SILENT = "silent"  # answers, but brings nothing new for much longer than is usual
    STUMBLING = "stumbling"  # the last fetch failed
    FAILING = "failing"  # several in a row did
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stories:
    """What a feed has brought of late."""

    newest_at: datetime | None  # the newest story's own date; what is under embargo is not there yet
    usual_gap: timedelta | None  # between stories; None while there are too few to say


def health(feed: Feed, stories: Stories, *, now: datetime) -> Health:
    if not feed.enabled:
        return Health.PAUSED
    if feed.failures:
        return Health.FAILING if feed.failures >= PATIENCE else Health.STUMBLING
    if feed.last_fetch_at is None:
        return Health.NEW
    return Health.SILENT if _is_silent(feed, stories, now) else Health.WELL


def _is_silent(feed: Feed, stories: Stories, now: datetime) -> bool:
    return not feed.is_ranking and now > _silent_after(feed, stories)


def _silent_after(feed: Feed, stories: Stories) -> datetime:
    quiet_since = max(filter(None, (stories.newest_at, feed.last_story_at)), default=feed.created_at)
    patience = _SILENCE if stories.usual_gap is None else max(_GAPS * stories.usual_gap, _NIGHT)
    return quiet_since + patience


def foresee_silence(session: Session, feed: Feed, *, now: datetime) -> None:
    """Write down when a feed will have been quiet for too long, so that asking for silent feeds costs nothing."""
    feed.silent_after = _silent_after(feed, stories_of(session, [feed.id], now=now)[feed.id])


def failing(session: Session) -> list[Feed]:
    """The feeds that could not be collected several times in a row, the longest first."""
    found = select(Feed).where(Feed.enabled, Feed.failures >= PATIENCE).order_by(Feed.failures.desc(), Feed.id)
    return list(session.scalars(found.limit(_TOLD)))


def silent(session: Session, *, now: datetime) -> list[Feed]:
    """The feeds that answer, and bring nothing new for much longer than is usual."""
    quiet = select(Feed).where(Feed.enabled, Feed.failures == 0, Feed.silent_after < now)
    return list(session.scalars(quiet.order_by(Feed.silent_after, Feed.id).limit(_TOLD)))


def stories_of(session: Session, feed_ids: Sequence[int], *, now: datetime) -> dict[int, Stories]:
    """For each of these feeds, in two questions, both answered from an index."""
    newest = select(Article.feed_id, func.max(Article.published_at)).where(
        Article.feed_id.in_(feed_ids), Article.published_at <= now
    )
    counted = select(
        Article.feed_id, func.count(), func.min(Article.published_at), func.max(Article.published_at)
    ).where(Article.feed_id.in_(feed_ids), Article.published_at > now - REMEMBERED, Article.published_at <= now)
    newest_at = {row[0]: row[1] for row in session.execute(newest.group_by(Article.feed_id))}
    gaps = {
        row[0]: (row[3] - row[2]) / (row[1] - 1)
        for row in session.execute(counted.group_by(Article.feed_id))
        if row[1] > 1
    }
    return {one: Stories(newest_at=newest_at.get(one), usual_gap=gaps.get(one)) for one in feed_ids}
