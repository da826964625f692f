"""Holidays and weekends: a newsletter's own calendar."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select

from ground.database import Database
from newsletters import agenda, compose, observe, plan, schedule, schedules
from newsletters.act import Refused
from newsletters.holidays import Holiday, HolidayProblem
from newsletters.issues import Issue
from newsletters.newsletters import Edition, Newsletter
from newsletters.schedule import ScheduleProblem
from newsletters.schedules import Schedule, Slot, Terms
from staff.members import AuditEntry
from tests.newsletters.builders import a_desk, an_article, morning_news
from tests.newsletters.test_compose import NEXT_SLOT, SLOT

NEWROZ = "Newroz"


def rest(database: Database, now: datetime, first: date, last: date, *, name: str = NEWROZ) -> Holiday | HolidayProblem:
    with database.write() as session:
        newsletter = session.scalars(select(Newsletter.id)).one()
        return observe.rest(session, newsletter, name, first, last, by="shilan", now=now)


def test_a_slot_on_a_holiday_makes_no_issue_and_says_which(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        morning_news(session, desk, now)
    rest(database, now, date(2026, 3, 8), date(2026, 3, 9))
    with database.write() as session:
        row = session.get_one(Schedule, desk.schedule)
        slot = compose.compose(session, row, SLOT, now=now)
        assert isinstance(slot, Slot)
        assert slot.skipped == "No issue: Newroz."
        an_article(session, desk.feed, "Of the evening", now + timedelta(hours=12))
        an_article(session, desk.feed, "Of the night", now + timedelta(hours=18))
        an_article(session, desk.feed, "Of the dawn", now + timedelta(hours=22))
        issue = compose.compose(session, row, NEXT_SLOT, now=now + timedelta(days=1))
        assert isinstance(issue, Issue)


def test_dates_to_come_tell_of_holidays(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now, rule="daily at 07:00 Asia/Baghdad")
    rest(database, now, date(2026, 3, 11), date(2026, 3, 12))
    with database.read() as session:
        rule = schedules.rule_of(session.get_one(Schedule, desk.schedule))
        ahead = plan.look_ahead(session, rule, schedule_id=desk.schedule, now=now)
        assert ahead.rests == {date(2026, 3, 11): NEWROZ, date(2026, 3, 12): NEWROZ}
        new = plan.look_ahead(session, rule, schedule_id=None, now=now, edition_id=desk.edition)
        assert new.rests == ahead.rests
        entries = agenda.agenda(session, since=now, until=now + timedelta(days=3, hours=1), now=now)
    assert [(entry.at.day, entry.skipped) for entry in entries] == [
        (10, None),
        (11, "No issue: Newroz."),
        (12, "No issue: Newroz."),
    ]


def test_a_holiday_that_is_taken_away_is_a_working_day_again(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        morning_news(session, desk, now)
    added = rest(database, now, date(2026, 3, 9), date(2026, 3, 9))
    assert isinstance(added, Holiday)
    assert rest(database, now, date(2026, 3, 9), date(2026, 3, 9)).id == added.id  # type: ignore[union-attr]
    with database.write() as session:
        assert observe.work(session, added.id, by="shilan", now=now) == observe.Removed(NEWROZ)
        assert isinstance(observe.work(session, added.id, by="shilan", now=now), Refused)
        acts = session.scalars(select(AuditEntry.act).where(AuditEntry.act.startswith("holiday"))).all()
        assert acts == ["holiday.add", "holiday.remove"]
        issue = compose.compose(session, session.get_one(Schedule, desk.schedule), SLOT, now=now)
        assert isinstance(issue, Issue)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("", date(2026, 3, 20), date(2026, 3, 21)),
        ("x" * 61, date(2026, 3, 20), date(2026, 3, 21)),
        (NEWROZ, date(2026, 3, 21), date(2026, 3, 20)),
        (NEWROZ, date(2026, 3, 21), date(2026, 6, 20)),
    ],
)
def test_what_is_no_holiday_is_refused_in_words(
    database: Database, now: datetime, name: str, first: date, last: date
) -> None:
    with database.write() as session:
        a_desk(session, now)
    assert isinstance(rest(database, now, first, last, name=name), HolidayProblem)


def test_weekdays_are_those_of_the_newsletter(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        newsletter = session.get_one(Edition, desk.edition).newsletter_id

        def weekdays(name: str) -> str:
            added = schedules.add(
                session, desk.edition, "weekdays at 09:00 Asia/Baghdad", now=now, terms=Terms(name=name)
            )
            assert isinstance(added, Schedule), added
            return added.rule.split()[0]

        assert weekdays("iraq") == "sun-thu"
        observe.keep_weekend(session, newsletter, "Saturday and Sunday", by="shilan", now=now)
        assert weekdays("europe") == "mon-fri"
        observe.keep_weekend(session, newsletter, "none", by="shilan", now=now)
        assert weekdays("always") == "daily"
        assert isinstance(observe.keep_weekend(session, newsletter, "daily", by="shilan", now=now), ScheduleProblem)
        assert isinstance(observe.keep_weekend(session, newsletter, "Sometimes", by="shilan", now=now), ScheduleProblem)
        assert session.get_one(Newsletter, newsletter).weekend == "none"


def test_a_weekend_is_read_back_as_it_is_stored() -> None:
    for text in ("fri,sat", "sat,sun", "fri", "none"):
        days = schedule.read_weekend(text)
        assert isinstance(days, frozenset)
        assert schedule.weekend_text(days) == schedule.weekend_text(schedule.read_weekend(schedule.weekend_text(days)))  # type: ignore[arg-type]
