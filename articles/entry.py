"""What a feed says, cleaned, before it becomes an article: plain values that travel between processes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    url: str
    alt: str | None = None
    credit: str | None = None
    width: int | None = None  # pixels, as the feed says
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One author's name as it stands under one entry."""

    name: str
    url: str | None = None
    avatar_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a feed. All texts are plain, all addresses absolute http(s).

    Dates stay as the feed wrote them: what they mean depends on the feed's zone and on now (`articles.dates`).
    """

    guid: str
    url: str
    title: str
    summary: str | None = None
    section: str | None = None
    tags: tuple[str, ...] = ()
    language: str | None = None
    signatures: tuple[Signature, ...] = ()
    picture: Picture | None = None
    published: str | None = None
    updated: str | None = None
    word_count: int | None = None
    reading_minutes: int | None = None
    paywalled: bool = False
    is_correction: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFeed:
    title: str | None
    site_url: str | None
    language: str | None
    entries: tuple[Entry, ...]
    unusable: int = 0  # entries without a link or any words


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFeed:
    """A feed that a web page names (`<link rel="alternate" type="application/rss+xml" href="/feed" title="News">`)."""

    url: str
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAFeed:
    """The document is no feed we can read. `detail` says what it is and what to do."""

    detail: str
    feeds: tuple[NamedFeed, ...] = ()  # that the document, a web page, names instead
