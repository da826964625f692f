"""Articles: entries collected from feeds, cleaned; and their authors."""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy import ForeignKey, Index, Select, String, Text, UniqueConstraint, and_, case, or_, select, text
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, Session, mapped_column

from articles.dates import DateConfidence, Dated
from ground.database import Base, RowId, one_of


class ArticleStatus(enum.StrEnum):
    LIVE = "live"
    UPDATED = "updated"  # headline, summary or image changed since it was first seen
    CORRECTED = "corrected"
    WITHDRAWN = "withdrawn"
    EMBARGOED = "embargoed"


def _own_key(context: DefaultExecutionContext) -> str:
    values: dict[str, Any] = context.get_current_parameters()  # type: ignore[no-untyped-call] # sqlalchemy's, untyped
    return str(values["url_key"])


class Article(Base):
    __tablename__ = "articles"
    __table_args__ = (
        UniqueConstraint("feed_id", "guid"),
        Index("ix_articles_url_key", "url_key"),
        Index("ix_articles_story_key", "story_key"),
        Index("ix_articles_translation_key", "translation_key"),
        Index("ix_articles_feed_id_published_at", "feed_id", "published_at"),
        # Few stories are corrected, and every issue asks which were lately (newsletters.errata).
        Index(
            "ix_articles_corrected_at",
            "corrected_at",
            sqlite_where=text("corrected_at IS NOT NULL"),
            postgresql_where=text("corrected_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    feed_id: Mapped[int] = mapped_column(ForeignKey("feeds.id"))
    guid: Mapped[str] = mapped_column(String(500))  # the feed's own id, or the url_key where it gave none
    url: Mapped[str] = mapped_column(String(2000))  # canonical: without tracking parameters
    url_key: Mapped[str] = mapped_column(String(500))  # normalised: the same story from two feeds has the same
    #: The url_key of the first article that told this story; its own, until `stories` knows an earlier one.
    story_key: Mapped[str] = mapped_column(String(500), default=_own_key)
    translation_key: Mapped[str | None] = mapped_column(String(300))  # the same story in other languages has the same
    title: Mapped[str] = mapped_column(String(500))
    summary: Mapped[str | None] = mapped_column(Text)  # plain text
    dateline: Mapped[str | None] = mapped_column(String(80))  # the place that its summary began with: ERBIL
    section: Mapped[str | None] = mapped_column(String(120))
    tags: Mapped[list[Any]]
    language: Mapped[str | None] = mapped_column(String(16))
    image_url: Mapped[str | None] = mapped_column(String(2000))
    image_alt: Mapped[str | None] = mapped_column(String(500))
    image_credit: Mapped[str | None] = mapped_column(String(200))
    image_width: Mapped[int | None]
    image_height: Mapped[int | None]
    image_name: Mapped[str | None] = mapped_column(String(80))  # of our own copy, where we keep one
    published_at: Mapped[datetime]
    date_confidence: Mapped[DateConfidence] = mapped_column(one_of(DateConfidence, "date_confidence"))
    utc_offset: Mapped[int | None]  # minutes, of the clock that its date was written by
    updated_at: Mapped[datetime | None]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    word_count: Mapped[int | None]
    reading_minutes: Mapped[int | None]
    paywalled: Mapped[bool] = mapped_column(default=False)
    embargo_until: Mapped[datetime | None]
    is_archive: Mapped[bool] = mapped_column(default=False)  # an old piece that a feed shows again: no news
    correction: Mapped[str | None] = mapped_column(Text)  # what was wrong, where the source says it
    corrected_at: Mapped[datetime | None]  # when we first saw it say so
    page_read_at: Mapped[datetime | None]  # when its own page was last read for what the feed lacks
    status: Mapped[ArticleStatus] = mapped_column(one_of(ArticleStatus, "status"), default=ArticleStatus.LIVE)
    content_hash: Mapped[str] = mapped_column(String(64))  # of title, summary and image: a bump keeps it
    revision: Mapped[int] = mapped_column(default=1)

    def date_it(self, date: Dated) -> None:
        self.published_at, self.date_confidence = date.at, date.confidence
        self.utc_offset = None if date.offset is None else round(date.offset.total_seconds() / 60)

    def correct(self, words: str, *, now: datetime) -> bool:
        """Let it say what was wrong in it; False where it said so before."""
        if words == self.correction:
            return False
        self.correction, self.corrected_at = words, now
        return True

    @property
    def published_there(self) -> datetime:
        """The same instant by the clock of who wrote it: 06:30 in Erbil, not 03:30."""
        return self.published_at.astimezone(timezone(timedelta(minutes=self.utc_offset or 0)))


class Author(Base):
    __tablename__ = "authors"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    url: Mapped[str | None] = mapped_column(String(2000))
    avatar_url: Mapped[str | None] = mapped_column(String(2000))
    bio: Mapped[str | None] = mapped_column(Text)


class Byline(Base):
    """An author's place under an article."""

    __tablename__ = "bylines"

    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("authors.id"), primary_key=True, index=True)
    position: Mapped[int]


def latest(session: Session, feed_ids: Sequence[int], *, since: datetime, until: datetime, limit: int) -> list[Article]:
    """The newest articles of these feeds, published (or released) after `since` and not after `until`, newest first.

    Withdrawn articles and those still under embargo at `until` are left out. An article whose date is only when we first
    saw it comes after all dated ones; an old piece that a feed shows again does not come at all. A story that several feeds
    tell (one `story_key`) comes once, from the feed that `feed_ids` names first: a newsroom's own feed before the wire; and
    of one feed, the article that has an image.
    """
    rank = {feed_id: place for place, feed_id in enumerate(feed_ids)}
    found = session.scalars(_publishable(feed_ids, since=since, until=until).limit(limit * 4 + 50)).all()
    chosen: dict[str, Article] = {}
    for article in sorted(found, key=lambda article: (rank[article.feed_id], article.image_url is None)):
        chosen.setdefault(article.story_key, article)
    return sorted(chosen.values(), key=_freshness, reverse=True)[:limit]


def newest_of(session: Session, feed_id: int, *, limit: int) -> list[Article]:
    """What a feed brought, the newest first, whatever became of it."""
    newest = select(Article).where(Article.feed_id == feed_id).order_by(Article.published_at.desc(), Article.id.desc())
    return list(session.scalars(newest.limit(limit)))


def authors_of(session: Session, article_ids: Sequence[int]) -> dict[int, list[str]]:
    """The names under each of these articles, in the order of the byline."""
    names: dict[int, list[str]] = {article_id: [] for article_id in article_ids}
    rows = session.execute(
        select(Byline.article_id, Author.name)
        .join(Author, Author.id == Byline.author_id)
        .where(Byline.article_id.in_(article_ids))
        .order_by(Byline.article_id, Byline.position)
    )
    for article_id, name in rows:
        names[article_id].append(name)
    return names


def faces_of(session: Session, names: Collection[str]) -> dict[str, str]:
    """The pictures of these authors, of those who have one on the web."""
    rows = session.execute(select(Author.name, Author.avatar_url).where(Author.name.in_(names)))
    return {name: url for name, url in rows if url and url.startswith(("https://", "http://"))}


def _publishable(feed_ids: Sequence[int], *, since: datetime, until: datetime) -> Select[Article]:
    shown = Article.status.in_([ArticleStatus.LIVE, ArticleStatus.UPDATED, ArticleStatus.CORRECTED])
    released = and_(Article.status == ArticleStatus.EMBARGOED, Article.embargo_until <= until)
    return (
        select(Article)
        .where(Article.feed_id.in_(feed_ids), Article.published_at <= until, Article.is_archive.is_(False))
        .where(or_(Article.published_at > since, Article.embargo_until > since))
        .where(or_(shown, released))
        .order_by(
            case((Article.date_confidence == DateConfidence.FIRST_SEEN, 1), else_=0),
            Article.published_at.desc(),
            Article.id.desc(),
        )
    )


def _freshness(article: Article) -> tuple[bool, datetime, int]:
    return article.date_confidence is not DateConfidence.FIRST_SEEN, article.published_at, article.id
