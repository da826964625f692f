"""Watch: readiness ends when the queue stands still, the rounds stop or the database cannot be written, and says which."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from feedback import heartbeats, watch
from feedback.heartbeats import Beat, Heartbeat
from ground.database import Database
from mailer import holds
from mailer.letters import Lane
from tests.mailer import builders

MINUTE = timedelta(minutes=1)


def _beat(name: str, at: datetime, problem: str | None = None, pace: timedelta = timedelta(seconds=10)) -> Beat:
    return Beat(name=name, process="host:1", pace=pace, began_at=at - MINUTE, ended_at=at, problem=problem)


def _checks(database: Database, now: datetime) -> dict[str, bool]:
    return {each.check: each.is_failing for each in watch.problems(database, None, now=now)}


def test_a_service_that_has_just_begun_is_well(database: Database, now: datetime) -> None:
    assert watch.problems(database, Path(), now=now) == []


def test_a_queue_that_stands_still_is_told(database: Database, now: datetime) -> None:
    with database.write() as session:
        builders.letter(session, 3, now=now)
    assert _checks(database, now + 5 * MINUTE) == {}
    [problem] = watch.problems(database, None, now=now + 6 * MINUTE)
    assert problem.is_failing
    assert "1 batches are due, the oldest for 6 min" in problem.text


def test_a_lane_that_is_held_is_told_and_is_no_failure(database: Database, now: datetime) -> None:
    with database.write() as session:
        builders.letter(session, 3, now=now)
        holds.hold(session, Lane.BULK, reason="Gmail blocks us", by="ops@example.org", now=now)
    [problem] = watch.problems(database, None, now=now + 60 * MINUTE)
    assert not problem.is_failing
    assert "ops@example.org: Gmail blocks us" in problem.text


def test_a_scheduler_that_no_longer_runs_is_told(database: Database, now: datetime) -> None:
    with database.write() as session:
        heartbeats.note(session, _beat("publish_due", now))
        heartbeats.note(session, _beat("settle", now + 6 * MINUTE))
        heartbeats.note(session, _beat("reconcile", now, pace=timedelta(hours=1)))
        heartbeats.note(session, _beat("collect", now))
    assert _checks(database, now + 5 * MINUTE) == {}
    [problem] = watch.problems(database, None, now=now + 6 * MINUTE)
    assert (problem.check, problem.is_failing) == ("rounds", True)
    assert "publish_due (6 min)" in problem.text


def test_a_round_that_fails_is_told_and_remembers_when_it_last_did_not(database: Database, now: datetime) -> None:
    with database.write() as session:
        heartbeats.note(session, _beat("poll_bounces", now))
        heartbeats.note(session, _beat("poll_bounces", now + MINUTE, "the Maildir is gone"))
    [problem] = watch.problems(database, None, now=now + MINUTE)
    assert (problem.check, problem.is_failing) == ("round_poll_bounces", False)
    with database.read() as session:
        [row] = heartbeats.rounds(session)
    assert (row.succeeded_at, row.ended_at, row.took_ms) == (now, now + MINUTE, 60_000)


def test_looking_writes_nothing(database: Database, now: datetime) -> None:
    assert watch.can_write(database, now=now)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Heartbeat)) == 0


def test_a_database_that_cannot_be_written_is_told(database: Database, now: datetime) -> None:
    if not database.is_sqlite:
        return  # the trigger below speaks SQLite
    with database.write() as session:
        session.execute(
            text("CREATE TRIGGER full BEFORE INSERT ON heartbeats BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        )
    assert _checks(database, now) == {"database": True}


def test_a_disk_that_is_nearly_full_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert watch.disk_problems(tmp_path) == []
    assert watch.disk_problems(tmp_path / "nowhere") == []
    monkeypatch.setattr(watch, "LEAST_DISK", 10**18)
    [problem] = watch.disk_problems(tmp_path)
    assert (problem.check, problem.is_failing) == ("disk", True)


def test_workers_that_have_long_said_nothing_are_forgotten(database: Database, now: datetime) -> None:
    with database.write() as session:
        heartbeats.note_worker(session, "host:1:aa", now=now - timedelta(hours=2))
        heartbeats.note_worker(session, "host:2:bb", now=now)
        assert [each.process for each in heartbeats.workers(session)] == ["host:2:bb"]
        assert heartbeats.rounds(session) == []
