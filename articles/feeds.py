"""Feeds: the addresses we collect from, and how politely."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import String, false, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from articles import identity
from articles.entry import Kind
from ground.database import Base, RowId, one_of

MAX_URL = 2000
LONGEST_PROMISE = timedelta(hours=1)
LONGEST_PAUSE = timedelta(hours=24)  # a failing feed is asked at least once a day


class Feed(Base):
    __tablename__ = "feeds"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    url: Mapped[str] = mapped_column(String(2000), unique=True)
    title: Mapped[str | None] = mapped_column(String(300))  # as the feed says
    name: Mapped[str | None] = mapped_column(String(120))  # as the desk says, over the title
    section: Mapped[str | None] = mapped_column(String(120))  # of articles whose entry names none
    site_url: Mapped[str | None] = mapped_column(String(2000))
    language: Mapped[str | None] = mapped_column(String(16))
    zone: Mapped[str] = mapped_column(String(64), default="UTC")  # what a date without an offset means here
    enabled: Mapped[bool] = mapped_column(default=True)
    interval: Mapped[timedelta] = mapped_column(default=timedelta(minutes=15))
    kind: Mapped[Kind | None] = mapped_column(one_of(Kind, "kind"))  # what its address held the last time it answered
    reads_pages: Mapped[bool] = mapped_column(default=True)  # whether articles' own pages are read for what it lacks
    is_ranking: Mapped[bool] = mapped_column(default=False, server_default=false())  # what readers read most, no news
    ranking: Mapped[list[Any]] = mapped_column(
        default=list, server_default="[]"
    )  # what it said last (articles.ranking)
    moved_to: Mapped[str | None] = mapped_column(String(2000))  # where its server says that it is for good
    etag: Mapped[str | None] = mapped_column(String(300))
    last_modified: Mapped[str | None] = mapped_column(String(100))
    body_hash: Mapped[str | None] = mapped_column(String(64))  # of the last document: servers without an ETag repeat it
    next_fetch_at: Mapped[datetime]
    last_fetch_at: Mapped[datetime | None]
    last_success_at: Mapped[datetime | None]  # a 200 or a 304
    last_story_at: Mapped[datetime | None]  # when something new was last found
    silent_after: Mapped[datetime | None]  # when it will have been quiet for too long
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    last_error: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class FeedRefused:
    """This cannot be a feed's row, and why; nothing was stored. `about` is the part that is at fault."""

    reason: str
    about: str = "url"
    is_gone: bool = False  # the feed is not there any more

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the desk says about a feed. `zone` is what its dates without an offset mean."""

    name: str | None = None
    language: str | None = None
    zone: str = "UTC"
    section: str | None = None
    reads_pages: bool = True  # whether its stories' own pages are read for what it lacks
    is_ranking: bool = False  # its order says what readers read most; its entries are no news


def add_feed(session: Session, url: str, *, now: datetime, said: Said = Said()) -> Feed | FeedRefused:
    """The feed at `url`, added when it is new and due at once."""
    url = url.strip()
    refused = refused_address(url) or unfit(said)
    if refused is not None:
        return refused
    feed = find_by_url(session, url)
    if feed is None:
        feed = Feed(url=url, next_fetch_at=now, created_at=now, **asdict(said))
        session.add(feed)
        session.flush()
    return feed


def find_by_url(session: Session, url: str) -> Feed | None:
    return session.scalars(select(Feed).where(Feed.url == url.strip())).one_or_none()


def refused_address(url: str) -> FeedRefused | None:
    """Why an address can be no feed's: it is no http(s) address, or carries a password."""
    if len(url) <= MAX_URL and identity.clean_link(url) is not None and "@" not in url.split("/")[2]:
        return None
    return FeedRefused(
        f"{url[:200]!r} is not a feed's address: it must begin with https:// or http:// and name a host, without a password."
    )


def unfit(said: Said) -> FeedRefused | None:
    """Why this cannot be said about a feed."""
    try:
        ZoneInfo(said.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return FeedRefused(f"{said.zone!r} is not a time zone; write one like Asia/Baghdad.", "zone")
    if said.language is not None and not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,2}", said.language):
        return FeedRefused(f"{said.language[:40]!r} is not a language; write a tag like en, ar or ckb.", "language")
    for about, text in (("name", said.name), ("section", said.section)):
        if text is not None and not 1 <= len(text.strip()) <= 120:
            return FeedRefused(
                f"The {about} has {len(text.strip())} characters; write 1 to 120, or leave it empty.", about
            )
    return None


def shown_name(feed: Feed) -> str:
    """What pages call a feed: by the desk's name, its own title, or the host it is at."""
    return feed.name or feed.title or urlsplit(feed.url).hostname or feed.url


def begin_anew(feed: Feed) -> None:
    """What it says is read again even where its server says that nothing has changed."""
    feed.etag = feed.last_modified = feed.body_hash = None


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


def pause_after(
    interval: timedelta, *, failures: int, asked: timedelta | None, fresh_for: timedelta | None = None
) -> timedelta:
    """How long to leave a feed alone: its interval, doubled with every failure; longer when its server asked for it.

    `asked` is its Retry-After, `fresh_for` its Cache-Control: many caches promise a day for what changes every hour.
    """
    backed_off = interval * (1 << min(failures, 10))
    promised = min(fresh_for or timedelta(0), LONGEST_PROMISE)
    return min(max(backed_off, asked or timedelta(0), promised), max(LONGEST_PAUSE, interval))


def list_feeds(session: Session, *, after: int = 0, limit: int | None = None) -> list[Feed]:
    """Feeds in the order they were added, those after the one with this id."""
    return list(session.scalars(select(Feed).where(Feed.id > after).order_by(Feed.id).limit(limit)))
