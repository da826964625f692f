"""Used topics: the sections and authors that an edition's feeds used lately, which is what its readers may choose from."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import FromClause, Select, func, join, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from articles.articles import Article, ArticleStatus, Author, Byline
from newsletters.newsletters import EditionFeed
from subscribers.topics import Topics

#: What was not used for a month is no topic any more.
REACH = timedelta(days=30)
#: So many of each are shown, the most used ones.
MOST = 24
#: A feed that invents a section for every story must not fill a page.
_LOOKED_AT = 2_000


def of(session: Session, edition_ids: Collection[int], *, now: datetime) -> dict[int, Topics]:
    """The topics of each edition, the most used first. Two questions, however many editions there are."""
    drawn = join(EditionFeed, Article, Article.feed_id == EditionFeed.feed_id)
    signed = drawn.join(Byline, Byline.article_id == Article.id).join(Author, Author.id == Byline.author_id)
    sections = _named(session, _used(drawn, Article.section), edition_ids, now)
    authors = _named(session, _used(signed, Author.name), edition_ids, now)
    return {
        each: Topics(sections=tuple(sections.get(each, ())), authors=tuple(authors.get(each, ())))
        for each in edition_ids
    }


def _used(tables: FromClause, name: InstrumentedAttribute[Any]) -> Select[Any]:
    return (
        select(EditionFeed.edition_id, name)
        .select_from(tables)
        .where(name.is_not(None), name != "", Article.status != ArticleStatus.WITHDRAWN)
        .group_by(EditionFeed.edition_id, name)
        .order_by(func.count().desc(), name)
        .limit(_LOOKED_AT)
    )


def _named(session: Session, used: Select[Any], edition_ids: Collection[int], now: datetime) -> dict[int, list[str]]:
    lately = used.where(EditionFeed.edition_id.in_(edition_ids), Article.published_at > now - REACH)
    found: dict[int, list[str]] = {}
    for edition_id, each in session.execute(lately):
        names = found.setdefault(edition_id, [])
        if len(names) < MOST:
            names.append(each)
    return found
