"""Still there: whether articles' pages can be read, asked once each, politely and within a deadline.

A HEAD first. What it says is gone is asked for once more by a GET: some servers answer one thing to a machine that only
looks, and another to a reader.
"""

from __future__ import annotations

import asyncio
import enum
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from ground.fetch import Fetcher, FetchFailed

_GONE = frozenset({404, 410})
_NOT_BY_HEAD = frozenset({405, 501})


class Standing(enum.StrEnum):
    """What became of an article's page."""

    THERE = "there"
    GONE = "gone"  # 404 or 410
    SHUT = "shut"  # another answer of its server that is no page: 401, 403, 429, 5xx
    UNKNOWN = "unknown"  # the network says nothing about the article


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What came of looking at one address."""

    standing: Standing
    said: str = ""  # by its server, in words: "courier.example answered 404 Not Found."


class Lookout:
    """One object per round: it knows how many visits each host has at the moment."""

    def __init__(self, fetcher: Fetcher, *, per_host: int = 2, at_most: timedelta = timedelta(seconds=45)) -> None:
        self._fetcher, self._at_most = fetcher, at_most
        self._per_host: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(per_host))

    async def look(self, urls: Sequence[str]) -> dict[str, Looked]:
        """What is at each of these addresses; those that were not reached in time are unknown."""
        visits = {url: asyncio.create_task(self._visit(url)) for url in dict.fromkeys(urls)}
        if not visits:
            return {}
        done, late = await asyncio.wait(visits.values(), timeout=self._at_most.total_seconds())
        for visit in late:
            visit.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        unknown = Looked(standing=Standing.UNKNOWN)
        return {url: visit.result() if visit in done else unknown for url, visit in visits.items()}

    async def _visit(self, url: str) -> Looked:
        async with self._per_host[urlsplit(url).netloc.lower()]:
            answer = await self._fetcher.head(url)
            if isinstance(answer, FetchFailed) and answer.status in _GONE | _NOT_BY_HEAD:
                answer = await self._fetcher.get(url)
        if not isinstance(answer, FetchFailed):
            return Looked(standing=Standing.THERE)
        if answer.status is None:
            return Looked(standing=Standing.UNKNOWN, said=answer.detail)
        return Looked(standing=Standing.GONE if answer.status in _GONE else Standing.SHUT, said=answer.detail)
