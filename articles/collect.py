"""Collecting: every feed that is due is fetched, read and taken in; then the pages of what it lacks.

Feeds are fetched side by side, a few at a time and at most two from one host. A feed that hangs, lies or breaks costs
nobody but itself: what was collected from it before stays, its failure is counted and explained, and it is asked again
later, and later still each time. What has not changed is not read again.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy.orm import Session

from articles import complete, feeds, health, images, intake, ranking, stories
from articles.complete import Wanting
from articles.entry import ParsedFeed
from articles.feeds import Feed
from articles.gather import Catch, Errand, Gatherer, host
from articles.image_visits import Images
from articles.intake import Taken
from articles.page_visits import PageRead, Pages
from ground.database import Database
from ground.fetch import Fetched, Fetcher, FetchFailed

log = structlog.get_logger()

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How hard collecting leans on others and on us."""

    at_once: int = 8
    per_host: int = 2
    pages_at_most: timedelta = timedelta(seconds=60)  # for all pages that one feed lacks
    more_pages: int = 2  # of a feed that goes on (next_url), when it is collected for the first time
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
    completed: int = 0  # by their own pages
    problem: str | None = None  # in words, when nothing could be collected


async def collect(
    database: Database,
    fetcher: Fetcher,
    executor: Executor,
    clock: Clock,
    *,
    only: Sequence[int] | None = None,
    progress: Callable[[FeedReport], None] | None = None,
    manners: Manners | None = None,
    images: Path | None = None,
) -> list[FeedReport]:
    """Collect every feed that is due, or those named by `only`; one report for each, in no order.

    Lead images are kept in the folder `images`, or left where they are. Documents are read in `executor` (child
    processes). Every feed is committed by itself before its report is given to `progress`.
    """
    collector = _Collector(database, fetcher, executor, clock, manners or Manners(), images)
    errands = await asyncio.to_thread(collector.prepare, only)

    async def run(errand: Errand) -> FeedReport:
        report = await collector.run(errand)
        if progress:
            progress(report)
        return report

    return list(await asyncio.gather(*(run(errand) for errand in errands)))


class _Collector:
    def __init__(
        self,
        database: Database,
        fetcher: Fetcher,
        executor: Executor,
        clock: Clock,
        manners: Manners,
        images: Path | None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._manners = manners
        self._at_once = asyncio.Semaphore(manners.at_once)
        self._per_host: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(manners.per_host))
        self._gatherer = Gatherer(fetcher, executor, at_most=manners.reading_time, more_pages=manners.more_pages)
        self._pages = Pages(fetcher, executor, per_host=manners.per_host, at_most=manners.pages_at_most)
        self._images = Images(fetcher, executor, per_host=manners.per_host, at_most=manners.pages_at_most)
        self._image_folder = images
        self._writing = asyncio.Lock()  # one short transaction after the other: writers of other rooms get between

    def prepare(self, only: Sequence[int] | None) -> list[Errand]:
        with self._database.write() as session:
            stories.forget_old_marks(session, now=self._clock())
        with self._database.read() as session:
            return [
                Errand(
                    feed_id=feed.id,
                    url=feed.url,
                    title=feed.title,
                    etag=feed.etag,
                    last_modified=feed.last_modified,
                    body_hash=feed.body_hash,
                    kind=feed.kind,
                    is_first=feed.last_success_at is None,
                )
                for feed in feeds.due(session, now=self._clock(), only=only)
            ]

    async def run(self, errand: Errand) -> FeedReport:
        async with self._per_host[host(errand.url)], self._at_once:
            catch = await self._gatherer.gather(errand)
        async with self._writing:
            report = await asyncio.to_thread(self._settle, errand, catch)
        if report.found:
            report = replace(report, completed=await self._complete(report.feed_id))
        if report.problem is None and self._image_folder is not None:
            await self._keep_images(report.feed_id, self._image_folder)
        log.info(
            "feed collected",
            feed=report.feed_id,
            found=report.found,
            new=report.new,
            changed=report.changed,
            completed=report.completed,
            problem=report.problem,
        )
        return report

    async def _complete(self, feed_id: int) -> int:
        """Read the pages of what the feed lacks; how many articles that completed."""
        with_pages = await asyncio.to_thread(self._wanting, feed_id)
        read = await self._pages.read(with_pages)
        if not read:
            return 0
        async with self._writing:
            return await asyncio.to_thread(self._write_pages, read)

    def _wanting(self, feed_id: int) -> list[Wanting]:
        with self._database.read() as session:
            feed = session.get(Feed, feed_id)
            return complete.wanting(session, feed, now=self._clock()) if feed is not None else []

    def _write_pages(self, read: Sequence[PageRead]) -> int:
        with self._database.write() as session:
            now = self._clock()
            return sum(
                complete.complete(session, one.article_id, one.story, is_gone=one.is_gone, now=now) for one in read
            )

    async def _keep_images(self, feed_id: int, folder: Path) -> None:
        async with self._writing:
            wanted = await asyncio.to_thread(self._wanted_images, feed_id)
        fetched = await self._images.fetch(wanted)
        if fetched:
            async with self._writing:
                await asyncio.to_thread(self._write_images, folder, feed_id, fetched)

    def _wanted_images(self, feed_id: int) -> list[str]:
        with self._database.write() as session:
            return images.wanted(session, feed_id, now=self._clock())

    def _write_images(self, folder: Path, feed_id: int, fetched: Sequence[images.Fetched]) -> None:
        names = images.store(folder, fetched)
        with self._database.write() as session:
            images.keep(session, feed_id, fetched, names, now=self._clock())

    def _settle(self, errand: Errand, catch: Catch) -> FeedReport:
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
            feed.body_hash = catch.body_hash
            if isinstance(catch.answer, Fetched):
                feed.moved_to = _short(catch.answer.moved_to, feeds.MAX_URL)
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
        feed.language, feed.kind = feed.language or parsed.language, parsed.kind
        if feed.is_ranking:
            ranking.take(feed, parsed.entries)
            return Taken(new=0, changed=0)
        taken = intake.take_in(session, feed, parsed.entries, now=now)
        if taken.new or feed.silent_after is None:
            health.foresee_silence(session, feed, now=now)
        return taken

    def _pause(self, feed: Feed, catch: Catch, *, failures: int) -> timedelta:
        asked = catch.answer.retry_after if catch.answer else None
        fresh_for = None if catch.answer is None or isinstance(catch.answer, FetchFailed) else catch.answer.fresh_for
        pause = feeds.pause_after(feed.interval, failures=failures, asked=asked, fresh_for=fresh_for)
        jitter = self._manners.jitter
        return pause * jitter.uniform(1.0, 1.1) if jitter else pause


def _report(errand: Errand, *, problem: str | None = None) -> FeedReport:
    return FeedReport(feed_id=errand.feed_id, url=errand.url, title=errand.title, problem=problem)


def _short(value: str | None, length: int) -> str | None:
    """A validator too long for its column is not kept: half an ETag matches nothing."""
    return value if value and len(value) <= length else None
