"""Curating: what an editor does, what is refused, and the trail that is left."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ground.database import Database
from newsletters import compose, curate, issues, launch
from newsletters.act import Done, Refused
from newsletters.issues import NEXT, Issue, IssueState, Item
from newsletters.schedules import Schedule
from staff.members import AuditEntry
from tests.newsletters.builders import a_desk, morning_news
from tests.newsletters.test_compose import SLOT, titles

EDITOR = "editor@example.org"


def a_draft(session: Session, now: datetime, count: int = 3) -> Issue:
    desk = a_desk(session, now)
    morning_news(session, desk, now, count=count)
    issue = compose.compose(session, session.get_one(Schedule, desk.schedule), SLOT, now=now)
    assert isinstance(issue, Issue)
    return issue


def items(session: Session, issue: Issue) -> list[Item]:
    return issues.list_items(session, issue.id)


def test_a_story_is_moved_to_the_top(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        assert titles(session, issue) == ["Story 2", "Story 1", "Story 3"]
        third = items(session, issue)[2]
        assert curate.move(session, third.id, position=1, seen=1, by=EDITOR, now=now) == Done(2)
        assert titles(session, issue) == ["Story 3", "Story 2", "Story 1"]
        assert [item.position for item in items(session, issue)] == [1, 2, 3]


def test_a_dropped_story_waits_to_be_restored(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        lead = items(session, issue)[0]
        curate.drop(session, lead.id, by=EDITOR, now=now)
        assert titles(session, issue) == ["Story 1", "Story 3"]
        assert issues.list_dropped(session, issue.id) == [lead]
        assert isinstance(curate.move(session, lead.id, position=1, seen=1, by=EDITOR, now=now), Refused)
        curate.restore(session, lead.id, by=EDITOR, now=now)
        assert titles(session, issue) == ["Story 1", "Story 3", "Story 2"]


def test_the_last_story_cannot_be_dropped(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        first, second, third = items(session, issue)
        curate.drop(session, first.id, by=EDITOR, now=now)
        curate.drop(session, second.id, by=EDITOR, now=now)
        refused = curate.drop(session, third.id, by=EDITOR, now=now)
        assert refused == Refused("This is the last story of the issue. Cancel the issue instead.")


def test_an_editors_headline_stands_until_it_is_given_back(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        lead = items(session, issue)[0]
        curate.rewrite(session, lead.id, title="Dam\r\n opens", summary="", seen=issue.revision, by=EDITOR, now=now)
        assert (lead.title, lead.summary) == ("Dam opens", "")
        curate.rewrite(session, lead.id, title=None, summary=None, seen=issue.revision, by=EDITOR, now=now)
        assert (lead.title, lead.summary) == (None, None)
        assert isinstance(
            curate.rewrite(session, lead.id, title=" ", summary=None, seen=issue.revision, by=EDITOR, now=now), Refused
        )


def test_a_subject_holds_no_second_header(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        curate.set_subject(
            session,
            issue.id,
            subject="Good morning\r\nBcc: all@example.org",
            preheader="\u202eabc",
            seen=1,
            by=EDITOR,
            now=now,
        )
        assert (issue.subject, issue.preheader) == ("Good morning Bcc: all@example.org", "abc")


def test_an_edit_after_approval_asks_again(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        assert isinstance(launch.approve(session, issue.id, by=EDITOR, now=now), Done)
        assert (issue.state, issue.approved_by, issue.approved_at) == (IssueState.APPROVED, EDITOR, now)
        curate.pin(session, items(session, issue)[0].id, is_pinned=True, by=EDITOR, now=now)
        assert (issue.state, issue.approved_by, issue.approved_hash) == (IssueState.DRAFT, None, None)


def test_every_act_is_in_the_audit_trail(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        curate.drop(session, items(session, issue)[1].id, by=EDITOR, now=now)
        launch.approve(session, issue.id, by=EDITOR, now=now)
        launch.cancel(session, issue.id, reason="wrong day", by=EDITOR, now=now)
        trail = session.execute(select(AuditEntry.act, AuditEntry.subject, AuditEntry.actor)).all()
        assert [tuple(row) for row in trail] == [
            ("issue.drop", f"issue:{issue.id}", EDITOR),
            ("issue.approve", f"issue:{issue.id}", EDITOR),
            ("issue.cancel", f"issue:{issue.id}", EDITOR),
        ]
        assert (issue.state, issue.reason) == (IssueState.CANCELLED, "wrong day")


@pytest.mark.parametrize(
    "state", [state for state in IssueState if state not in {IssueState.DRAFT, IssueState.APPROVED}]
)
def test_what_is_on_its_way_or_over_is_not_edited(database: Database, now: datetime, state: IssueState) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        issue.state = state
        session.flush()
        assert isinstance(curate.drop(session, items(session, issue)[0].id, by=EDITOR, now=now), Refused)
        assert isinstance(launch.approve(session, issue.id, by=EDITOR, now=now), Refused)
        assert issue.revision == 1
        assert session.scalars(select(AuditEntry)).all() == []


def test_the_table_of_states_is_total_and_ends() -> None:
    assert set(NEXT) == set(IssueState)
    ends = {state for state in IssueState if not NEXT[state]}
    assert ends == {IssueState.FINISHED, IssueState.SKIPPED, IssueState.CANCELLED}
