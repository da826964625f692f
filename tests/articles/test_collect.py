"""Collecting from servers on this machine: what is asked, what is read, what becomes of a source that changes."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from articles import feeds, ranking
from articles.articles import Article, ArticleStatus, Author
from articles.collect import FeedReport, Manners, collect
from articles.dates import DateConfidence
from articles.entry import Kind
from articles.feeds import Feed, Said
from articles.preview import NoFeed, Viewer
from ground.database import Database
from ground.fetch import Fetcher, FetchLimits
from tests.ground.test_fetch import answer, serving

ITEM = "<item><title>{title}</title><link>{link}</link>{more}</item>"
WORDS = "<p>" + "The bridge over the river is open again after two years of work. " * 3 + "</p>"
PAGE = f"""<html lang=en><div class=section>Town</div><h1>The bridge is open</h1><div class=byline>Hanar Dolan</div>
<p class=meta>9 March 2026 • 2 min read</p><img src=/big.png alt="A bridge over a river">{WORDS}</html>"""


def rss(*items: str) -> str:
    return f'<rss version="2.0"><channel><title>Zeryan</title><link>https://z.example</link>{"".join(items)}</channel></rss>'


def item(title: str, link: str, more: str = "") -> str:
    return ITEM.format(title=title, link=link, more=more)


@dataclass
class Site:
    """A server whose answers a test changes: path -> bytes of a whole answer. It writes down what it was asked."""

    port: int = 0
    answers: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def a_site() -> AsyncIterator[Site]:
    import asyncio

    site = Site()

    async def handler(head: str, writer: asyncio.StreamWriter) -> None:
        path = head.split()[1]
        site.asked.append(path)
        site.heads.append(head)
        writer.write(site.answers.get(path, answer(status="404 Not Found")))
        await writer.drain()

    async with serving(handler) as port:
        site.port = port
        yield site


@pytest.fixture
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


@dataclass
class Collector:
    database: Database
    executor: Executor
    now: datetime

    async def __call__(self, site: Site, *paths: str, manners: Manners | None = None) -> list[FeedReport]:
        with self.database.write() as session:
            rows = [feeds.add_feed(session, site.url + path, now=self.now) for path in paths or ("/feed",)]
            ids = [row.id for row in rows if isinstance(row, Feed)]
        fetcher = Fetcher(
            FetchLimits(deadline=timedelta(seconds=2)), allowed_hosts=frozenset({f"127.0.0.1:{site.port}"})
        )
        try:
            return await collect(
                self.database, fetcher, self.executor, lambda: self.now, only=ids, manners=manners or Manners()
            )
        finally:
            await fetcher.close()

    def feed(self) -> Feed:
        with self.database.read() as session:
            feed = session.scalars(select(Feed).order_by(Feed.id)).first()
            session.expunge_all()
        assert feed is not None
        return feed

    def articles(self) -> list[Article]:
        with self.database.read() as session:
            found = list(session.scalars(select(Article).order_by(Article.id)))
            session.expunge_all()
            return found


@pytest.fixture
def collector(database: Database, threads: Executor, now: datetime) -> Collector:
    return Collector(database, threads, now)


async def test_the_same_document_again_is_not_read_again(collector: Collector) -> None:
    async with a_site() as site:
        site.answers["/feed"] = answer(
            rss(item("A", "https://z.example/a", "<description>Words.</description>")).encode()
        )
        (first,) = await collector(site)
        (second,) = await collector(site)
        assert [(first.found, first.new), (second.found, second.new)] == [(1, 1), (0, 0)]
        assert second.problem is None


async def test_a_ranking_keeps_its_order_and_brings_no_story(collector: Collector) -> None:
    async with a_site() as site:
        stories = [item(f"Story {n}", f"https://z.example/{n}") for n in (2, 1, 2, 3)]
        site.answers["/feed"] = answer(rss(*stories).encode())
        with collector.database.write() as session:
            feeds.add_feed(session, f"{site.url}/feed", now=collector.now, said=Said(is_ranking=True))
        (report,) = await collector(site)
        assert (report.found, report.new, report.problem) == (4, 0, None)
        assert [place.title for place in ranking.places(collector.feed())] == ["Story 2", "Story 1", "Story 3"]
        assert collector.articles() == []


async def test_a_feed_that_answers_with_a_page_is_told_and_keeps_what_it_brought(collector: Collector) -> None:
    async with a_site() as site:
        site.answers["/feed"] = answer(
            rss(item("A", "https://z.example/a", "<description>Words.</description>")).encode()
        )
        await collector(site)
        site.answers["/feed"] = answer(PAGE.encode())
        (report,) = await collector(site)
        assert "no longer with a feed" in (report.problem or "")
        assert [article.title for article in collector.articles()] == ["A"]
        assert (collector.feed().kind, collector.feed().failures) == (Kind.FEED, 1)


async def test_a_page_is_a_source_of_its_own(collector: Collector) -> None:
    async with a_site() as site:
        site.answers["/story"] = answer(PAGE.encode())
        (report,) = await collector(site, "/story")
        assert (report.found, report.new) == (1, 1)
        (article,) = collector.articles()
        assert (article.title, article.section, article.reading_minutes) == ("The bridge is open", "Town", 2)
        assert (article.image_alt, article.date_confidence) == ("A bridge over a river", DateConfidence.ASSUMED_ZONE)
        assert collector.feed().kind is Kind.PAGE


async def test_an_articles_page_says_what_the_feed_does_not_and_is_asked_once(
    collector: Collector, database: Database
) -> None:
    async with a_site() as site:
        whole = "<description>Words.</description><category>Sport</category><pubDate>Mon, 09 Mar 2026 05:00:00 +0300</pubDate>"
        site.answers["/feed"] = answer(
            rss(item("Bridge opens", f"{site.url}/a"), item("Derby", f"{site.url}/whole", whole)).encode()
        )
        site.answers["/a"] = answer(PAGE.encode())
        (report,) = await collector(site)
        assert (report.new, report.completed) == (2, 1)
        assert site.asked == ["/feed", "/a"]  # what says all of itself is not looked up
        article = collector.articles()[0]
        assert (article.title, article.section, article.image_url) == ("Bridge opens", "Town", f"{site.url}/big.png")
        assert (article.summary or "").startswith("The bridge over the river is open")
        assert article.date_confidence is DateConfidence.ASSUMED_ZONE
        with database.read() as session:
            assert [author.name for author in session.scalars(select(Author))] == ["Hanar Dolan"]
        site.answers["/feed"] = answer(rss(item("Bridge opens!", f"{site.url}/a")).encode())
        (again,) = await collector(site)
        assert (again.changed, again.completed, site.asked) == (1, 0, ["/feed", "/a", "/feed"])
        article = collector.articles()[0]
        assert (article.title, article.section) == ("Bridge opens!", "Town")
        assert article.summary  # the feed still has none: the page's stays


async def test_a_page_that_is_gone_withdraws_its_story(collector: Collector) -> None:
    async with a_site() as site:
        site.answers["/feed"] = answer(rss(item("A", f"{site.url}/a"), item("B", f"{site.url}/b")).encode())
        site.answers["/a"] = answer(status="410 Gone")
        await collector(site)
        assert [article.status for article in collector.articles()] == [ArticleStatus.WITHDRAWN, ArticleStatus.LIVE]


async def test_the_address_that_a_page_calls_its_own_makes_two_one_story(collector: Collector) -> None:
    async with a_site() as site:
        page = PAGE.replace("<html lang=en>", f"<html lang=en><link rel=canonical href={site.url}/bridge>")
        site.answers["/feed"] = answer(
            rss(item("Bridge open", f"{site.url}/bridge", "<description>x</description>")).encode()
        )
        site.answers["/wire"] = answer(rss(item("Now open: a bridge", f"{site.url}/r/4711")).encode())
        site.answers["/bridge"] = site.answers["/r/4711"] = answer(page.encode())
        await collector(site)
        await collector(site, "/wire")
        assert {article.story_key for article in collector.articles()} == {f"https://127.0.0.1:{site.port}/bridge"}


async def test_a_feed_is_followed_where_it_goes_on_the_first_time(collector: Collector) -> None:
    async with a_site() as site:
        for page, next_url in (("/feed", "/2"), ("/2", "/3"), ("/3", "/4"), ("/4", "/5")):
            items = f'[{{"id": "{page}", "url": "https://z.example{page}", "title": "T", "content_text": "Words."}}]'
            head = '"version": "https://jsonfeed.org/version/1.1", "title": "Z"'
            site.answers[page] = answer(f'{{{head}, "next_url": "{next_url}", "items": {items}}}'.encode())
        (report,) = await collector(site)
        assert (report.new, site.asked) == (3, ["/feed", "/2", "/3"])
        site.answers["/feed"] = site.answers["/feed"].replace(b'"T"', b'"U"')
        await collector(site)
        assert site.asked[3:] == ["/feed"]


async def test_caches_and_moves_are_heeded(collector: Collector, now: datetime) -> None:
    async with a_site() as site:
        body = rss(item("A", "https://z.example/a", "<description>x</description>")).encode()
        site.answers["/feed"] = answer(status="308 Permanent Redirect", Location="/new")
        site.answers["/new"] = answer(body, Cache_Control="public, max-age=2400", Age="600")
        await collector(site)
        feed = collector.feed()
        assert feed.moved_to == f"{site.url}/new"
        assert feed.next_fetch_at == now + timedelta(minutes=30)
        site.answers["/new"] = answer(body + b" ", Cache_Control="max-age=86400")
        await collector(site)
        assert collector.feed().next_fetch_at == now + timedelta(hours=1)
        site.answers["/feed"] = answer(status="302 Found", Location="/new")
        site.answers["/new"] = answer(body + b"  ")
        await collector(site, manners=Manners(jitter=random.Random(1)))
        feed = collector.feed()
        assert feed.moved_to is None
        assert timedelta(minutes=15) <= feed.next_fetch_at - now <= timedelta(minutes=16.5)


async def test_a_host_that_asks_for_quiet_is_asked_nothing_more_in_that_round(
    collector: Collector, now: datetime
) -> None:
    async with a_site() as site:
        site.answers["/1"] = answer(status="429 Too Many Requests", Retry_After="7200")
        reports = await collector(site, "/1", "/2", "/3", manners=Manners(per_host=1))
        assert site.asked == ["/1"]
        assert all(report.problem for report in reports)
        with collector.database.read() as session:
            assert {feed.next_fetch_at for feed in session.scalars(select(Feed))} == {now + timedelta(hours=2)}


async def test_a_sites_feed_is_found_where_most_keep_it(threads: Executor, now: datetime) -> None:
    async with a_site() as site:
        site.answers["/"] = answer(b"<html><h1>Zeryan</h1><p>Welcome</html>")
        fetcher = Fetcher(allowed_hosts=frozenset({f"127.0.0.1:{site.port}"}))
        viewer = Viewer(fetcher, threads, lambda: now)
        try:
            nothing = await viewer.look(f"{site.url}/", zone="UTC", language=None)
            assert isinstance(nothing, NoFeed)
            assert nothing.feeds == ()
            assert site.asked[-1] == "/robots.txt"
            news = '<urlset xmlns:n="x"><url><loc>https://z.example/a</loc><n:news><n:title>T</n:title></n:news></url></urlset>'
            site.answers["/robots.txt"] = answer(f"Sitemap: {site.url}/all.xml\nSitemap: {site.url}/news.xml".encode())
            site.answers["/news.xml"] = answer(news.encode())
            mapped = await viewer.look(f"{site.url}/", zone="UTC", language=None)
            assert isinstance(mapped, NoFeed)
            assert [one.url for one in mapped.feeds] == [f"{site.url}/news.xml"]
            site.answers["/rss.xml"] = answer(rss(item("A", "https://z.example/a")).encode())
            found = await viewer.look(f"{site.url}/", zone="UTC", language=None)
            assert isinstance(found, NoFeed)
            assert [(one.url, one.title) for one in found.feeds] == [(f"{site.url}/rss.xml", "Zeryan")]
        finally:
            await fetcher.close()
