"""Visits to images: fetched politely, checked and resized in child processes."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Executor
from datetime import timedelta
from urllib.parse import urlsplit

import structlog

from articles import child_limits
from articles.images import Fetched
from articles.resize import Unusable
from ground import fetch
from ground.fetch import Fetcher

log = structlog.get_logger()

_GONE = range(400, 500)
_TIME = timedelta(seconds=20)


class Images:
    """One object per round of collecting: it knows how many visits each host has at the moment."""

    def __init__(self, fetcher: Fetcher, executor: Executor, *, per_host: int, at_most: timedelta) -> None:
        self._fetcher, self._executor, self._at_most = fetcher, executor, at_most
        self._per_host: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(per_host))

    async def fetch(self, urls: Sequence[str]) -> list[Fetched]:
        """Fetch these images; those that were not reached in time are left for the next round."""
        if not urls:
            return []
        visits = [asyncio.create_task(self._visit(url)) for url in urls]
        done, late = await asyncio.wait(visits, timeout=self._at_most.total_seconds())
        for visit in late:
            visit.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return [visit.result() for visit in visits if visit in done]

    async def _visit(self, url: str) -> Fetched:
        async with self._per_host[urlsplit(url).netloc.lower()]:
            answer = await self._fetcher.get(url)
        if not isinstance(answer, fetch.Fetched):
            detail = answer.detail if isinstance(answer, fetch.FetchFailed) else "It was not answered."
            status = answer.status if isinstance(answer, fetch.FetchFailed) else None
            return Fetched(url=url, made=Unusable(detail), passes=status not in _GONE or status == 429)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_TIME.total_seconds()):
                made = await loop.run_in_executor(self._executor, child_limits.resize, answer.body)
        except TimeoutError:
            made = Unusable("Reading it took too long.")
        except Exception as problem:
            log.exception("image broke its reader", url=url)
            made = Unusable(f"It could not be read ({type(problem).__name__}).")
        return Fetched(url=url, made=made)
