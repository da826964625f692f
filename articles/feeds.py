"""Feeds: the addresses we collect from, and how politely."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from articles import identity
from ground.database import Base, RowId

LONGEST_PAUSE = timedelta(hours=24)  # a failing feed is asked at least once a day


class Feed(Base):
    __tablename__ = "feeds"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    url: Mapped[str] = mapped_column(String(2000), unique=True)
    title: Mapped[str | None] = mapped_column(String(300))
    site_url: Mapped[str | None] = mapped_column(String(2000))
    language: Mapped[str | None] = mapped_column(String(16))
    zone: Mapped[str] = mapped_column(String(64), default="UTC")  # what a date without an offset means here
    enabled: Mapped[bool] = mapped_column(default=True)
    interval: Mapped[timedelta] = mapped_column(default=timedelta(minutes=15))
    etag: Mapped[str | None] = mapped_column(String(300))
    last_modified: Mapped[str | None] = mapped_column(String(100))
    next_fetch_at: Mapped[datetime]
    last_fetch_at: Mapped[datetime | None]
    last_success_at: Mapped[datetime | None]  # a 200 or a 304
    last_story_at: Mapped[datetime | None]  # when something new was last found
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    last_error: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime]


class FeedRefusedError(ValueError):
    """This cannot be a feed's row. The text says why and what to do."""


def add_feed(session: Session, url: str, *, now: datetime, language: str | None = None, zone: str = "UTC") -> Feed:
    """The feed at `url`, added when it is new and due at once. `zone` is what its dates without an offset mean.

    Raises `FeedRefusedError` for an address that is no http(s) address, and for an unknown zone or language.
    """
    url = url.strip()
    if identity.clean_link(url) is None or "@" in url.split("/")[2]:
        raise FeedRefusedError(
            f"{url[:200]!r} is not a feed's address: it must begin with https:// or http:// and name a host, without a password."
        )
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        raise FeedRefusedError(f"{zone!r} is not a time zone; write one like Asia/Baghdad.") from problem
    if language is not None and not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,2}", language):
        raise FeedRefusedError(f"{language[:40]!r} is not a language; write a tag like en, ar or ckb.")
    feed = session.scalars(select(Feed).where(Feed.url == url)).one_or_none()
    if feed is None:
        feed = Feed(url=url, language=language, zone=zone, next_fetch_at=now, created_at=now)
        session.add(feed)
        session.flush()
    return feed


def due(session: Session, *, now: datetime, only: Sequence[int] | None = None) -> list[Feed]:
    """The feeds whose time has come, longest waiting first. `only` names feeds to collect whether due or not."""
    query = select(Feed).where(Feed.enabled).order_by(Feed.next_fetch_at, Feed.id)
    query = query.where(Feed.next_fetch_at <= now) if only is None else query.where(Feed.id.in_(only))
    return list(session.scalars(query))


def succeeded(feed: Feed, *, now: datetime, pause: timedelta) -> None:
    """The feed answered; it is asked again after `pause`."""
    feed.last_fetch_at = feed.last_success_at = now
    feed.failures, feed.last_error = 0, None
    feed.next_fetch_at = now + pause


def failed(feed: Feed, problem: str, *, now: datetime, pause: timedelta) -> None:
    """The feed did not answer, or not with a feed. What was collected before stays."""
    feed.last_fetch_at = now
    feed.failures += 1
    feed.last_error = problem[:500]
    feed.next_fetch_at = now + pause


def pause_after(interval: timedelta, *, failures: int, asked: timedelta | None) -> timedelta:
    """How long to leave a feed alone: its interval, doubled with every failure; longer when its server asked for it."""
    backed_off = interval * (1 << min(failures, 10))
    return min(max(backed_off, asked or timedelta(0)), max(LONGEST_PAUSE, interval))


def list_feeds(session: Session) -> list[Feed]:
    """All feeds, in the order they were added."""
    return list(session.scalars(select(Feed).order_by(Feed.id)))
