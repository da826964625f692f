"""Earlier: what an author wrote before a letter's own stories, for who follows them and missed it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from articles.articles import Article, ArticleStatus, Author, Byline
from newsletters import newsletters
from newsletters.issues import Issue, Item
from newsletters.newsletters import Edition

#: So many stories of an author, and none that is older.
MOST, REACH = 2, timedelta(days=180)
_SHOWN = (ArticleStatus.LIVE, ArticleStatus.UPDATED, ArticleStatus.CORRECTED)


def of(
    session: Session, issue: Issue, edition: Edition, names: Collection[str]
) -> Mapping[str, list[dict[str, str | None]]]:
    """The last stories of each of these authors from before the issue's own, the newest first; one query for all."""
    found: dict[str, list[dict[str, str | None]]] = {}
    for name, title, url, language in session.execute(_query(session, issue, edition, names)):
        found.setdefault(name, []).append({"title": title, "url": url, "language": language})
    return found


def _query(session: Session, issue: Issue, edition: Edition, names: Collection[str]) -> Select[Any]:
    told = select(Article.story_key).join(Item, Item.article_id == Article.id).where(Item.issue_id == issue.id)
    newest_first = (Article.published_at.desc(), Article.id.desc())
    place = func.row_number().over(partition_by=Author.id, order_by=newest_first).label("place")
    written = (
        select(Author.name, Article.title, Article.url, Article.language, place)
        .join(Byline, Byline.author_id == Author.id)
        .join(Article, Article.id == Byline.article_id)
        .where(
            Author.name.in_(names),
            Article.feed_id.in_(newsletters.list_feed_ids(session, edition.id)),
            Article.published_at <= issue.window_start,
            Article.published_at > issue.window_start - REACH,
            Article.status.in_(_SHOWN),
            Article.is_archive.is_(False),
            func.coalesce(Article.language, edition.language) == edition.language,
            Article.story_key.not_in(told),
        )
        .subquery()
    )
    columns = (written.c.name, written.c.title, written.c.url, written.c.language)
    return select(*columns).where(written.c.place <= MOST).order_by(written.c.name, written.c.place)
