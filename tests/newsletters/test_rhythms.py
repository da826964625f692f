"""What a reader's choices mean for who gets which issue."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import select

from ground.database import Database
from newsletters import rhythm as rhythms
from newsletters import schedules
from newsletters.schedules import Schedule, Terms
from subscribers import choose
from subscribers.consents import Evidence
from subscribers.preferences import Follow
from subscribers.subscriptions import Subscription
from tests.newsletters.builders import a_desk, a_reader


@pytest.fixture
def weekly(database: Database, now: datetime) -> int:
    with database.write() as session:
        desk = a_desk(session, now)
        added = schedules.add(session, desk.edition, "fri 09:00 Asia/Baghdad", now=now, terms=Terms(name="weekly"))
        assert isinstance(added, Schedule)
        a_reader(session, desk.edition, "a@example.org", now)
        a_reader(session, desk.edition, "b@example.org", now)
        return added.id


def readers(database: Database, schedule_id: int | None) -> list[int]:
    with database.read() as session:
        rhythm = rhythms.of(session, 1, schedule_id)
        wanted = select(Subscription.subscriber_id).where(rhythm.holds(Subscription.schedule_id))
        return sorted(session.scalars(wanted))


def test_a_reader_who_chose_weekly_belongs_to_the_weekly_issues_only(
    database: Database, weekly: int, now: datetime
) -> None:
    def follow(schedule_id: int | None) -> None:
        with database.write() as session:
            choice = Follow(edition_id=1, schedule_id=schedule_id)
            choose.choose(session, 1, choice, {1: frozenset({weekly})}, Evidence(source="preferences"), now=now)

    assert (readers(database, 1), readers(database, weekly)) == ([1, 2], [])
    follow(weekly)
    assert (readers(database, 1), readers(database, weekly)) == ([2], [1])
    follow(None)
    assert (readers(database, 1), readers(database, weekly)) == ([1, 2], [])


def test_a_rhythm_that_was_stopped_is_not_offered_and_the_own_one_always_is(
    database: Database, weekly: int, now: datetime
) -> None:
    with database.write() as session:
        assert [each.id for each in rhythms.offered(session, [1, 9])[1]] == [1, weekly]
        for schedule in schedules.list_schedules(session):
            schedules.set_enabled(schedule, enabled=False, now=now)
    with database.read() as session:
        assert [each.id for each in rhythms.offered(session, [1])[1]] == [1]
