"""Ranking: a feed whose order says what readers read most. Its entries are no news: what counts is which, and in what order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from articles import identity
from articles.entry import Entry
from articles.feeds import Feed

#: More places than any letter shows: some are withdrawn, or in another language.
MOST = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One entry of a ranking."""

    url: str
    url_key: str
    title: str
    language: str | None


def take(feed: Feed, entries: Sequence[Entry]) -> None:
    """Keep what a ranking says now, the first first, each story once. What it said before is forgotten."""
    once: dict[str, Entry] = {}
    for entry in entries:
        once.setdefault(identity.url_key(entry.url), entry)
    feed.ranking = [
        {"url": entry.url, "url_key": key, "title": entry.title, "language": entry.language or feed.language}
        for key, entry in once.items()
    ][:MOST]


def places(feed: Feed) -> list[Place]:
    """What a ranking said last, in its order."""
    return [Place(**each) for each in feed.ranking]
