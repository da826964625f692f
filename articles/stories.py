"""Stories: which articles tell the same one. Every article has the `story_key` of the first that told it.

Two articles are one story when their addresses are the same once normalised, or when their words are nearly the same, in
one language, within two days. Translations are other stories: they are linked by their `translation_key`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ForeignKey, Index, delete, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from articles import alike
from articles.articles import Article, ArticleStatus
from ground.database import Base

#: How far apart two articles may be published and still be one story by their words.
NEAR = timedelta(hours=48)
#: Marks of older articles are not needed: nothing published now is near them.
_KEPT = timedelta(days=7)
_MOST_ROWS = 20_000
#: An article is compared with so many others, those that share most marks with it.
_COMPARED = 24


class StoryMark(Base):
    """A number that an article shares with others that may tell the same story (`articles.alike`)."""

    __tablename__ = "story_marks"
    __table_args__ = (Index("ix_story_marks_marked_at", "marked_at"),)

    mark: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True, index=True)
    marked_at: Mapped[datetime]


def settle(session: Session, fresh: Sequence[tuple[Article, Sequence[int]]], *, now: datetime) -> None:
    """Give each new article the key of its story, and keep its marks for those that come after it.

    All are flushed already; each came with its marks.
    """
    _by_address(session, [article for article, _ in fresh])
    _mark(session, fresh, now=now)
    candidates = _candidates(session, [(article, marks) for article, marks in fresh if _can_match(article, now)])
    named: dict[int, str] = {}  # of these, by now: one may tell the story of another of them
    for article, _ in sorted(fresh, key=lambda pair: pair[0].id):
        if article.story_key == article.url_key:
            _by_words(article, candidates.get(article.id, ()), named)
        named[article.id] = article.story_key
    session.flush()


def readdress(session: Session, article: Article) -> None:
    """An article turned out to be at another address: it tells the story that is known there, if one is."""
    _by_address(session, [article])
    session.flush()


def forget_old_marks(session: Session, *, now: datetime) -> None:
    session.execute(delete(StoryMark).where(StoryMark.marked_at < now - _KEPT))


def translations(session: Session, article: Article) -> list[Article]:
    """The same story in other languages, published about the same time."""
    if article.translation_key is None:
        return []
    others = (
        select(Article)
        .where(Article.translation_key == article.translation_key, Article.id != article.id)
        .where(Article.language != article.language, Article.status != ArticleStatus.WITHDRAWN)
        .where(Article.published_at.between(article.published_at - NEAR, article.published_at + NEAR))
        .order_by(Article.language, Article.id)
        .limit(20)
    )
    return list(session.scalars(others))


def tellers(session: Session, story_key: str) -> list[Article]:
    """Every article that tells a story, the first one first."""
    told = select(Article).where(Article.story_key == story_key).order_by(Article.first_seen_at, Article.id)
    return list(session.scalars(told.limit(50)))


def _by_address(session: Session, fresh: Sequence[Article]) -> None:
    """An article at an address that is known tells that one's story."""
    keys = {article.url_key for article in fresh}
    known = {
        row.url_key: row.story_key
        for row in session.execute(
            select(Article.url_key, Article.story_key)
            .where(Article.url_key.in_(keys), Article.id.not_in([article.id for article in fresh]))
            .order_by(Article.id.desc())
        )
    }
    for article in fresh:
        article.story_key = known.get(article.url_key, article.url_key)


def _can_match(article: Article, now: datetime) -> bool:
    return article.story_key == article.url_key and article.published_at > now - _KEPT + NEAR


@dataclass(frozen=True, slots=True)
class _Near:
    """An earlier article that shares a mark."""

    id: int
    language: str | None
    published_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """As much of an earlier article as is compared."""

    id: int
    feed_id: int
    title: str
    summary: str | None
    story_key: str


def _candidates(session: Session, fresh: Sequence[tuple[Article, Sequence[int]]]) -> Mapping[int, Sequence[_Told]]:
    """For each of these, the articles that share most marks with it, in its language and near it in time."""
    wanted: dict[int, list[Article]] = defaultdict(list)
    for article, marks in fresh:
        for mark in marks:
            wanted[mark].append(article)
    if not wanted:
        return {}
    shared: dict[Article, Counter[int]] = defaultdict(Counter)
    for mark, others in _sharing(session, wanted, [article.published_at for article, _ in fresh]).items():
        for article in wanted[mark]:
            shared[article].update(other.id for other in others if _is_near(article, other))
    likeliest = {article.id: [each for each, _ in found.most_common(_COMPARED)] for article, found in shared.items()}
    told = _told(session, {other for others in likeliest.values() for other in others})
    return {article_id: [told[other] for other in others] for article_id, others in likeliest.items()}


def _sharing(session: Session, marks: Collection[int], dates: Sequence[datetime]) -> dict[int, list[_Near]]:
    """The first few articles that have each of these marks: one that a whole feed shares says little of its articles."""
    rows = session.execute(
        select(StoryMark.mark, Article.id, Article.language, Article.published_at)
        .join(Article, Article.id == StoryMark.article_id)
        .where(StoryMark.mark.in_(marks))
        .where(Article.published_at.between(min(dates) - NEAR, max(dates) + NEAR))
        .order_by(Article.id)
        .limit(_MOST_ROWS)
    )
    found: dict[int, list[_Near]] = defaultdict(list)
    for mark, article_id, language, published_at in rows:
        if len(found[mark]) < _COMPARED:
            found[mark].append(_Near(article_id, language, published_at))
    return found


def _told(session: Session, ids: Collection[int]) -> dict[int, _Told]:
    columns = (Article.id, Article.feed_id, Article.title, Article.summary, Article.story_key)
    found = session.execute(select(*columns).where(Article.id.in_(ids)))
    return {
        row.id: _Told(id=row.id, feed_id=row.feed_id, title=row.title, summary=row.summary, story_key=row.story_key)
        for row in found
    }


def _is_near(article: Article, other: _Near) -> bool:
    is_earlier = other.id < article.id  # the first one names the story
    return is_earlier and other.language == article.language and abs(other.published_at - article.published_at) <= NEAR


def _by_words(article: Article, others: Sequence[_Told], named: Mapping[int, str]) -> None:
    for other in others:
        compare = alike.tell_one_story if other.feed_id != article.feed_id else alike.tell_one_story_in_one_feed
        if compare(article.title, article.summary, other.title, other.summary):
            article.story_key = named.get(other.id, other.story_key)
            return


def _mark(session: Session, fresh: Sequence[tuple[Article, Sequence[int]]], *, now: datetime) -> None:
    rows = [
        {"mark": mark, "article_id": article.id, "marked_at": now}
        for article, marks in fresh
        for mark in set(marks)
        if article.published_at > now - _KEPT + NEAR
    ]
    if rows:
        session.execute(insert(StoryMark), rows)
