"""Feeds in trouble are told where everything else that is wrong is told."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from articles import feeds, health, intake
from articles.entry import Entry
from articles.feeds import Feed, Said
from feedback import watch
from ground.database import Database


def entry(number: int, at: datetime) -> Entry:
    return Entry(guid=str(number), url=f"https://z.example/{number}", title=f"Story {number}", published=at.isoformat())


def add(database: Database, now: datetime, name: str, *, gap: timedelta, stories: int = 5) -> int:
    with database.write() as session:
        feed = feeds.add_feed(session, f"https://{name}.example/feed", now=now, said=Said(name=name))
        assert isinstance(feed, Feed)
        feeds.succeeded(feed, now=now, pause=timedelta(minutes=15))
        intake.take_in(session, feed, [entry(n, now - n * gap) for n in range(stories)], now=now)
        health.foresee_silence(session, feed, now=now)
        return feed.id


def told(database: Database, now: datetime) -> dict[str, str]:
    return {one.check: one.text for one in watch.problems(database, None, now=now) if one.check.startswith("feeds")}


@pytest.mark.parametrize(("gap", "quiet_after"), [(10, 20), (2, 12), (36, 72)])
def test_a_feed_that_is_quiet_for_twice_its_usual_gap_is_told(
    database: Database, now: datetime, gap: int, quiet_after: int
) -> None:
    add(database, now, "courier", gap=timedelta(hours=gap))
    assert told(database, now + timedelta(hours=quiet_after)) == {}
    words = told(database, now + timedelta(hours=quiet_after, minutes=1))["feeds_silent"]
    assert "courier, quiet since 09 Mar 04:00 UTC" in words
    assert all(
        not one.is_failing
        for one in watch.problems(database, None, now=now + timedelta(days=9))
        if "feeds" in one.check
    )


def test_feeds_that_fail_are_told_with_what_went_wrong_and_paused_ones_are_not(
    database: Database, now: datetime
) -> None:
    ids = [add(database, now, f"paper{n}", gap=timedelta(hours=1)) for n in range(5)]
    with database.write() as session:
        for feed_id in ids:
            feed = session.get_one(Feed, feed_id)
            for _ in range(health.PATIENCE - (feed_id == ids[0])):
                feeds.failed(feed, "paper answered 503.", now=now, pause=timedelta(hours=1))
        session.get_one(Feed, ids[1]).enabled = False
    words = told(database, now)["feeds_failing"]
    assert "paper2, last at 09 Mar 04:00 UTC (paper answered 503.)" in words
    assert not any(name in words for name in ("paper0", "paper1"))
    assert "more" not in words
