"""Stories: which articles tell the same one. Every article has the `story_key` of the first that told it.

Two articles are one story when their addresses are the same once normalised, or when their words are nearly the same, in
one language, within two days. Translations are other stories: they are linked by their `translation_key`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ForeignKey, Index, and_, delete, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from articles import alike
from articles.articles import Article, ArticleStatus
from ground.database import Base

#: How far apart two articles may be published and still be one story by their words.
NEAR = timedelta(hours=48)
#: Marks of older articles are not needed: nothing published now is near them.
_KEPT = timedelta(days=7)
_MOST_CANDIDATES = 400


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
    for article, _ in fresh:
        if article.story_key == article.url_key:
            _by_words(article, candidates.get(article.id, ()))
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


def _candidates(session: Session, fresh: Sequence[tuple[Article, Sequence[int]]]) -> Mapping[int, Sequence[Article]]:
    """For each of these, the articles that share a mark, in its language and near it in time."""
    wanted: dict[int, list[Article]] = defaultdict(list)
    for article, marks in fresh:
        for mark in marks:
            wanted[mark].append(article)
    if not wanted:
        return {}
    span = [article.published_at for article, _ in fresh]
    rows = session.execute(
        select(StoryMark.mark, Article)
        .join(Article, and_(Article.id == StoryMark.article_id))
        .where(StoryMark.mark.in_(wanted))
        .where(Article.published_at.between(min(span) - NEAR, max(span) + NEAR))
        .order_by(Article.id)
        .limit(_MOST_CANDIDATES * max(1, len(fresh)))
    )
    found: dict[int, dict[int, Article]] = defaultdict(dict)
    for mark, other in rows:
        for article in wanted[mark]:
            if _is_near(article, other):
                found[article.id][other.id] = other
    return {article_id: list(others.values()) for article_id, others in found.items()}


def _is_near(article: Article, other: Article) -> bool:
    is_earlier = other.id < article.id  # the first one names the story
    return is_earlier and other.language == article.language and abs(other.published_at - article.published_at) <= NEAR


def _by_words(article: Article, others: Sequence[Article]) -> None:
    for other in others:
        compare = alike.tell_one_story if other.feed_id != article.feed_id else alike.tell_one_story_in_one_feed
        if compare(article.title, article.summary, other.title, other.summary):
            article.story_key = other.story_key
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
