"""Most read: the order of a feed that is a ranking, of what the edition may show."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from articles import feeds, identity, ranking, tend
from articles.articles import Article, ArticleStatus
from articles.entry import Entry
from articles.feeds import Feed, Said
from ground.database import Database
from newsletters import compose, digest, newsletters
from newsletters.issues import Issue
from tests.newsletters.builders import BASE_URL, Desk, a_desk, an_article, morning_news


def a_ranking(session: Session, desk: Desk, now: datetime, *titles: str, language: str = "en") -> Feed:
    feed = feeds.add_feed(
        session, "https://example.org/most-read", now=now, said=Said(is_ranking=True, language=language)
    )
    assert isinstance(feed, Feed)
    newsletters.draw_from(session, desk.edition, [feed.id])
    ranking.take(feed, [entry(session, title) for title in titles])
    feeds.succeeded(feed, now=now, pause=timedelta(minutes=15))
    return feed


def entry(session: Session, title: str) -> Entry:
    known = session.scalar(select(Article).where(Article.title == title))
    if known is not None:
        known.url_key = identity.url_key(known.url)
    return Entry(
        guid=title, url=known.url if known else f"https://example.org/old/{title}", title=f"{title}, as ranked"
    )


def told(session: Session, desk: Desk, now: datetime) -> list[str]:
    issue = compose.one_off(session, desk.edition, now=now)
    assert isinstance(issue, Issue)
    found = digest.job(session, issue, base_url=BASE_URL).context["besides"].get("most_read", [])
    session.delete(issue)
    return [each["title"] for each in found]


def test_the_order_is_the_rankings_and_the_headlines_are_ours(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        morning_news(session, desk, now)
        titles = ("Story 3", "Long ago", "Story 1", "Story 3", "Story 2", "Story 4", "Story 5")
        a_ranking(session, desk, now, *titles)
        assert told(session, desk, now) == ["Story 3", "Long ago, as ranked", "Story 1", "Story 2", "Story 4"]


def test_its_stories_are_no_news_of_the_edition(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        feed = a_ranking(session, desk, now, "Long ago")
        assert newsletters.list_feed_ids(session, desk.edition) == [desk.feed]
        assert [each.id for each in newsletters.list_rankings(session, desk.edition)] == [feed.id]
        assert not isinstance(compose.one_off(session, desk.edition, now=now), Issue)


def test_what_may_not_be_shown_is_left_out_and_too_few_are_none(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        morning_news(session, desk, now, count=4)
        an_article(session, desk.feed, "Under embargo", now, status=ArticleStatus.EMBARGOED)
        a_ranking(session, desk, now, "Story 4", "Under embargo", "Story 2", "Story 1")
        assert told(session, desk, now) == ["Story 4", "Story 2", "Story 1"]
        session.scalars(select(Article).where(Article.title == "Story 4")).one().status = ArticleStatus.WITHDRAWN
        assert told(session, desk, now) == []


def test_an_old_answer_or_another_language_says_nothing(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        morning_news(session, desk, now)
        feed = a_ranking(session, desk, now, "Story 4", "Story 2", "Story 1", language="ar")
        assert told(session, desk, now) == []
        feed.language = "en"
        ranking.take(feed, [entry(session, f"Story {n}") for n in (1, 2, 3)])
        assert told(session, desk, now) == ["Story 1", "Story 2", "Story 3"]
        feed.last_success_at = now - timedelta(hours=25)
        assert told(session, desk, now) == []


def test_a_feed_that_becomes_a_ranking_is_read_anew(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        feed = session.get_one(Feed, desk.feed)
        feed.etag, feed.body_hash, feed.silent_after = '"a"', "b", now
        tend.change(session, desk.feed, Said(is_ranking=True), by="roza", now=now)
        session.flush()
        session.refresh(feed)
        assert [feed.etag, feed.body_hash, feed.silent_after, feed.ranking] == [None, None, None, []]
