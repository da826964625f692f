"""A story that two feeds tell in nearly the same words goes out once; an old piece that is shown again does not go by itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from articles import alike, stories
from articles.articles import Article
from ground.database import Database
from newsletters import newsletters, wire
from newsletters.issues import IssueState
from newsletters.wire import Wanted
from tests.newsletters.builders import a_desk, a_feed, an_article, morning_news
from tests.newsletters.test_compose import DAY, NEXT_SLOT, compose_slot, titles

HOUR = timedelta(hours=1)
SNOW = "Late snow closes the mountain road to Kanispi"


def told(session: Session, feed_id: int, title: str, at: datetime) -> Article:
    article = session.get_one(Article, an_article(session, feed_id, title, at))
    stories.settle(session, [(article, alike.marks(title, None))], now=at)
    return article


def test_a_story_that_went_does_not_come_again_in_an_agencys_words(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        morning_news(session, desk, now)
        told(session, desk.feed, SNOW, now - HOUR)
        first = compose_slot(session, desk, now)
        assert SNOW in titles(session, first)
        first.state, first.sealed_at = IssueState.FINISHED, now
        agency = a_feed(session, now, url="https://agency.example.org/feed.xml")
        newsletters.draw_from(session, desk.edition, [agency])
        told(session, agency, f"{SNOW} again", now + HOUR)
        for n, name in enumerate(("Rain", "Roads", "Bread"), start=2):
            an_article(session, desk.feed, name, now + n * HOUR)
        second = compose_slot(session, desk, now + DAY, NEXT_SLOT)
        assert titles(session, second) == ["Bread", "Roads", "Rain"]
        why = {each.article.title: each.why_not for each in wire.offers(session, second, Wanted(), now=now + DAY)[0]}
        assert why[f"{SNOW} again"] == f"readers had it in No. {first.number}"


def test_an_old_piece_is_offered_and_not_chosen(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        morning_news(session, desk, now)
        session.get_one(Article, an_article(session, desk.feed, "The long ice", now - HOUR)).is_archive = True
        issue = compose_slot(session, desk, now)
        assert "The long ice" not in titles(session, issue)
        (offer,) = [each for each in wire.offers(session, issue, Wanted(), now=now)[0] if each.article.is_archive]
        assert (offer.why_not, offer.can_go) == ("an old piece that its source shows again", True)
