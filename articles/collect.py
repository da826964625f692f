"""Collecting: every feed that is due is fetched, read and taken in.

Feeds are fetched side by side, a few at a time and at most two from one host. A feed that hangs, lies or breaks costs
nobody but itself: what was collected from it before stays, its failure is counted and explained, and it is asked again
later, and later still each time.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import structlog
from sqlalchemy.orm import Session

from articles import feeds, intake, reading
from articles.entry import NotAFeed, ParsedFeed
from articles.feeds import Feed
from articles.intake import Taken
from ground.database import Database
from ground.fetch import Fetched, Fetcher, FetchFailed, NotModified

log = structlog.get_logger()

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How hard collecting leans on others and on us."""

    at_once: int = 8
    per_host: int = 2
    reading_time: timedelta = timedelta(seconds=60)  # for one feed's document, waiting for a free child included
    jitter: random.Random | None = None  # spreads the next fetches by up to a tenth; none: not spread


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedReport:
    """What one feed brought."""

    feed_id: int
    url: str
    title: str | None
    found: int = 0  # entries in the document; 0 when it has not changed
    new: int = 0
    changed: int = 0
    problem: str | None = None  # in words, when nothing could be collected


@dataclass(frozen=True, slots=True, kw_only=True)
class _Errand:
    feed_id: int
    url: str
    title: str | None
    etag: str | None
    last_modified: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Catch:
    """What came of one errand, before it is written down."""

    answer: Fetched | NotModified | FetchFailed | None = None
    parsed: ParsedFeed | None = None
    problem: str | None = None


async def collect(
    database: Database,
    fetcher: Fetcher,
    executor: Executor,
    clock: Clock,
    *,
    only: Sequence[int] | None = None,
    progress: Callable[[FeedReport], None] | None = None,
    manners: Manners | None = None,
) -> list[FeedReport]:
    """Collect every feed that is due, or those named by `only`; one report for each, in no order.

    Documents are read in `executor` (child processes). Every feed is committed by itself before its report is given to
    `progress`.
    """
    collector = _Collector(database, fetcher, executor, clock, manners or Manners())
    errands = await asyncio.to_thread(collector.errands, only)

    async def run(errand: _Errand) -> FeedReport:
        report = await collector.run(errand)
        if progress:
            progress(report)
        return report

    return list(await asyncio.gather(*(run(errand) for errand in errands)))


class _Collector:
    def __init__(
        self, database: Database, fetcher: Fetcher, executor: Executor, clock: Clock, manners: Manners
    ) -> None:
        self._database = database
        self._fetcher = fetcher
        self._executor = executor
        self._clock = clock
        self._manners = manners
        self._at_once = asyncio.Semaphore(manners.at_once)
        self._per_host: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(manners.per_host))
        self._writing = asyncio.Lock()  # one short transaction after the other: writers of other rooms get between

    def errands(self, only: Sequence[int] | None) -> list[_Errand]:
        with self._database.read() as session:
            return [
                _Errand(
                    feed_id=feed.id,
                    url=feed.url,
                    title=feed.title,
                    etag=feed.etag,
                    last_modified=feed.last_modified,
                )
                for feed in feeds.due(session, now=self._clock(), only=only)
            ]

    async def run(self, errand: _Errand) -> FeedReport:
        async with self._per_host[urlsplit(errand.url).netloc.lower()], self._at_once:
            catch = await self._catch(errand)
        async with self._writing:
            report = await asyncio.to_thread(self._settle, errand, catch)
        log.info(
            "feed collected",
            feed=report.feed_id,
            found=report.found,
            new=report.new,
            changed=report.changed,
            problem=report.problem,
        )
        return report

    async def _catch(self, errand: _Errand) -> _Catch:
        answer = await self._fetcher.get(errand.url, etag=errand.etag, last_modified=errand.last_modified)
        if isinstance(answer, FetchFailed):
            return _Catch(answer=answer, problem=answer.detail)
        if isinstance(answer, NotModified):
            return _Catch(answer=answer)
        parsed = await reading.read(answer, self._executor, at_most=self._manners.reading_time)
        if isinstance(parsed, NotAFeed):
            return _Catch(answer=answer, problem=parsed.detail)
        return _Catch(answer=answer, parsed=parsed)

    def _settle(self, errand: _Errand, catch: _Catch) -> FeedReport:
        """Write one feed's result down, in one transaction."""
        now = self._clock()
        with self._database.write() as session:
            feed = session.get(Feed, errand.feed_id)
            if feed is None:
                return _report(errand, problem="The feed was removed while it was being collected.")
            if catch.problem:
                feeds.failed(feed, catch.problem, now=now, pause=self._pause(feed, catch, failures=feed.failures + 1))
                return _report(errand, problem=catch.problem)
            feeds.succeeded(feed, now=now, pause=self._pause(feed, catch, failures=0))
            if catch.parsed is None:
                return _report(errand)
            taken = self._take_in(session, feed, catch.parsed, now)
            if isinstance(catch.answer, Fetched):
                # Only after its articles are stored: an ETag kept without them would turn them into "nothing new".
                feed.etag, feed.last_modified = _short(catch.answer.etag, 300), _short(catch.answer.last_modified, 100)
            return FeedReport(
                feed_id=feed.id,
                url=feed.url,
                title=feed.title,
                found=len(catch.parsed.entries),
                new=taken.new,
                changed=taken.changed,
            )

    def _take_in(self, session: Session, feed: Feed, parsed: ParsedFeed, now: datetime) -> Taken:
        feed.title = parsed.title or feed.title
        feed.site_url = parsed.site_url or feed.site_url
        feed.language = feed.language or parsed.language
        return intake.take_in(session, feed, parsed.entries, now=now)

    def _pause(self, feed: Feed, catch: _Catch, *, failures: int) -> timedelta:
        asked = catch.answer.retry_after if catch.answer else None
        pause = feeds.pause_after(feed.interval, failures=failures, asked=asked)
        jitter = self._manners.jitter
        return pause * jitter.uniform(1.0, 1.1) if jitter else pause


def _report(errand: _Errand, *, problem: str | None = None) -> FeedReport:
    return FeedReport(feed_id=errand.feed_id, url=errand.url, title=errand.title, problem=problem)


def _short(value: str | None, length: int) -> str | None:
    """A validator too long for its column is not kept: half an ETag matches nothing."""
    return value if value and len(value) <= length else None
