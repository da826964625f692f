"""Editorial checks: what is said of an issue's stories and its readers, and that nothing is said of a sound one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from articles.articles import Article, ArticleStatus
from ground.database import Database
from mailer.lint import Severity
from newsletters import approve, compose, editorial, issues
from newsletters.issues import Issue, IssueState, Item
from newsletters.schedules import Schedule, Terms
from tests.newsletters.builders import Desk, a_desk, a_reader, an_article
from tests.newsletters.test_compose import NEXT_SLOT, compose_slot

DAY = timedelta(days=1)


def news(session: Session, desk: Desk, now: datetime, end: str = "") -> None:
    """Six stories that lack nothing, each of a section and an author of its own."""
    for number, word in enumerate(("Bridge", "Snow", "Tram", "Marathon", "Honey", "Library")):
        an_article(
            session,
            desk.feed,
            f"{word} is the word of the {number}th story{end}",
            now - timedelta(hours=number + 1),
            image=True,
            section=f"Section {word}",
            authors=[f"Author {word}"],
        )


def a_sound_issue(session: Session, now: datetime, terms: Terms | None = None) -> tuple[Desk, Issue]:
    desk = a_desk(session, now, terms=terms)
    news(session, desk, now)
    return desk, compose_slot(session, desk, now)


def told(session: Session, issue: Issue) -> dict[str, Severity]:
    session.flush()
    return {each.id: each.severity for each in editorial.look(session, issue).findings}


def test_of_a_sound_issue_nothing_is_said(database: Database, now: datetime) -> None:
    with database.write() as session:
        _, issue = a_sound_issue(session, now)
        assert told(session, issue) == {}


Change = Callable[[Issue, Item, Article], None]


def _dated_ahead(issue: Issue, item: Item, article: Article) -> None:
    del item
    article.published_at = issue.scheduled_for + timedelta(minutes=1)


def _withdrawn(issue: Issue, item: Item, article: Article) -> None:
    del issue, item
    article.status = ArticleStatus.WITHDRAWN


def _changed(issue: Issue, item: Item, article: Article) -> None:
    del issue, item
    article.revision += 1


def _old(issue: Issue, item: Item, article: Article) -> None:
    del item
    article.published_at = issue.window_start - timedelta(days=30)


def _bare(issue: Issue, item: Item, article: Article) -> None:
    del issue, item
    article.image_url = None


def _of_no_section(issue: Issue, item: Item, article: Article) -> None:
    del issue, item
    article.section = None


@pytest.mark.parametrize(
    ("change", "rule", "severity"),
    [
        (_dated_ahead, "N03", Severity.ERROR),
        (_withdrawn, "N03", Severity.WARNING),
        (_changed, "N05", Severity.WARNING),
        (_old, "N06", Severity.NOTE),
        (_bare, "N09", Severity.NOTE),
        (_of_no_section, "N09", Severity.NOTE),
    ],
)
def test_what_is_wrong_with_a_story_is_said_with_its_name(
    database: Database, now: datetime, change: Change, rule: str, severity: Severity
) -> None:
    with database.write() as session:
        _, issue = a_sound_issue(session, now)
        lead = issues.list_stories(session, issue.id)[0]
        change(issue, *lead)
        session.flush()
        (found,) = editorial.look(session, issue).findings
        assert (found.id, found.severity) == (rule, severity)
        assert lead[1].title in found.where


def test_an_approval_of_something_else_is_said(database: Database, now: datetime) -> None:
    with database.write() as session:
        _, issue = a_sound_issue(session, now)
        approve.approve(session, issue, by="hanar", now=now)
        assert told(session, issue) == {}
        issue.subject = "Another subject"
        assert told(session, issue) == {"N04": Severity.ERROR}


def test_a_story_that_readers_had_or_that_stands_twice_is_said(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk, first = a_sound_issue(session, now)
        had = issues.list_stories(session, first.id)[0][1]
        first.state, first.sealed_at = IssueState.FINISHED, now
        news(session, desk, now + DAY, end=".")
        second = compose_slot(session, desk, now + DAY, NEXT_SLOT)
        again = Item(issue_id=second.id, article_id=had.id, article_revision=1, position=99, reason="by hand")
        session.add(again)
        session.flush()
        words = [each.words for each in editorial.look(session, second).findings if each.id == "N06"]
        assert "These readers had it in no. 1." in words
        assert any(each.startswith("It tells what") for each in words)


def test_the_schedules_numbers_are_kept_in_view(database: Database, now: datetime) -> None:
    with database.write() as session:
        _, issue = a_sound_issue(session, now)
        schedule = session.get_one(Schedule, issue.schedule_id)
        schedule.max_articles = 5
        assert told(session, issue) == {"N07": Severity.NOTE}
        schedule.max_articles, schedule.min_articles = 12, 7
        assert told(session, issue) == {"N07": Severity.WARNING}
        schedule.min_articles, schedule.section_cap, schedule.author_cap = 3, 1, 1
        for _, article in issues.list_stories(session, issue.id)[:2]:
            article.section = "Sport"
        session.flush()
        (found,) = editorial.look(session, issue).findings
        assert "Sport" in found.words


def test_an_audience_that_is_unlike_the_last_is_said(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk, first = a_sound_issue(session, now)
        first.state, first.sealed_at, first.recipient_count = IssueState.FINISHED, now, 30
        for number in range(25):
            a_reader(session, desk.edition, f"reader{number}@example.org", now)
        news(session, desk, now + DAY, end=".")
        second = compose_slot(session, desk, now + DAY, NEXT_SLOT)
        assert "N12" not in told(session, second)  # 25 of 30
        first.recipient_count = 40
        assert told(session, second)["N12"] is Severity.WARNING


def test_the_checks_of_a_long_issue_need_a_bounded_number_of_queries(database: Database, now: datetime) -> None:
    from sqlalchemy import event

    counts = []
    with database.write() as session:
        desk = a_desk(session, now, terms=Terms(max_articles=30, section_cap=30))
        for many in (4, 30):
            for number in range(many):
                title = f"{number} {'x' * number} of {many}"
                an_article(session, desk.feed, title, now - timedelta(minutes=number), story=f"{many}-{number}")
            made = compose.one_off(session, desk.edition, now=now)
            assert isinstance(made, Issue)
            asked: list[str] = []

            def count(*said: object, asked: list[str] = asked) -> None:
                asked.append(str(said[2]))

            event.listen(session.get_bind(), "before_cursor_execute", count)
            editorial.look(session, made)
            event.remove(session.get_bind(), "before_cursor_execute", count)
            counts.append(len(asked))
    assert counts[0] == counts[1] < 15
