"""The correction box: what was put right of stories that readers have had, in the issue that follows, once."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from articles.articles import Article, ArticleStatus
from ground.database import Database
from newsletters import approve, compose, digest, errata, issues, leave_out, undo
from newsletters.act import Done, Refused
from newsletters.corrections import Correction
from newsletters.errata import Erratum
from newsletters.issues import Issue, IssueEvent, IssueState
from tests.newsletters.builders import BASE_URL, Desk, a_desk, an_article

ROZA = "roza@example.org"
WRONG = "The bridge is 40 metres long, not 400."


def sent(session: Session, desk: Desk, title: str, now: datetime) -> Issue:
    """An issue with one story, as it went."""
    an_article(session, desk.feed, title, now)
    issue = compose.one_off(session, desk.edition, now=now)
    assert isinstance(issue, Issue), issue
    issue.state, issue.sealed_at = IssueState.FINISHED, now
    for item in issues.list_items(session, issue.id):
        item.number, item.title = item.position, f"{title}, they read"
    session.flush()
    return issue


def correct(session: Session, title: str, now: datetime, words: str = WRONG) -> None:
    session.scalars(select(Article).where(Article.title == title)).one().correct(words, now=now)


def following(session: Session, desk: Desk, now: datetime) -> Issue:
    an_article(session, desk.feed, f"News of {now:%d %H:%M}", now)
    issue = compose.one_off(session, desk.edition, now=now)
    assert isinstance(issue, Issue), issue
    return issue


def box(session: Session, issue: Issue) -> list[str]:
    told = digest.job(session, issue, base_url=BASE_URL).context["besides"].get("errata", [])
    return [each["words"] for each in told]


def test_the_next_issue_tells_it_once(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        sent(session, desk, "Bridge", now - timedelta(days=1))
        correct(session, "Bridge", now - timedelta(hours=2))
        following_issue = following(session, desk, now)
        told = digest.job(session, following_issue, base_url=BASE_URL).context["besides"]["errata"]
        assert [(each["title"], each["words"], each["date"]) for each in told] == [
            ("Bridge, they read", WRONG, "2026-03-09")
        ]
        assert box(session, following(session, desk, now + timedelta(hours=1))) == []
        correct(session, "Bridge", now + timedelta(hours=2), "It is 41 metres long.")
        assert box(session, following(session, desk, now + timedelta(hours=3))) == ["It is 41 metres long."]


def test_what_was_put_right_before_it_went_or_never_went_or_was_withdrawn_is_not_told(
    database: Database, now: datetime
) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        for title in ("Old", "Before", "Withdrawn"):
            sent(session, desk, title, now - timedelta(days=20 if title == "Old" else 1))
        an_article(session, desk.feed, "Unsent", now - timedelta(days=3))
        correct(session, "Before", now - timedelta(days=2))
        correct(session, "Old", now - timedelta(days=15))
        for title in ("Withdrawn", "Unsent"):
            correct(session, title, now)
        session.scalars(select(Article).where(Article.title == "Withdrawn")).one().status = ArticleStatus.WITHDRAWN
        assert box(session, following(session, desk, now)) == []


def test_an_issue_that_never_went_told_nobody(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        sent(session, desk, "Bridge", now - timedelta(days=1))
        correct(session, "Bridge", now)
        first = following(session, desk, now)
        assert issues.move(first, IssueEvent.CANCEL, reason="no")
        assert box(session, following(session, desk, now + timedelta(hours=1))) == [WRONG]


def test_what_readers_were_told_by_a_letter_is_left_out_with_that_reason_and_may_be_put_back(
    database: Database, now: datetime
) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        wrong = sent(session, desk, "Bridge", now - timedelta(days=1))
        correct(session, "Bridge", now - timedelta(hours=2))
        by_letter = Correction(
            issue_id=wrong.id,
            subject="Bridge",
            words=WRONG,
            ordered_by=ROZA,
            ordered_at=now,
            goes_at=now,
            sealed_at=now,
        )
        session.add(by_letter)
        session.flush()
        issue = following(session, desk, now)
        (found,) = errata.of_issue(session, issue.id)
        assert found.left_out == errata.TOLD_BY_LETTER
        assert box(session, issue) == []
        assert isinstance(leave_out.put_back(session, issue.id, found.id, by=ROZA, now=now), Done)
        assert box(session, issue) == [WRONG]


def test_an_editor_takes_it_out_which_asks_for_approval_again_and_can_be_undone(
    database: Database, now: datetime
) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        sent(session, desk, "Bridge", now - timedelta(days=1))
        correct(session, "Bridge", now)
        issue = following(session, desk, now)
        approve.approve(session, issue, by=ROZA, now=now)
        (found,) = errata.of_issue(session, issue.id)
        before = digest.content_hash(session, issue)
        assert isinstance(leave_out.leave_out(session, issue.id, found.id, by=ROZA, now=now), Done)
        assert (issue.state, found.left_out) == (IssueState.DRAFT, f"taken out by {ROZA}")
        assert digest.content_hash(session, issue) != before
        assert isinstance(undo.undo(session, issue.id, by=ROZA, now=now), Done)
        assert box(session, issue) == [WRONG]
        assert isinstance(leave_out.leave_out(session, issue.id, found.id + 1, by=ROZA, now=now), Refused)
        # Left out for good: the next one does not bring it up again.
        leave_out.leave_out(session, issue.id, found.id, by=ROZA, now=now)
        assert box(session, following(session, desk, now + timedelta(hours=1))) == []
        assert session.query(Erratum).count() == 1
