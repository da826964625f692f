"""Articles: entries collected from feeds, cleaned; and their authors."""

from __future__ import annotations

import enum
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId, one_of


class ArticleStatus(enum.StrEnum):
    LIVE = "live"
    UPDATED = "updated"  # headline, summary or image changed since it was first seen
    CORRECTED = "corrected"
    WITHDRAWN = "withdrawn"
    EMBARGOED = "embargoed"


class DateConfidence(enum.StrEnum):
    """How sure we are of `published_at`."""

    EXACT = "exact"  # the feed gave an instant with its offset
    ASSUMED_ZONE = "assumed_zone"  # the feed gave a local time; the feed's zone was assumed
    FIRST_SEEN = "first_seen"  # no usable date: never outranks a dated article


class Article(Base):
    __tablename__ = "articles"
    __table_args__ = (
        UniqueConstraint("feed_id", "guid"),
        Index("ix_articles_url_key", "url_key"),
        Index("ix_articles_feed_id_published_at", "feed_id", "published_at"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    feed_id: Mapped[int] = mapped_column(ForeignKey("feeds.id"))
    guid: Mapped[str] = mapped_column(String(500))  # the feed's own id, or the url_key where it gave none
    url: Mapped[str] = mapped_column(String(2000))  # canonical: without tracking parameters
    url_key: Mapped[str] = mapped_column(String(500))  # normalised: the same story from two feeds has the same
    title: Mapped[str] = mapped_column(String(500))
    summary: Mapped[str | None] = mapped_column(Text)  # plain text
    section: Mapped[str | None] = mapped_column(String(120))
    tags: Mapped[list[Any]]
    language: Mapped[str | None] = mapped_column(String(16))
    image_url: Mapped[str | None] = mapped_column(String(2000))
    image_alt: Mapped[str | None] = mapped_column(String(500))
    image_credit: Mapped[str | None] = mapped_column(String(200))
    image_width: Mapped[int | None]
    image_height: Mapped[int | None]
    published_at: Mapped[datetime]
    date_confidence: Mapped[DateConfidence] = mapped_column(one_of(DateConfidence, "date_confidence"))
    updated_at: Mapped[datetime | None]
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    word_count: Mapped[int | None]
    reading_minutes: Mapped[int | None]
    paywalled: Mapped[bool] = mapped_column(default=False)
    embargo_until: Mapped[datetime | None]
    status: Mapped[ArticleStatus] = mapped_column(one_of(ArticleStatus, "status"), default=ArticleStatus.LIVE)
    content_hash: Mapped[str] = mapped_column(String(64))  # of title, summary and image: a bump keeps it
    revision: Mapped[int] = mapped_column(default=1)


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


def latest(
    session: Session, feed_ids: Collection[int], *, since: datetime, until: datetime, limit: int
) -> list[Article]:
    """The newest articles of these feeds, published after `since` and not after `until`; dated ones first."""
    live = (ArticleStatus.LIVE, ArticleStatus.UPDATED, ArticleStatus.CORRECTED)
    found = (
        select(Article)
        .where(
            Article.feed_id.in_(feed_ids),
            Article.status.in_(live),
            Article.published_at > since,
            Article.published_at <= until,
            or_(Article.embargo_until.is_(None), Article.embargo_until <= until),
        )
        .order_by(Article.date_confidence == DateConfidence.FIRST_SEEN, Article.published_at.desc(), Article.id.desc())
        .limit(limit)
    )
    return list(session.scalars(found))
