"""Newsletters and editions: a publication with its sender's identity, and its form in one language."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId


class Newsletter(Base):
    __tablename__ = "newsletters"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    publisher: Mapped[str] = mapped_column(String(120))  # "The Zagros Courier"
    sender_address: Mapped[str] = mapped_column(String(320))  # From: stable, one per newsletter
    reply_to: Mapped[str] = mapped_column(String(320))  # a mailbox that somebody reads
    postal_address: Mapped[str] = mapped_column(Text)  # the law asks for it in every mail (CAN-SPAM)
    site_url: Mapped[str] = mapped_column(String(2000))
    privacy_url: Mapped[str | None] = mapped_column(String(2000))
    theme: Mapped[dict[str, Any]]  # logo_url, logo_alt, brand colour: data, no template
    created_at: Mapped[datetime]


class Edition(Base):
    __tablename__ = "editions"
    __table_args__ = (UniqueConstraint("newsletter_id", "language"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletters.id"))
    language: Mapped[str] = mapped_column(String(16))  # en, ar, ckb: decides texts, direction and dates
    title: Mapped[str] = mapped_column(String(120))  # "Morning briefing"
    tagline: Mapped[str] = mapped_column(String(200))  # "The day's stories in five minutes"
    frequency: Mapped[str] = mapped_column(String(120))  # shown at sign-up: "one email, Sunday to Thursday"
    zone: Mapped[str] = mapped_column(String(64))  # IANA
    created_at: Mapped[datetime]


class EditionFeed(Base):
    """A feed that an edition draws from."""

    __tablename__ = "edition_feeds"

    edition_id: Mapped[int] = mapped_column(ForeignKey("editions.id", ondelete="CASCADE"), primary_key=True)
    feed_id: Mapped[int] = mapped_column(ForeignKey("feeds.id"), primary_key=True, index=True)


def list_editions(session: Session) -> list[tuple[Newsletter, Edition]]:
    """Every edition with its newsletter, newsletters in the order of their names, editions in that of their making."""
    rows = session.execute(
        select(Newsletter, Edition)
        .join(Edition, Edition.newsletter_id == Newsletter.id)
        .order_by(Newsletter.publisher, Newsletter.id, Edition.id)
    )
    return [(newsletter, edition) for newsletter, edition in rows]


def find_edition(session: Session, slug: str, language: str) -> tuple[Newsletter, Edition] | None:
    """The edition that a page's address names."""
    row = session.execute(
        select(Newsletter, Edition)
        .join(Edition, Edition.newsletter_id == Newsletter.id)
        .where(Newsletter.slug == slug, Edition.language == language)
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def edition_by_id(session: Session, edition_id: int) -> tuple[Newsletter, Edition] | None:
    """The edition that a subscription names."""
    row = session.execute(
        select(Newsletter, Edition)
        .join(Edition, Edition.newsletter_id == Newsletter.id)
        .where(Edition.id == edition_id)
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def editions_of(session: Session, newsletter_id: int) -> list[Edition]:
    """A newsletter's editions, in the order of their making."""
    return list(session.scalars(select(Edition).where(Edition.newsletter_id == newsletter_id).order_by(Edition.id)))
