"""From the other editions: a newsletter's last headlines in its other languages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from articles.articles import Article, ArticleStatus
from ground.database import Database
from newsletters import besides, compose, digest, issues, newsletters
from newsletters.besides import Beside
from newsletters.issues import Issue, IssueState
from newsletters.newsletters import Edition, NewEdition
from tests.newsletters.builders import BASE_URL, a_desk, a_feed, an_article

ROZA = "roza@example.org"


def another(
    session: Session, desk_edition: int, language: str, title: str, now: datetime, *, stories: int = 3
) -> Issue:
    """A further edition's last issue, as it went."""
    newsletter_id = session.get_one(Edition, desk_edition).newsletter_id
    new = NewEdition(language=language, title=title, tagline=title, frequency=title, zone="Asia/Baghdad")
    edition = newsletters.add_edition(session, newsletter_id, new, now=now)
    assert isinstance(edition, Edition)
    feed = a_feed(session, now, url=f"https://example.org/{language}.xml")
    newsletters.draw_from(session, edition.id, [feed])
    for number in range(stories):
        an_article(session, feed, f"{title} {number + 1}", now - timedelta(minutes=number))
    issue = compose.one_off(session, edition.id, now=now)
    assert isinstance(issue, Issue)
    issue.state, issue.sealed_at, issue.web_html = IssueState.FINISHED, now, "<p>it</p>"
    for item in issues.list_items(session, issue.id):
        item.number = item.position
    session.flush()
    return issue


def ours(session: Session, now: datetime) -> Issue:
    desk = a_desk(session, now)
    an_article(session, desk.feed, "One", now)
    issue = compose.one_off(session, desk.edition, now=now)
    assert isinstance(issue, Issue)
    return issue


def others(session: Session, issue: Issue) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = digest.job(session, issue, base_url=BASE_URL).context["besides"].get("others", [])
    return told


def test_the_newest_headlines_of_the_other_languages_are_told_one_of_each_first(
    database: Database, now: datetime
) -> None:
    with database.write() as session:
        issue = ours(session, now)
        arabic = another(session, issue.edition_id, "ar", "موجز", now)
        another(session, issue.edition_id, "ckb", "پوختە", now)
        assert others(session, issue) == []  # nobody asked for it
        besides.choose(session, issue.edition_id, [Beside.OTHER_EDITIONS, "nonsense"], by=ROZA, now=now)
        told = others(session, issue)
        assert [(each["name"], each["language"], len(each["headlines"])) for each in told] == [
            ("العربية", "ar", 2),
            ("کوردی", "ckb", 1),
        ]
        assert told[0]["url"] == f"{BASE_URL}/archive/briefing/ar/{arabic.number}"
        assert told[0]["headlines"][0]["title"] == "موجز 1"


def test_what_is_old_withdrawn_or_never_went_is_not_told(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = ours(session, now)
        besides.choose(session, issue.edition_id, [Beside.OTHER_EDITIONS], by=ROZA, now=now)
        other = another(session, issue.edition_id, "ar", "موجز", now, stories=2)
        session.query(Article).filter(Article.title == "موجز 1").one().status = ArticleStatus.WITHDRAWN
        assert [one["title"] for each in others(session, issue) for one in each["headlines"]] == ["موجز 2"]
        other.sealed_at = now - timedelta(days=4)
        session.flush()
        assert others(session, issue) == []
        other.sealed_at, other.state = now, IssueState.CANCELLED
        session.flush()
        assert others(session, issue) == []


def test_it_asks_nobody_to_approve_again(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = ours(session, now)
        besides.choose(session, issue.edition_id, [Beside.OTHER_EDITIONS], by=ROZA, now=now)
        before = digest.content_hash(session, issue)
        another(session, issue.edition_id, "ar", "موجز", now)
        assert digest.content_hash(session, issue) == before
