"""What an editor does to schedules: added, changed without overwriting each other, stopped, started, removed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ground.database import Database
from newsletters import compose, plan, schedules
from newsletters.act import Refused
from newsletters.plan import Overtaken, Planned, Removed, Unfit
from newsletters.schedule import Schedule as Rule
from newsletters.schedule import parse
from newsletters.schedules import Schedule, Slot, Terms
from staff.members import AuditEntry
from tests.newsletters.builders import Desk, a_desk, a_reader, morning_news

ROZA, KARO = "roza@example.org", "karo@example.org"


@pytest.fixture
def desk(database: Database, now: datetime) -> Desk:
    with database.write() as session:
        return a_desk(session, now)


def rule(text: str) -> Rule:
    found = parse(text)
    assert isinstance(found, Rule), found
    return found


EVENING = rule("daily at 18:00 Erbil time")
MORNING = rule("Sunday to Thursday at 07:00 Asia/Baghdad")


def acts(session: Session) -> list[tuple[str, str]]:
    return [(each.act, each.actor) for each in session.scalars(select(AuditEntry).order_by(AuditEntry.id))]


def test_a_schedule_is_added_with_its_line_in_the_audit_trail(database: Database, desk: Desk, now: datetime) -> None:
    with database.write() as session:
        planned = plan.add(session, desk.edition, EVENING, Terms(name=" evening "), by=ROZA, now=now)
        assert isinstance(planned, Planned)
        assert (planned.schedule.rule, planned.schedule.name) == ("daily 18:00 Asia/Baghdad", "evening")
        line = session.scalars(select(AuditEntry)).one()
        assert (line.act, line.subject, line.actor) == ("schedule.add", f"schedule:{planned.schedule.id}", ROZA)
        assert line.detail["rule"] == "daily 18:00 Asia/Baghdad"
        assert line.detail["lead"] == "PT1800S"


def test_everything_that_is_wrong_is_told_at_once(database: Database, desk: Desk, now: datetime) -> None:
    wanted = Terms(name="daily", min_articles=5, max_articles=4, lead=timedelta(days=2), late_limit=timedelta(0))
    with database.write() as session:
        unfit = plan.add(session, desk.edition, EVENING, wanted, by=ROZA, now=now)
        assert isinstance(unfit, Unfit)
        assert [each.about for each in unfit.problems] == ["most", "lead", "late", "name"]
        assert acts(session) == []
        assert len(schedules.list_schedules(session)) == 1


def test_a_schedule_of_an_edition_that_is_gone_is_refused(database: Database, desk: Desk, now: datetime) -> None:
    del desk
    with database.write() as session:
        unfit = plan.add(session, 99, EVENING, Terms(name="evening"), by=ROZA, now=now)
        assert isinstance(unfit, Unfit)
        assert unfit.problems[0].about == "edition"


def test_a_change_keeps_the_name_and_says_what_changed(database: Database, desk: Desk, now: datetime) -> None:
    with database.write() as session:
        schedule = session.get_one(Schedule, desk.schedule)
        terms = replace(schedules.terms_of(schedule), min_articles=4)
        planned = plan.change(session, desk.schedule, EVENING, terms, seen=schedule.changed_at, by=ROZA, now=now)
        assert isinstance(planned, Planned)
        assert (schedule.rule, schedule.min_articles) == ("daily 18:00 Asia/Baghdad", 4)
        line = session.scalars(select(AuditEntry)).one()
        assert (line.act, line.detail) == (
            "schedule.change",
            {"rule": "daily 18:00 Asia/Baghdad", "min_articles": 4},
        )


def test_saving_without_a_change_leaves_no_trace(database: Database, desk: Desk, now: datetime) -> None:
    with database.write() as session:
        schedule = session.get_one(Schedule, desk.schedule)
        seen, began = schedule.changed_at, schedule.starts_at
        plan.change(session, desk.schedule, MORNING, schedules.terms_of(schedule), seen=seen, by=ROZA, now=now)
        assert (schedule.changed_at, schedule.starts_at, acts(session)) == (seen, began, [])


def test_other_terms_do_not_drop_a_slot_that_is_still_to_be_found(
    database: Database, desk: Desk, now: datetime
) -> None:
    with database.write() as session:
        schedule = session.get_one(Schedule, desk.schedule)
        terms = replace(schedules.terms_of(schedule), min_articles=1)
        plan.change(session, desk.schedule, MORNING, terms, seen=schedule.changed_at, by=ROZA, now=now)
        assert len(schedules.untaken(session, schedule, since=now - timedelta(hours=1), until=now)) == 1


def test_the_second_of_two_editors_is_told_and_overwrites_nothing(
    database: Database, desk: Desk, now: datetime
) -> None:
    with database.write() as session:
        schedule = session.get_one(Schedule, desk.schedule)
        seen, terms = schedule.changed_at, schedules.terms_of(schedule)
        plan.change(session, desk.schedule, EVENING, terms, seen=seen, by=ROZA, now=now)
        # Within the same instant, as a coarse clock has it.
        second = plan.change(session, desk.schedule, rule("fri 10:00 UTC"), terms, seen=seen, by=KARO, now=now)
        assert isinstance(second, Overtaken)
        assert second.schedule is not None
        assert (second.by, second.schedule.rule) == (ROZA, "daily 18:00 Asia/Baghdad")
        assert acts(session) == [("schedule.change", ROZA)]
        aware = plan.change(
            session, desk.schedule, rule("fri 10:00 UTC"), terms, seen=schedule.changed_at, by=KARO, now=now
        )
        assert isinstance(aware, Planned)
        assert schedule.rule == "fri 10:00 UTC"


def test_two_changes_in_one_instant_are_two_versions(database: Database, desk: Desk, now: datetime) -> None:
    with database.write() as session:
        schedule = session.get_one(Schedule, desk.schedule)
        versions = []
        for at in (now, now, now):
            plan.stop(session, desk.schedule, by=ROZA, now=at)
            plan.start(session, desk.schedule, by=ROZA, now=at)
            versions.append(schedule.changed_at)
        assert versions == sorted(set(versions))


def test_a_stopped_schedule_makes_nothing_and_starts_again_from_now(
    database: Database, desk: Desk, now: datetime
) -> None:
    with database.write() as session:
        assert isinstance(plan.stop(session, desk.schedule, by=ROZA, now=now - timedelta(hours=1)), Planned)
        assert schedules.list_enabled(session) == []
        later = now + timedelta(hours=1)
        planned = plan.start(session, desk.schedule, by=ROZA, now=later)
        assert isinstance(planned, Planned)
        assert schedules.untaken(session, planned.schedule, since=now - timedelta(days=1), until=later) == []
        plan.start(session, desk.schedule, by=ROZA, now=later)  # twice is harmless
        assert acts(session) == [("schedule.stop", ROZA), ("schedule.start", ROZA)]


def test_a_schedule_that_never_made_an_issue_is_removed_with_its_slots(
    database: Database, desk: Desk, now: datetime
) -> None:
    with database.write() as session:
        compose.compose_due(session, session.get_one(Schedule, desk.schedule), now=now)  # nothing to send
        assert session.scalars(select(Slot)).all()
    with database.write() as session:
        assert plan.remove(session, desk.schedule, by=ROZA, now=now) == Removed("daily")
        assert acts(session) == [("schedule.remove", ROZA)]
    with database.read() as session:
        assert session.get(Schedule, desk.schedule) is None
        assert session.scalars(select(Slot)).all() == []


def test_a_schedule_with_issues_or_readers_stays_and_it_is_said_why(
    database: Database, desk: Desk, now: datetime
) -> None:
    with database.write() as session:
        a_reader(session, desk.edition, "r@example.org", now, schedule_id=desk.schedule)
        refused = plan.remove(session, desk.schedule, by=ROZA, now=now)
        assert refused == Refused("Readers have chosen “daily”. Stop it instead: it then makes no more issues.")
        morning_news(session, desk, now)
        compose.compose_due(session, session.get_one(Schedule, desk.schedule), now=now)
        refused = plan.remove(session, desk.schedule, by=ROZA, now=now)
        assert isinstance(refused, Refused)
        assert "has made 1 issue, which the archive keeps" in refused.reason
        assert acts(session) == []


def test_a_schedule_that_is_gone_is_refused_in_words(database: Database, now: datetime) -> None:
    with database.write() as session:
        outcomes = [
            plan.stop(session, 7, by=ROZA, now=now),
            plan.start(session, 7, by=ROZA, now=now),
            plan.remove(session, 7, by=ROZA, now=now),
            plan.change(session, 7, EVENING, Terms(), seen=None, by=ROZA, now=now),
        ]
    assert outcomes == [Refused("There is no schedule 7. It may have been removed.")] * 4


def test_what_lies_ahead_counts_todays_issue_that_was_made(database: Database, desk: Desk, now: datetime) -> None:
    with database.write() as session:
        morning_news(session, desk, now)
        compose.compose_due(session, session.get_one(Schedule, desk.schedule), now=now)
        half_past = now + timedelta(minutes=30)
        moved = rule("daily 08:00 Asia/Baghdad")
        told = plan.look_ahead(session, moved, schedule_id=desk.schedule, now=half_past)
        assert told.slots[0].due_at == datetime(2026, 3, 10, 5, 0, tzinfo=UTC)
        fresh = plan.look_ahead(session, moved, schedule_id=None, now=half_past)
        assert fresh.slots[0].due_at == datetime(2026, 3, 9, 5, 0, tzinfo=UTC)


def test_tomorrows_issue_whose_draft_is_made_counts_as_tomorrows(database: Database, desk: Desk, now: datetime) -> None:
    """A draft for ten past midnight is made the evening before: a new time brings no second issue that day."""
    with database.write() as session:
        schedule = session.get_one(Schedule, desk.schedule)
        terms = schedules.terms_of(schedule)
        night = rule("daily 00:10 Asia/Baghdad")
        plan.change(session, desk.schedule, night, terms, seen=None, by=ROZA, now=now)
        morning_news(session, desk, now)
        evening = datetime(2026, 3, 9, 20, 45, tzinfo=UTC)  # 23:45 in Baghdad
        compose.compose_due(session, schedule, now=evening)
        told = plan.look_ahead(session, MORNING, schedule_id=desk.schedule, now=evening)
        assert told.slots[0].due_at == datetime(2026, 3, 11, 4, 0, tzinfo=UTC)
