"""Newsletters and editions: a publication with its sender's identity, and its form in one language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Select, String, Text, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from articles.feeds import Feed
from ground.database import Base, RowId
from mailer import address, colour
from newsletters import zones
from newsletters.schedule import Day, read_weekend

_WEB_ADDRESS = re.compile(r"https?://[^\s/@\"'<>]+(?:/[^\s\"'<>]*)?")


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
    theme: Mapped[dict[str, Any]]  # logos, colours, faces: data, no template (newsletters.look)
    weekend: Mapped[str] = mapped_column(
        String(30), default="fri,sat", server_default="fri,sat"
    )  # what "weekdays" leaves out
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
    alerts_a_day: Mapped[int] = mapped_column(default=2, server_default="2")  # breaking stories at most; 0: none at all
    # Its own lines, its digits: what of a look is said in its language (newsletters.look).
    look: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    # What its letters hold beside the stories, of what can be chosen (newsletters.besides).
    besides: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    created_at: Mapped[datetime]


class EditionFeed(Base):
    """A feed that an edition draws from."""

    __tablename__ = "edition_feeds"

    edition_id: Mapped[int] = mapped_column(ForeignKey("editions.id", ondelete="CASCADE"), primary_key=True)
    feed_id: Mapped[int] = mapped_column(ForeignKey("feeds.id"), primary_key=True, index=True)


@dataclass(frozen=True, slots=True)
class NewsletterProblem:
    """Why a newsletter or edition cannot be stored, in words for who typed it."""

    problem: str

    def __str__(self) -> str:
        return self.problem


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNewsletter:
    slug: str
    publisher: str
    sender_address: str
    reply_to: str
    postal_address: str
    site_url: str
    privacy_url: str | None = None
    theme: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEdition:
    language: str
    title: str
    tagline: str
    frequency: str
    zone: str


def add(session: Session, new: NewNewsletter, *, now: datetime) -> Newsletter | NewsletterProblem:
    """Store a newsletter; its name in URLs, its two addresses and its colour are checked."""
    problem = _problem(new)
    if problem is not None:
        return NewsletterProblem(problem)
    if session.scalar(select(Newsletter.id).where(Newsletter.slug == new.slug)) is not None:
        return NewsletterProblem(f"There is a newsletter named “{new.slug}” already. Choose another name for its URLs.")
    added = Newsletter(**asdict(new), created_at=now)
    session.add(added)
    session.flush()
    return added


def add_edition(session: Session, newsletter_id: int, new: NewEdition, *, now: datetime) -> Edition | NewsletterProblem:
    """Store a newsletter's form in one language."""
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", new.language):
        return NewsletterProblem(f"“{new.language}” is no language tag. Write en, ar, ckb or ku-Latn.")
    if not zones.is_zone(new.zone):
        return NewsletterProblem(f"“{new.zone}” is no time zone that is known here. Zones are named as Asia/Baghdad.")
    too_long = _too_long({"title": (new.title, 120), "tagline": (new.tagline, 200), "frequency": (new.frequency, 120)})
    if too_long is not None:
        return NewsletterProblem(too_long)
    there = select(Edition.id).where(Edition.newsletter_id == newsletter_id, Edition.language == new.language)
    if session.scalar(there) is not None:
        return NewsletterProblem(f"This newsletter has an edition in “{new.language}” already.")
    # Pages put it into sentences of their own: "It will come to your inbox: one email a day."
    frequency = new.frequency.strip().rstrip(".")
    added = Edition(newsletter_id=newsletter_id, **asdict(new) | {"frequency": frequency}, created_at=now)
    session.add(added)
    session.flush()
    return added


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """What the newsroom is called, and the zone that its day is told in."""

    name: str | None
    zone: str


def home(session: Session) -> Home:
    """Of its first newsletter the publisher, of most of its editions the zone; UTC before there is one."""
    zones = select(Edition.zone).group_by(Edition.zone).order_by(func.count().desc(), Edition.zone).limit(1)
    name = session.scalar(select(Newsletter.publisher).order_by(Newsletter.id).limit(1))
    return Home(name=name, zone=session.scalar(zones) or "UTC")


def draw_from(session: Session, edition_id: int, feed_ids: Iterable[int]) -> None:
    """Let an edition draw from these feeds too. Twice is harmless."""
    known = set(session.scalars(select(EditionFeed.feed_id).where(EditionFeed.edition_id == edition_id)))
    session.add_all(EditionFeed(edition_id=edition_id, feed_id=feed_id) for feed_id in set(feed_ids) - known)
    session.flush()


def weekend_of(session: Session, edition_id: int) -> frozenset[Day]:
    """The days that "weekdays" leaves out where this edition is made."""
    stored = select(Newsletter.weekend).join(Edition, Edition.newsletter_id == Newsletter.id)
    read = read_weekend(session.scalar(stored.where(Edition.id == edition_id)) or "")
    return read if isinstance(read, frozenset) else frozenset()


def list_feed_ids(session: Session, edition_id: int) -> list[int]:
    """The feeds that an edition has its stories from: a ranking brings none."""
    return list(session.scalars(_drawn(edition_id).where(~Feed.is_ranking).with_only_columns(Feed.id)))


def list_rankings(session: Session, edition_id: int) -> list[Feed]:
    """The rankings that say what an edition's readers read most."""
    return list(session.scalars(_drawn(edition_id).where(Feed.is_ranking, Feed.enabled)))


def _drawn(edition_id: int) -> Select[Feed]:
    drawn = select(Feed).join(EditionFeed, EditionFeed.feed_id == Feed.id)
    return drawn.where(EditionFeed.edition_id == edition_id).order_by(Feed.id)


def count_feeds(session: Session) -> dict[int, int]:
    """How many feeds each edition draws from; an edition without any is not in it."""
    counted = select(EditionFeed.edition_id, func.count()).group_by(EditionFeed.edition_id)
    return {row[0]: row[1] for row in session.execute(counted)}


def _problem(new: NewNewsletter) -> str | None:
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?", new.slug):
        return f"“{new.slug}” cannot stand in a URL. Use small letters, digits and hyphens, at most 60."
    for text in (new.sender_address, new.reply_to):
        if isinstance(address.parse(text), address.BadAddress):
            return f"“{text}” is no email address."
    too_long = _too_long({"publisher": (new.publisher, 120)})
    if too_long is not None:
        return too_long
    for url in (new.site_url, new.privacy_url, new.theme.get("logo_url")):
        if url is not None and not _WEB_ADDRESS.fullmatch(str(url)):
            return f"“{url}” is no web address. Write it whole, as https://news.example.org."
    if not new.postal_address.strip():
        return "The postal address is missing; the law asks for one in every newsletter."
    brand = new.theme.get("brand")
    return None if brand is None else colour.unreadable_by_day(str(brand))


def _too_long(texts: Mapping[str, tuple[str, int]]) -> str | None:
    for name, (text, most) in texts.items():
        if not 1 <= len(text.strip()) <= most:
            return f"The {name} has {len(text.strip())} characters. Readers see it: write 1 to {most}."
    return None


def find_newsletter(session: Session, slug: str) -> Newsletter | None:
    return session.scalar(select(Newsletter).where(Newsletter.slug == slug))


def without_edition(session: Session) -> list[Newsletter]:
    """Newsletters that nobody can read yet."""
    none = Newsletter.id.not_in(select(Edition.newsletter_id))
    return list(session.scalars(select(Newsletter).where(none).order_by(Newsletter.slug)))
