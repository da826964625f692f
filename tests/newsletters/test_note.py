"""The editor's note: written at the desk, under a name, before the first story."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from articles.articles import Author
from ground.database import Database
from newsletters import approve, compose, digest, note, undo
from newsletters.act import Done, Refused, Stale
from newsletters.issues import Issue, IssueKind, IssueState
from staff.members import AuditEntry
from tests.newsletters.builders import BASE_URL, a_desk, an_article

ROZA, KARO = "roza@example.org", "karo@example.org"


def a_draft(session: Session, now: datetime) -> Issue:
    desk = a_desk(session, now)
    an_article(session, desk.feed, "One", now, authors=["Hanar Dolan"])
    issue = compose.one_off(session, desk.edition, now=now)
    assert isinstance(issue, Issue)
    return issue


def write(
    session: Session,
    issue: Issue,
    words: str,
    *,
    now: datetime,
    by: str = ROZA,
    name: str = "",
    seen: int | None = None,
) -> Done | Refused | Stale:
    known = issue.revision if seen is None else seen
    return note.write(session, issue.id, words=words, name=name, seen=known, by=by, now=now)


def state(issue: Issue) -> IssueState:
    return issue.state


def told(session: Session, issue: Issue) -> object:
    return digest.job(session, issue, base_url=BASE_URL).context["issue"]["note"]


def test_a_note_reaches_the_letter_with_its_name_and_face(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        assert told(session, issue) is None
        session.scalars(select(Author)).one().avatar_url = "https://example.org/hanar.png"
        done = write(session, issue, " Good \n morning.\r\n\r\n\n Tea at six. ", name=" Hanar  Dolan ", now=now)
        assert isinstance(done, Done)
        assert told(session, issue) == {
            "paragraphs": ["Good morning.", "Tea at six."],
            "name": "Hanar Dolan",
            "face": "https://example.org/hanar.png",
        }
        line = session.scalars(select(AuditEntry).where(AuditEntry.act == "issue.note")).one()
        assert (line.actor, line.subject) == (ROZA, f"issue:{issue.id}")


def test_approval_was_given_to_what_stood_there(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        before = digest.content_hash(session, issue)
        approve.approve(session, issue, by=KARO, now=now)
        assert state(issue) is IssueState.APPROVED
        write(session, issue, "Good morning.", now=now)
        assert state(issue) is IssueState.DRAFT
        assert digest.content_hash(session, issue) != before
        write(session, issue, "", name="Nobody", now=now)
        assert digest.content_hash(session, issue) == before
        assert issue.note_by is None


def test_an_editor_takes_back_their_note_and_nobody_overwrites_anothers(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        seen = issue.revision
        write(session, issue, "Good morning.", now=now)
        assert isinstance(write(session, issue, "Good evening.", by=KARO, seen=seen, now=now), Stale)
        assert issue.note == "Good morning."
        assert isinstance(undo.undo(session, issue.id, by=ROZA, now=now), Done)
        assert issue.note is None


@pytest.mark.parametrize(
    ("words", "name", "why"),
    [("x" * 1_201, "", "The note has 1,201 characters"), ("Hello.", "y" * 121, "The name has 121 characters")],
)
def test_what_is_too_long_is_refused(database: Database, now: datetime, words: str, name: str, why: str) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        refused = write(session, issue, words, name=name, now=now)
        assert isinstance(refused, Refused)
        assert refused.reason.startswith(why)


def test_an_alert_has_no_note(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        issue.kind = IssueKind.ALERT
        assert isinstance(write(session, issue, "Hello.", now=now), Refused)
