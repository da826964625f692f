"""Other editions: what the same newsletter said last in its other languages, as a few headlines in a letter."""

from __future__ import annotations

import gettext
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from itertools import zip_longest
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from articles.articles import Article, ArticleStatus
from ground.language import Texts
from newsletters import archive, newsletters
from newsletters.issues import Issue, Item
from newsletters.newsletters import Edition, Newsletter

#: What an edition said longer ago is no news.
REACH = timedelta(days=3)
#: Headlines of all of them together: a way to them, not a second letter.
MOST = 3
_EDITIONS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """An edition's last issue."""

    name: str  # of the language, in itself
    language: str
    title: str  # the edition's
    url: str  # the issue's page
    headlines: Sequence[dict[str, str]]  # `title` and `url`


def of(session: Session, issue: Issue, edition: Edition, base_url: str) -> list[dict[str, Any]]:
    """The newest headlines of the other editions, one of each before a second of any."""
    newsletter = session.get_one(Newsletter, edition.newsletter_id)
    every = newsletters.editions_of(session, newsletter.id)
    others = [each for each in every if each.id != edition.id][:_EDITIONS]
    found = [other for each in others if (other := _last(session, issue, each, newsletter, base_url))]
    rounds = zip_longest(*(each.headlines for each in found))
    shown = [headline["url"] for each in rounds for headline in each if headline][:MOST]
    cut = (replace(each, headlines=[one for one in each.headlines if one["url"] in shown]) for each in found)
    return [asdict(each) for each in cut if each.headlines]


def _last(session: Session, issue: Issue, edition: Edition, newsletter: Newsletter, base_url: str) -> Other | None:
    last = archive.last_digest(session, edition.id, since=issue.scheduled_for - REACH)
    if last is None:
        return None
    return Other(
        name=Texts(edition.language, gettext.NullTranslations()).name,
        language=edition.language,
        title=edition.title,
        url=f"{base_url.rstrip('/')}/archive/{newsletter.slug}/{edition.language}/{last.number}",
        headlines=list(_headlines(session, last)),
    )


def _headlines(session: Session, issue: Issue) -> Iterator[dict[str, str]]:
    rows = session.execute(
        select(Item.title, Article.title, Article.url)
        .join(Article, Article.id == Item.article_id)
        .where(Item.issue_id == issue.id, Item.number.is_not(None), Article.status != ArticleStatus.WITHDRAWN)
        .order_by(Item.number)
        .limit(MOST)
    )
    for own, title, url in rows:
        yield {"title": own or title, "url": url}
