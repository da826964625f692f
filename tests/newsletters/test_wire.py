"""The wire beside an issue: what is on it, why it is not in the issue, adding it, composing again."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from articles.articles import Article, ArticleStatus
from ground.database import Database
from newsletters import compose, curate, issues, launch, wire
from newsletters.act import Done, Refused
from newsletters.issues import Issue
from newsletters.schedules import Schedule, Terms
from newsletters.undo import undo
from newsletters.wire import Wanted
from tests.newsletters.builders import Desk, a_desk, a_feed, an_article, morning_news
from tests.newsletters.test_compose import NEXT_SLOT, SLOT, compose_slot, titles

EDITOR = "editor@example.org"
HOUR = timedelta(hours=1)


def a_short_issue(session: Session, now: datetime) -> tuple[Desk, Issue]:
    """Three of five stories."""
    desk = a_desk(session, now, terms=Terms(max_articles=3))
    morning_news(session, desk, now)
    return desk, compose_slot(session, desk, now)


def wire_titles(session: Session, issue: Issue, now: datetime, **wanted: str) -> list[str]:
    found, _ = wire.offers(session, issue, Wanted(**wanted), now=now)  # type: ignore[arg-type]
    return [offer.article.title for offer in found]


def test_the_wire_holds_what_the_issue_does_not_and_says_why(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk, issue = a_short_issue(session, now)
        an_article(session, desk.feed, "Fresh", now + HOUR / 2)
        an_article(session, desk.feed, "Old", now - 40 * HOUR)
        an_article(session, desk.feed, "Gone", now - HOUR, status=ArticleStatus.WITHDRAWN)
        an_article(session, desk.feed, "Secret", now - 2 * HOUR, status=ArticleStatus.EMBARGOED)
        an_article(session, a_feed(session, now, url="https://other.example/feed"), "Elsewhere", now - HOUR)
        found, more = wire.offers(session, issue, Wanted(), now=now + HOUR)
        assert {offer.article.title: offer.why_not for offer in found} == {
            "Fresh": "came after this issue was composed",
            "Secret": "under embargo without an end",
            "Story 4": "no room: others came before it",
            "Story 5": "no room: others came before it",
            "Old": "older than what this issue looked at",
        }
        assert (more, [offer.can_go for offer in found]) == (False, [True, False, True, True, True])


def test_the_wire_is_searched_and_paged(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk, issue = a_short_issue(session, now)
        for number in range(45):
            section = "Sport" if number % 2 else "100%"
            an_article(session, desk.feed, f"Match {number:02}", now - 30 * HOUR, section=section)
        pages = []
        last = None
        more = True
        while more:
            found, more = wire.offers(session, issue, Wanted(text="match", before=last), now=now)
            pages.append([offer.article.title for offer in found])
            last = found[-1].article.id
        assert [len(page) for page in pages] == [20, 20, 5]
        assert sum(pages, []) == [f"Match {number:02}" for number in reversed(range(45))]  # noqa: RUF017
        assert wire_titles(session, issue, now, text="%") == []
        assert len(wire_titles(session, issue, now, section="100%")) == 20
        assert wire.sections(session, issue, now=now) == ["100%", "Sport"]


def test_a_story_is_added_at_the_end_with_its_reason(database: Database, now: datetime) -> None:
    with database.write() as session:
        _, issue = a_short_issue(session, now)
        story = wire.offers(session, issue, Wanted(text="Story 5"), now=now)[0][0].article
        assert curate.add(session, issue.id, story.id, by=EDITOR, now=now) == Done(2)
        assert titles(session, issue)[-1] == "Story 5"
        assert issues.list_items(session, issue.id)[-1].reason == "added by the desk, 5 h old"
        assert wire_titles(session, issue, now) == ["Story 4"]
        assert curate.add(session, issue.id, story.id, by=EDITOR, now=now) == Done(2)
        undo(session, issue.id, by=EDITOR, now=now)
        assert [item.article_id for item in issues.list_dropped(session, issue.id)] == [story.id]
        assert curate.add(session, issue.id, story.id, by=EDITOR, now=now) == Done(4)
        assert titles(session, issue)[-1] == "Story 5"


def test_what_readers_had_is_marked_and_may_be_added_all_the_same(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk, first = a_short_issue(session, now)
        first.sealed_at = now
        later = now + timedelta(days=1)
        an_article(session, desk.feed, "Today", later - HOUR)
        an_article(session, desk.feed, "Today too", later - HOUR)
        an_article(session, desk.feed, "And this", later - HOUR)
        issue = compose.compose(session, session.get_one(Schedule, desk.schedule), NEXT_SLOT, now=later)
        assert isinstance(issue, Issue)
        had = {
            offer.article.title: offer for offer in wire.offers(session, issue, Wanted(), now=later)[0] if offer.sent_in
        }
        assert {title: offer.why_not for title, offer in had.items()} == dict.fromkeys(
            ["Story 1", "Story 2", "Story 3"], "readers had it in No. 1"
        )
        curate.add(session, issue.id, had["Story 1"].article.id, by=EDITOR, now=later)
        assert issues.list_items(session, issue.id)[-1].reason == (
            "added by the desk, 25 h old, readers had it in No. 1"
        )


def test_what_may_not_be_sent_is_not_added(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk, issue = a_short_issue(session, now)
        other = a_feed(session, now, url="https://other.example/feed")
        refused = {
            an_article(session, desk.feed, "Gone", now - HOUR, status=ArticleStatus.WITHDRAWN): "withdrawn",
            an_article(session, desk.feed, "Secret", now - HOUR, status=ArticleStatus.EMBARGOED): "embargo",
            an_article(session, other, "Elsewhere", now - HOUR): "not on the wire",
            999_999: "not on the wire",
        }
        for article_id, why in refused.items():
            outcome = curate.add(session, issue.id, article_id, by=EDITOR, now=now)
            assert isinstance(outcome, Refused)
            assert why in outcome.reason
        standing = issues.list_items(session, issue.id)[0].article_id
        key = session.get_one(Article, standing).story_key
        twin = an_article(session, desk.feed, "Twin", now - HOUR, story=key.removeprefix("example.org/"))
        assert curate.add(session, issue.id, twin, by=EDITOR, now=now) == Refused(
            "The issue has this story already, from another feed."
        )
        assert issue.revision == 1


def test_composing_again_keeps_pins_first_and_taken_out_stories_out(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk, issue = a_short_issue(session, now)
        assert titles(session, issue) == ["Story 2", "Story 1", "Story 3"]
        picture, newest, third = issues.list_items(session, issue.id)
        curate.pin(session, third.id, is_pinned=True, by=EDITOR, now=now)
        curate.rewrite(session, third.id, title="Rewritten", summary=None, seen=2, by=EDITOR, now=now)
        curate.drop(session, picture.id, by=EDITOR, now=now)
        later = now + HOUR
        an_article(session, desk.feed, "Fresh", later - HOUR / 4)
        assert curate.recompose(session, issue.id, by=EDITOR, now=later) == Done(5)
        assert titles(session, issue) == ["Story 3", "Fresh", "Story 1"]
        assert (third.title, third.reason) == ("Rewritten", "pinned by the desk, 4 h old")
        assert issue.subject == "Rewritten"
        assert [item.id for item in issues.list_dropped(session, issue.id)] == [picture.id]
        undo(session, issue.id, by=EDITOR, now=later)
        assert titles(session, issue) == ["Story 1", "Story 3"]
        assert newest.dropped_at is None


def test_composing_an_approved_issue_again_finds_its_own_stories(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        morning_news(session, desk, now)
        issue = compose.compose(session, session.get_one(Schedule, desk.schedule), SLOT, now=now)
        assert isinstance(issue, Issue)
        launch.approve(session, issue.id, by=EDITOR, now=now)
        curate.recompose(session, issue.id, by=EDITOR, now=now)
        assert len(titles(session, issue)) == 5
