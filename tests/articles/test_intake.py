"""What becomes of a feed's entries: new, changed, bumped, withdrawn, embargoed, twice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from articles import feeds, intake
from articles.articles import Article, ArticleStatus, authors_of, latest
from articles.dates import DateConfidence
from articles.entry import Entry, ParsedFeed, Signature
from articles.feeds import Said
from articles.formats import parse
from ground.database import Database

CORPUS = Path(__file__).parent.parent / "corpus" / "feeds"


def entries(name: str) -> Sequence[Entry]:
    parsed = parse((CORPUS / name).read_bytes(), None, "https://zagroscourier.example/feeds/x")
    assert isinstance(parsed, ParsedFeed)
    return parsed.entries


def entry(guid: str, published: datetime | None, *, title: str = "A bridge", link: str = "") -> Entry:
    return Entry(
        guid=guid,
        url=link or f"https://courier.example/{guid}",
        title=title,
        published=published.isoformat() if published else None,
        signatures=(Signature(name="Hanar Dolan"), Signature(name="Karo Zozan")),
    )


def take(database: Database, given: Sequence[Entry], now: datetime, *, feed: str = "a") -> tuple[int, intake.Taken]:
    with database.write() as session:
        row = feeds.add_feed(session, f"https://courier.example/{feed}.xml", now=now, said=Said(zone="Asia/Baghdad"))
        assert isinstance(row, feeds.Feed)
        return row.id, intake.take_in(session, row, given, now=now)


def by_guid(database: Database) -> dict[str, Article]:
    with database.read() as session:
        articles = {article.guid: article for article in session.scalars(select(Article))}
        session.expunge_all()  # the end of a reading transaction would empty them
        return articles


def titles(database: Database, feed_ids: Sequence[int], now: datetime, *, limit: int = 50) -> list[str]:
    with database.read() as session:
        found = latest(session, feed_ids, since=now - timedelta(days=8), until=now, limit=limit)
        return [article.title for article in found]


def test_a_first_poll_counts_stories_not_entries(database: Database, now: datetime) -> None:
    _, taken = take(database, entries("07-rss-updates.xml"), now)
    assert (taken.new, taken.changed) == (14, 0)
    articles = by_guid(database)
    assert articles["reg-102"].summary == "Opening hours are 9 to 5."
    assert articles["reg-107"].status is ArticleStatus.EMBARGOED
    assert articles["reg-107"].embargo_until == datetime.fromisoformat("2026-03-10T07:00:00Z")
    assert articles["reg-111"].status is ArticleStatus.CORRECTED


def test_a_second_poll_finds_what_changed_and_ignores_a_bump(database: Database, now: datetime) -> None:
    take(database, entries("07-rss-updates.xml"), now)
    before = by_guid(database)
    later = now + timedelta(hours=2)
    feed_id, taken = take(database, entries("07-rss-updates.second-poll.xml"), later)
    assert taken.new == 1  # reg-114
    after = by_guid(database)
    changed = {guid for guid in before if after[guid].revision > 1}
    assert changed == {"reg-100", "reg-105", "reg-106", "reg-112"}
    assert after["reg-100"].title == "Road to Tavgah reopens after landslide"
    assert after["reg-106"].status is ArticleStatus.CORRECTED
    assert after["reg-112"].status is ArticleStatus.WITHDRAWN
    assert after["reg-108"].published_at == before["reg-108"].published_at  # bumped by a day: not new again
    assert (after["reg-109"].status, after["reg-109"].last_seen_at) == (ArticleStatus.LIVE, now)  # dropped off the end
    shown = titles(database, [feed_id], later)
    assert "WITHDRAWN: Bakery wins regional bread prize" not in shown
    assert "Embargoed: school examination dates" not in shown


def test_the_same_document_twice_changes_nothing(database: Database, now: datetime) -> None:
    for name in ("01-rss-media.xml", "03-jsonfeed.json", "04-rss-messy.xml", "07-rss-updates.xml"):
        take(database, entries(name), now, feed=name)
        _, again = take(database, entries(name), now + timedelta(minutes=15), feed=name)
        assert (again.new, again.changed) == (0, 0), name


def test_a_feed_that_changes_its_ids_every_day_brings_nothing_twice(database: Database, now: datetime) -> None:
    take(database, [entry("monday-1", now, link="https://courier.example/bridge")], now)
    _, taken = take(database, [entry("tuesday-1", now, link="https://courier.example/bridge?utm_source=x")], now)
    assert (taken.new, taken.changed) == (0, 0)


def test_a_story_of_two_feeds_comes_once_from_the_one_named_first(database: Database, now: datetime) -> None:
    wire, _ = take(database, entries("07-rss-updates.xml"), now, feed="wire")
    own, _ = take(database, entries("01-rss-media.xml"), now, feed="own")
    shown = titles(database, [own, wire], now)
    assert "Rubar bridge reopens to traffic after 14-month repair" in shown
    assert "Rubar bridge open again after long repair" not in shown
    assert "Rubar bridge open again after long repair" in titles(database, [wire, own], now)


def test_an_article_without_a_date_never_outranks_a_dated_one(database: Database, now: datetime) -> None:
    given = [entry("undated", None, title="Undated"), entry("old", now - timedelta(days=3), title="Old")]
    feed_id, _ = take(database, given, now)
    assert titles(database, [feed_id], now) == ["Old", "Undated"]
    assert titles(database, [feed_id], now, limit=1) == ["Old"]
    assert by_guid(database)["undated"].date_confidence is DateConfidence.FIRST_SEEN


def test_an_embargoed_article_is_shown_when_its_hour_has_come(database: Database, now: datetime) -> None:
    feed_id, _ = take(database, [entry("secret", now + timedelta(hours=3))], now)
    assert titles(database, [feed_id], now + timedelta(hours=2)) == []
    assert titles(database, [feed_id], now + timedelta(hours=4)) == ["A bridge"]


def test_an_embargo_without_a_date_holds_until_the_feed_lifts_it(database: Database, now: datetime) -> None:
    feed_id, _ = take(database, [entry("a", now, title="EMBARGOED: results")], now)
    assert titles(database, [feed_id], now + timedelta(days=1)) == []
    take(database, [entry("a", now, title="Results")], now + timedelta(hours=1))
    assert titles(database, [feed_id], now + timedelta(days=1)) == ["Results"]


def test_latest_takes_the_newest_of_its_window(database: Database, now: datetime) -> None:
    given = [entry(str(hours), now - timedelta(hours=hours), title=f"{hours} h") for hours in range(5)]
    feed_id, _ = take(database, given, now)
    with database.read() as session:
        found = latest(session, [feed_id], since=now - timedelta(hours=3), until=now - timedelta(hours=1), limit=5)
        assert [article.title for article in found] == ["1 h", "2 h"]
        assert latest(session, [], since=now - timedelta(hours=3), until=now, limit=5) == []


def test_a_byline_keeps_its_order_and_an_author_is_stored_once(database: Database, now: datetime) -> None:
    take(database, [entry("a", now), entry("b", now, title="Another")], now)
    take(database, [entry("c", now)], now, feed="other")
    articles = by_guid(database)
    with database.read() as session:
        names = authors_of(session, [article.id for article in articles.values()])
    assert set(map(tuple, names.values())) == {("Hanar Dolan", "Karo Zozan")}
    assert len(names) == 3


@pytest.mark.parametrize(
    ("url", "zone"),
    [("courier.example/feed", "UTC"), ("ftp://courier.example", "UTC"), ("https://a:b@courier.example/", "UTC")]
    + [("https://courier.example/", zone) for zone in ("Mars/Base", "../etc/passwd", "")],
)
def test_what_cannot_be_a_feed_is_refused_with_the_remedy(
    database: Database, now: datetime, url: str, zone: str
) -> None:
    with database.write() as session:
        refused = feeds.add_feed(session, url, now=now, said=Said(zone=zone))
        assert isinstance(refused, feeds.FeedRefused)
        assert re.search("must begin with|write one like", refused.reason)
        assert feeds.list_feeds(session) == []


def test_adding_a_feed_twice_gives_the_same_feed(database: Database, now: datetime) -> None:
    with database.write() as session:
        first = feeds.add_feed(session, "https://courier.example/a.xml", now=now)
        assert feeds.add_feed(session, " https://courier.example/a.xml ", now=now) is first


def test_a_failing_feed_is_left_alone_longer_each_time_and_asked_once_a_day() -> None:
    quarter = timedelta(minutes=15)
    pauses = [feeds.pause_after(quarter, failures=failures, asked=None) for failures in (0, 1, 2, 20)]
    assert pauses == [quarter, timedelta(minutes=30), timedelta(hours=1), timedelta(hours=24)]
    assert feeds.pause_after(quarter, failures=1, asked=timedelta(hours=3)) == timedelta(hours=3)
    assert feeds.pause_after(quarter, failures=0, asked=timedelta(days=30)) == timedelta(hours=24)
