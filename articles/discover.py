"""Discovery: where a site keeps its feeds, when its page names none. A few well-known places are asked, and no more."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import Executor
from datetime import timedelta
from urllib.parse import urljoin

from articles import reading
from articles.entry import Kind, NamedFeed, NotAFeed
from ground.fetch import Fetched, Fetcher

_PLACES = ("/feed", "/rss.xml", "/feed.xml", "/rss", "/atom.xml", "/feed.json")
_MOST_SITEMAPS = 3
_SITEMAP = re.compile(r"^\s*sitemap:\s*(\S{1,500})\s*$", re.IGNORECASE | re.MULTILINE)
_READING_TIME = timedelta(seconds=20)


async def discover(fetcher: Fetcher, executor: Executor, url: str) -> tuple[NamedFeed, ...]:
    """The feeds of a site that are where most keep them, and the news sitemap that its robots.txt names."""
    asked = [urljoin(url, place) for place in _PLACES]
    found = await asyncio.gather(*(_look(fetcher, executor, each) for each in asked))
    feeds = {one.url: one for one in found if one}
    if not feeds:
        maps = await _sitemaps(fetcher, url)
        feeds = {
            one.url: one for one in await asyncio.gather(*(_look(fetcher, executor, each) for each in maps)) if one
        }
    return tuple(feeds.values())


async def _look(fetcher: Fetcher, executor: Executor, url: str) -> NamedFeed | None:
    answer = await fetcher.get(url)
    if not isinstance(answer, Fetched):
        return None
    parsed = await reading.read(answer, executor, at_most=_READING_TIME)
    if isinstance(parsed, NotAFeed) or parsed.kind is Kind.PAGE:
        return None
    return NamedFeed(url=answer.url, title=parsed.title)


async def _sitemaps(fetcher: Fetcher, url: str) -> list[str]:
    """The sitemaps that robots.txt names (RFC 9309 2.2.4), those for news first."""
    answer = await fetcher.get(urljoin(url, "/robots.txt"))
    if not isinstance(answer, Fetched):
        return []
    named = [urljoin(url, each) for each in _SITEMAP.findall(answer.body[:100_000].decode("utf-8", "replace"))]
    return sorted(dict.fromkeys(named), key=lambda each: "news" not in each.lower())[:_MOST_SITEMAPS]
