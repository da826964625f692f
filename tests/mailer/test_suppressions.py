"""Suppressions: one stands at a time, and one that has ended stands in nobody's way."""

from __future__ import annotations

from datetime import datetime, timedelta

from ground.database import Database
from mailer import suppressions
from mailer.suppressions import Cause, Dead

DAY = timedelta(days=1)


def test_one_that_has_ended_makes_way_for_a_new_one(database: Database, now: datetime) -> None:
    with database.write() as session:
        suppressions.suppress(session, "r@example.org", Cause.MANUAL, now=now, until=now + DAY, note="on leave")
    later = now + 2 * DAY
    with database.write() as session:
        assert suppressions.standing(session, "r@example.org", now=later) is None
        suppressions.suppress(session, "r@example.org", Cause.COMPLAINT, now=later)
    with database.read() as session:
        standing = suppressions.standing(session, "r@example.org", now=later)
        past = suppressions.history(session, "r@example.org")
    assert standing is not None
    assert (standing.cause, standing.until) == (Cause.COMPLAINT, None)
    assert [(each.cause, each.lifted_at, each.lifted_by) for each in past] == [
        (Cause.COMPLAINT, None, None),
        (Cause.MANUAL, now + DAY, "its end"),
    ]


def test_a_dead_mailbox_is_suppressed_though_an_old_suppression_had_ended(database: Database, now: datetime) -> None:
    with database.write() as session:
        suppressions.suppress(session, "r@example.org", Cause.MANUAL, now=now - 2 * DAY, until=now - DAY)
        suppressions.suppress_dead(session, [Dead("r@example.org", "550 5.1.1", None)], now=now)
        standing = suppressions.standing(session, "r@example.org", now=now)
    assert standing is not None
    assert (standing.cause, standing.until) == (Cause.HARD_BOUNCE, None)


def test_what_lasts_takes_the_place_of_what_ends_and_not_the_other_way_round(database: Database, now: datetime) -> None:
    with database.write() as session:
        suppressions.suppress(session, "r@example.org", Cause.MANUAL, now=now, until=now + DAY)
        suppressions.suppress(session, "r@example.org", Cause.COMPLAINT, now=now)
        suppressions.suppress(session, "r@example.org", Cause.MANUAL, now=now, until=now + DAY)
        found = suppressions.history(session, "r@example.org")
    assert [(each.cause, each.lifted_by) for each in found] == [
        (Cause.COMPLAINT, None),
        (Cause.MANUAL, "a longer one"),
    ]


def test_what_has_ended_is_not_listed_and_cannot_be_lifted(database: Database, now: datetime) -> None:
    with database.write() as session:
        suppressions.suppress(session, "r@example.org", Cause.MANUAL, now=now, until=now + DAY)
        suppressions.suppress(session, "s@example.org", Cause.COMPLAINT, now=now)
    later = now + 2 * DAY
    with database.write() as session:
        assert [each.address_key for each in suppressions.list_standing(session, now=later)] == ["s@example.org"]
        assert suppressions.lift(session, "r@example.org", by="ops", now=later) is False
        assert suppressions.lift(session, "s@example.org", by="ops", now=later) is True
        assert suppressions.list_standing(session, now=later) == []


def test_pages_go_from_the_newest_to_the_oldest_of_a_cause(database: Database, now: datetime) -> None:
    with database.write() as session:
        for number in range(5):
            suppressions.suppress(session, f"r{number}@example.org", Cause.COMPLAINT, now=now)
        suppressions.suppress(session, "dead@example.org", Cause.HARD_BOUNCE, now=now)
        first = suppressions.page_standing(session, now=now, cause=Cause.COMPLAINT, limit=3)
        rest = suppressions.page_standing(session, now=now, cause=Cause.COMPLAINT, before=first[-1].id, limit=3)
        assert [each.address_key[:2] for each in [*first, *rest]] == ["r4", "r3", "r2", "r1", "r0"]
        assert len(suppressions.page_standing(session, now=now)) == 6
        counted = suppressions.count_standing(session)
    assert counted == dict.fromkeys(Cause, 0) | {Cause.COMPLAINT: 5, Cause.HARD_BOUNCE: 1}
