"""Most read: the first stories of a ranking that the newsroom's site publishes, as far as an edition may show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from articles import ranking
from articles.articles import Article, ArticleStatus
from articles.feeds import Feed
from articles.ranking import Place
from newsletters import newsletters, wire
from newsletters.issues import Issue
from newsletters.newsletters import Edition

MOST, FEWEST = 5, 3
#: A ranking that did not answer for so long says what was read then, not now.
FRESH = timedelta(hours=24)


def of(session: Session, issue: Issue, edition: Edition) -> list[dict[str, str | None]]:
    """Three to five stories, the most read first; none where the edition draws from no ranking that still answers."""
    for feed in newsletters.list_rankings(session, edition.id):
        answered_at = feed.last_success_at
        if answered_at is None or answered_at < issue.scheduled_for - FRESH:
            continue
        found = _shown(session, issue, edition, feed)
        if len(found) >= FEWEST:
            return found[:MOST]
    return []


def _shown(session: Session, issue: Issue, edition: Edition, feed: Feed) -> list[dict[str, str | None]]:
    places = [each for each in ranking.places(feed) if (each.language or edition.language) == edition.language]
    known = _known(session, places)
    drawn = frozenset(newsletters.list_feed_ids(session, edition.id))
    return [
        _story(place, next((each for each in known.get(place.url_key, ()) if each.feed_id in drawn), None))
        for place in places
        if not any(_is_held_back(each, issue) for each in known.get(place.url_key, ()))
    ]


def _known(session: Session, places: Sequence[Place]) -> Mapping[str, list[Article]]:
    """The articles that we have of these places, whichever feed they came from."""
    found: dict[str, list[Article]] = {}
    keys = [place.url_key for place in places]
    for article in session.scalars(select(Article).where(Article.url_key.in_(keys)).order_by(Article.id)):
        found.setdefault(article.url_key, []).append(article)
    return found


def _is_held_back(article: Article, issue: Issue) -> bool:
    return article.status is ArticleStatus.WITHDRAWN or wire.is_embargoed(article, issue)


def _story(place: Place, article: Article | None) -> dict[str, str | None]:
    """By the headline that our own article has: a ranking's may be an old one."""
    if article is None:
        return {"title": place.title, "url": place.url, "language": place.language}
    return {"title": article.title, "url": article.url, "language": article.language or place.language}
