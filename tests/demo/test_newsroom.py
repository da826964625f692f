"""The sample newsroom, collected over real HTTP, and collecting among servers that misbehave."""

from __future__ import annotations

import asyncio
import gzip
import multiprocessing
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from articles import dates, feeds
from articles.articles import Article, authors_of, latest
from articles.collect import FeedReport, Manners, collect
from articles.feeds import Feed, Said
from broadsheet.demo.newsroom import SampleNewsroom
from ground.database import Database
from ground.fetch import Fetched, Fetcher, FetchFailed, FetchLimits

pytestmark = pytest.mark.slow  # whole rounds of collecting over HTTP


@pytest.fixture
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def children() -> Iterator[Executor]:
    """Real child processes, as `serve` has them."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@asynccontextmanager
async def fetching(*hosts: str) -> AsyncIterator[Fetcher]:
    fetcher = Fetcher(FetchLimits(deadline=timedelta(seconds=1.5)), allowed_hosts=frozenset(hosts))
    try:
        yield fetcher
    finally:
        await fetcher.close()


def add(database: Database, urls: Sequence[str], now: datetime) -> list[int]:
    with database.write() as session:
        added = [feeds.add_feed(session, url, now=now, said=Said(zone="Asia/Baghdad")) for url in urls]
        return [feed.id for feed in added if isinstance(feed, Feed)]


def row(database: Database, feed_id: int) -> Feed:
    with database.read() as session:
        feed = session.get_one(Feed, feed_id)
        session.expunge_all()
        return feed


async def test_the_newsroom_is_collected_once_and_then_answers_304(
    database: Database, children: Executor, now: datetime
) -> None:
    seen: list[FeedReport] = []
    async with SampleNewsroom(now) as newsroom, fetching(newsroom.host) as fetcher:
        ids = add(database, [feed.url for feed in newsroom.feeds], now)
        first = await collect(database, fetcher, children, lambda: now, progress=seen.append)
        assert {report.problem for report in first} == {None}
        assert (
            sum(report.new for report in first) == sum(report.found for report in first) == 16 + 13 + 14 + 12 + 12 + 15
        )
        assert len(seen) == len(ids) == 6

        none_due = await collect(database, fetcher, children, lambda: now)
        assert none_due == []

        later = now + timedelta(minutes=20)
        second = await collect(database, fetcher, children, lambda: later)
        assert [(report.found, report.new, report.problem) for report in second] == [(0, 0, None)] * 6
        assert sum(count for (_, status), count in newsroom.served.items() if status == 304) == 6
        base_url = newsroom.base_url
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Article)) == 82
        newest = latest(session, ids, since=now - timedelta(days=1), until=now, limit=5)
        assert now - timedelta(minutes=1) < newest[0].published_at <= now
        assert all(article.url.startswith(base_url) for article in newest)
        assert any((article.image_url or "").startswith(base_url) for article in newest)
        assert all(authors_of(session, [article.id])[article.id] for article in newest)
        assert {article.language for article in newest} >= {"ar", "ckb", "en"}


@pytest.mark.parametrize(
    "moment", ["2026-07-01T12:34:56+00:00", "2026-03-09T04:00:00+00:00", "2031-12-31T23:59:59.999999+00:00"]
)
async def test_the_newest_story_is_of_this_minute_whenever_the_demo_runs(moment: str) -> None:
    now = datetime.fromisoformat(moment)
    async with SampleNewsroom(now) as newsroom:
        entries = [entry for feed in newsroom._feeds.values() for entry in feed.entries]
    read = [dates.read(entry.published, zone="UTC", now=now) for entry in entries]
    published = [dated.at for dated in read if dated]
    assert len(published) == 82
    assert timedelta(0) <= now - max(published) < timedelta(minutes=1)


async def test_every_link_and_picture_of_the_newsroom_leads_somewhere(now: datetime) -> None:
    async with (
        SampleNewsroom(now, newsletter_url="http://127.0.0.1:9/n/morning/en") as newsroom,
        fetching(newsroom.host) as fetcher,
    ):
        entries = [entry for feed in newsroom._feeds.values() for entry in feed.entries]
        pictures = {entry.picture.url for entry in entries if entry.picture}
        for url in {*pictures, *(entry.url for entry in entries), newsroom.base_url + "/", newsroom.base_url + "/ar/"}:
            got = await fetcher.get(url)
            assert isinstance(got, Fetched), got
            assert got.content_type == ("image/png" if url in pictures else "text/html")
            if url not in pictures:
                assert b"NEWSLETTER" in got.body
                assert b"zagroscourier.example" not in got.body.replace(b"hub.zagroscourier.example", b"")
        for path in ("/feeds/latest.xml?page=2", "/images/none.png", "/images/../feeds/01-rss-media.xml", "/nothing"):
            got = await fetcher.get(newsroom.base_url + path)
            assert isinstance(got, FetchFailed)
            assert got.status == 404, path


async def test_an_arabic_page_is_set_from_right_to_left(now: datetime) -> None:
    async with SampleNewsroom(now) as newsroom, fetching(newsroom.host) as fetcher:
        got = await fetcher.get(newsroom.base_url + "/ar/news/new-public-park")
    assert isinstance(got, Fetched)
    assert '<html lang="ar" dir="rtl">' in got.body.decode()


async def test_feeds_that_misbehave_cost_only_themselves(database: Database, executor: Executor, now: datetime) -> None:
    bomb = gzip.compress(b"<" + b"\0" * 30_000_000)

    async def misbehave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1]
        if path == b"/hangs":
            await reader.read()  # until the other side gives up
        elif path == b"/bomb":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + bomb)
        elif path == b"/busy":
            writer.write(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7200\r\nContent-Length: 0\r\n\r\n")
        elif path == b"/page":
            body = b'<html><head><link rel="alternate" type="application/rss+xml" href="/rss.xml"></head></html>'
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(misbehave, "127.0.0.1", 0)
    bad = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with SampleNewsroom(now) as newsroom, fetching(newsroom.host, bad) as fetcher:
        names = ("hangs", "bomb", "busy", "page")
        ids = dict(zip(names, add(database, [f"http://{bad}/{name}" for name in names], now), strict=True))
        (good,) = add(database, [newsroom.feeds[0].url], now)
        order: list[int] = []
        reports = await collect(
            database,
            fetcher,
            executor,
            lambda: now,
            progress=lambda report: order.append(report.feed_id),
            manners=Manners(per_host=4, jitter=random.Random(1)),
        )
    server.close()
    problems = {report.feed_id: report.problem for report in reports}
    assert problems[good] is None
    assert order.index(good) < order.index(ids["hangs"])
    assert "did not finish answering" in (problems[ids["hangs"]] or "")
    assert "more than 5 MiB" in (problems[ids["bomb"]] or "")
    assert "429 Too Many Requests" in (problems[ids["busy"]] or "")
    assert "/rss.xml" in (problems[ids["page"]] or "")
    hanging, busy = row(database, ids["hangs"]), row(database, ids["busy"])
    assert (hanging.failures, hanging.last_success_at) == (1, None)
    assert timedelta(minutes=30) <= hanging.next_fetch_at - now <= timedelta(minutes=33)
    assert timedelta(hours=2) <= busy.next_fetch_at - now <= timedelta(hours=2.2)


async def test_a_feed_that_breaks_keeps_what_was_collected_and_recovers(
    database: Database, executor: Executor, now: datetime
) -> None:
    async with SampleNewsroom(now) as newsroom, fetching(newsroom.host) as fetcher:
        port = int(newsroom.host.rpartition(":")[2])
        (feed_id,) = add(database, [newsroom.feeds[3].url], now)
        await collect(database, fetcher, executor, lambda: now)
    async with fetching(f"127.0.0.1:{port}") as fetcher:
        (broken,) = await collect(database, fetcher, executor, lambda: now, only=[feed_id])
    assert broken.problem is not None
    assert row(database, feed_id).last_error == broken.problem
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Article)) == 12
    later = now + timedelta(hours=1)
    async with SampleNewsroom(now, port=port) as newsroom, fetching(newsroom.host) as fetcher:
        (mended,) = await collect(database, fetcher, executor, lambda: later)
    assert (mended.problem, mended.new) == (None, 0)
    feed = row(database, feed_id)
    assert (feed.failures, feed.last_error, feed.last_success_at) == (0, None, later)
