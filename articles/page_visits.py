"""Visits to articles' own pages: fetched politely, read in child processes, given up together after a while."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from articles import reading
from articles.complete import Wanting
from articles.entry import Entry, Kind, NotAFeed
from ground.fetch import Fetched, Fetcher, FetchFailed

_READING_TIME = timedelta(seconds=20)
_GONE = 410  # "likely to be permanent" (RFC 9110 15.5.11); a 404 may be a page that is not there yet


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRead:
    """What came of one visit."""

    article_id: int
    story: Entry | None = None
    is_gone: bool = False


class Pages:
    """One object per round of collecting: it knows how many visits each host has at the moment."""

    def __init__(self, fetcher: Fetcher, executor: Executor, *, per_host: int, at_most: timedelta) -> None:
        self._fetcher, self._executor, self._at_most = fetcher, executor, at_most
        self._per_host: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(per_host))

    async def read(self, wanted: Sequence[Wanting]) -> list[PageRead]:
        """Visit these pages; those that were not reached in time are left for the next round."""
        if not wanted:
            return []
        visits = [asyncio.create_task(self._visit(one)) for one in wanted]
        done, late = await asyncio.wait(visits, timeout=self._at_most.total_seconds())
        for visit in late:
            visit.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return [visit.result() for visit in visits if visit in done]

    async def _visit(self, one: Wanting) -> PageRead:
        async with self._per_host[urlsplit(one.url).netloc.lower()]:
            answer = await self._fetcher.get(one.url)
        if not isinstance(answer, Fetched):
            return PageRead(
                article_id=one.article_id, is_gone=isinstance(answer, FetchFailed) and answer.status == _GONE
            )
        parsed = await reading.read(answer, self._executor, at_most=_READING_TIME)
        if isinstance(parsed, NotAFeed) or parsed.kind is not Kind.PAGE or len(parsed.entries) != 1:
            return PageRead(article_id=one.article_id)
        return PageRead(article_id=one.article_id, story=parsed.entries[0])
