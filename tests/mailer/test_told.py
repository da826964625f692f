"""A cause is told once, after its patience, and then not before its quiet time is over."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select

from ground.database import Database
from mailer import told
from mailer.told import Manner, Told

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LASTING = Manner(patience=5 * MINUTE, quiet=6 * HOUR)


def tell(database: Database, manner: Manner, *, now: datetime, cause: str = "disk") -> bool:
    with database.read() as session:
        if told.silenced(session, [cause], manner, now=now):
            return False
    with database.write() as session:
        return told.see(session, cause, manner, now=now) and told.claim(session, cause, manner, now=now)


def test_what_lasts_is_told_once_in_its_quiet_time_and_again_after_it(database: Database, now: datetime) -> None:
    told_at = [minute for minute in range(0, 8 * 60, 2) if tell(database, LASTING, now=now + minute * MINUTE)]
    # Six hours later nobody knows any more since when it stands: its patience begins anew.
    assert told_at == [6, 372]


def test_what_passes_by_itself_is_told_to_nobody(database: Database, now: datetime) -> None:
    assert not tell(database, LASTING, now=now)
    assert not tell(database, LASTING, now=now + HOUR)
    assert not tell(database, LASTING, now=now + HOUR + 4 * MINUTE)
    assert tell(database, LASTING, now=now + HOUR + 5 * MINUTE)


def test_a_cause_that_flickers_is_told_once(database: Database, now: datetime) -> None:
    at_once = Manner(quiet=6 * HOUR)
    assert [tell(database, at_once, now=now + minute * MINUTE) for minute in (0, 30, 200, 359)] == [True] + 3 * [False]
    assert tell(database, at_once, now=now + 361 * MINUTE)


def test_what_is_told_for_ever_is_never_told_again(database: Database, now: datetime) -> None:
    assert tell(database, Manner(), now=now)
    assert not tell(database, Manner(), now=now + timedelta(days=10))


def test_of_two_processes_one_tells_it(database: Database, now: datetime) -> None:
    with database.write() as session:
        assert told.see(session, "disk", Manner(), now=now)
    claims = []
    for _ in range(2):
        with database.write() as session:
            claims.append(told.claim(session, "disk", Manner(), now=now))
    assert claims == [True, False]


def test_what_was_over_long_ago_is_forgotten(database: Database, now: datetime) -> None:
    tell(database, Manner(), now=now)
    tell(database, Manner(), now=now + timedelta(days=15), cause="other")
    with database.write() as session:
        told.forget(session, now=now + timedelta(days=15))
        assert session.scalars(select(Told.cause)).all() == ["other"]
        told.forget(session, now=now + timedelta(days=30))
        assert session.scalar(select(func.count()).select_from(Told)) == 0
