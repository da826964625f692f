"""What a feed says, cleaned, before it becomes an article: plain values that travel between processes."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Kind(enum.StrEnum):
    """What an address holds."""

    FEED = "feed"  # RSS, RDF, Atom or JSON Feed
    PAGE = "page"  # one article's own page
    SITEMAP = "sitemap"  # a news sitemap: addresses, headlines and dates


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
    bio: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a feed. All texts are plain, all addresses absolute http(s).

    Dates stay as the feed wrote them: what they mean depends on the feed's zone and on now (`articles.dates`).
    """

    guid: str
    url: str
    title: str
    summary: str | None = None
    dateline: str | None = None  # the place that the summary began with
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
    correction: str | None = None  # what was wrong, where the source says it
    is_archive: bool = False  # an old piece shown again
    alternates: tuple[str, ...] = ()  # the same story in other languages, as its page names them
    marks: tuple[int, ...] = ()  # shared with articles that may tell the same story (`articles.alike`)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFeed:
    title: str | None
    site_url: str | None
    language: str | None
    entries: tuple[Entry, ...]
    unusable: int = 0  # entries without a link or any words
    kind: Kind = Kind.FEED
    next_url: str | None = None  # where the feed goes on (JSON Feed 1.1 next_url, RFC 5005)
    feeds: tuple[NamedFeed, ...] = ()  # that a page names beside its own story


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
    is_page: bool = False
