"""The agenda: what goes out next, what became of today's, and where a person is needed."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from ground.database import Database
from newsletters import agenda, compose, launch, schedules
from newsletters.agenda import Entry
from newsletters.flight import Course
from newsletters.issues import Issue, IssueState
from newsletters.schedules import Autonomy, Schedule, Terms
from tests.newsletters.builders import Desk, a_desk, morning_news
from tests.newsletters.test_compose import SLOT


@pytest.fixture
def early(now: datetime) -> datetime:
    """06:15 in Erbil; the slot is at 07:00, its draft was ready at 06:30."""
    return now - timedelta(minutes=45)


def entries(session: Session, now: datetime, days: int = 3) -> list[Entry]:
    midnight = datetime(2026, 3, 8, 21, 0, tzinfo=now.tzinfo)
    return agenda.agenda(session, since=midnight, until=midnight + timedelta(days=days), now=now)


def composed(session: Session, desk: Desk, now: datetime) -> Issue:
    morning_news(session, desk, now)
    issue = compose.compose(session, session.get_one(Schedule, desk.schedule), SLOT, now=now)
    assert isinstance(issue, Issue)
    return issue


def test_slots_without_an_issue_say_when_their_draft_is_ready(database: Database, early: datetime) -> None:
    with database.write() as session:
        a_desk(session, early)
        found = entries(session, early)
    assert [(entry.at, entry.draft_at, entry.issue) for entry in found] == [
        (SLOT.due_at + timedelta(days=day), SLOT.due_at + timedelta(days=day, minutes=-30), None) for day in range(3)
    ]


def test_a_slot_with_its_issue_stands_once(database: Database, early: datetime) -> None:
    with database.write() as session:
        issue = composed(session, a_desk(session, early), early)
        first, second, _ = entries(session, early)
    assert (first.issue, first.stories, first.course, first.needs) == (issue, 5, Course.GOES, None)
    assert second.issue is None


def test_a_skipped_slot_says_why(database: Database, early: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, early)
        compose.compose(session, session.get_one(Schedule, desk.schedule), SLOT, now=early)
        first = entries(session, early)[0]
    assert first.skipped == "Not sent: there was no new article."


@pytest.mark.parametrize(("hours", "needs"), [(1, ""), (5, None)])
def test_a_draft_that_waits_needs_a_person_when_its_time_is_near(
    database: Database, now: datetime, hours: int, needs: str | None
) -> None:
    earlier = now - timedelta(hours=hours)
    with database.write() as session:
        composed(session, a_desk(session, earlier, terms=Terms(autonomy=Autonomy.APPROVED)), earlier)
        assert entries(session, earlier)[0].needs == needs


def test_what_was_taken_back_or_paused_needs_a_person_and_an_approved_one_does_not(
    database: Database, early: datetime
) -> None:
    with database.write() as session:
        issue = composed(session, a_desk(session, early), early)
        launch.take_back(session, issue.id, by="editor@example.org", now=early)
        assert entries(session, early)[0].needs == "Taken back by editor@example.org: waits for a person."
        launch.approve(session, issue.id, by="editor@example.org", now=early)
        assert entries(session, early)[0].needs is None
        issue.state, issue.reason = IssueState.PAUSED, "A doubt"
        assert entries(session, early)[0].needs == "A doubt"


def test_what_is_still_under_way_since_yesterday_is_there_and_what_is_over_is_not(
    database: Database, early: datetime
) -> None:
    with database.write() as session:
        issue = composed(session, a_desk(session, early), early)
        issue.scheduled_for = early - timedelta(days=1)
        issue.state = IssueState.SENDING
        assert entries(session, early)[0].issue is issue
        issue.state = IssueState.FINISHED
        assert all(entry.issue is None for entry in entries(session, early))


def test_a_stopped_schedule_plans_nothing(database: Database, early: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, early)
        schedules.set_enabled(session.get_one(Schedule, desk.schedule), enabled=False, now=early)
        assert entries(session, early) == []


def test_the_number_of_queries_does_not_grow_with_the_desk(database: Database, early: datetime) -> None:
    def cost(session: Session) -> int:
        seen: list[str] = []
        connection = session.connection()

        @event.listens_for(connection, "before_cursor_execute")
        def _note(_c: object, _cursor: object, statement: str, *_: object) -> None:
            seen.append(statement)

        entries(session, early, days=9)
        event.remove(connection, "before_cursor_execute", _note)
        return len(seen)

    with database.write() as session:
        desk = a_desk(session, early)
        composed(session, desk, early)
        session.flush()
        few = cost(session)
        for number in range(5):
            added = schedules.add(
                session, desk.edition, f"daily {10 + number}:00 UTC", now=early, terms=Terms(name=f"No. {number}")
            )
            assert isinstance(added, Schedule)
        session.flush()
        assert cost(session) == few == 6
