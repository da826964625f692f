"""A worker that falls silent: what it held goes to the others within a minute, and it may turn out to be only slow."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from feedback import heartbeats
from feedback.take_over import take_from, take_over
from ground.database import Database
from jobs.timetable import HEARTBEATS
from mailer import leases, ledger
from mailer.batches import Batch
from mailer.deliveries import Event, State
from mailer.ledger import Held
from mailer.recovery import Recovered
from mailer.results import Record
from tests.mailer import builders

NOTHING = Recovered(0, 0, 0)
SOON = timedelta(seconds=1)
LEASE = timedelta(minutes=15)


def lease(database: Database, batch_id: int, worker: str, now: datetime) -> Held:
    with database.write() as session:
        owner = leases.lease_name(worker, 1)
        held = ledger.lease(session, batch_id, owner=owner, until=now + LEASE, now=now)
        assert held is not None
        return held


def say(database: Database, worker: str, now: datetime) -> None:
    with database.write() as session:
        heartbeats.note_worker(session, worker, now=now)


def look(database: Database, me: str, now: datetime) -> Recovered:
    with database.write() as session:
        return take_over(session, me=me, now=now)


def test_what_a_silent_worker_held_goes_to_the_others_and_nothing_else_does(database: Database, now: datetime) -> None:
    with database.write() as session:
        letter_id = builders.letter(session, 1_003, now=now)
        first, second, third = session.scalars(select(Batch.id).order_by(Batch.id)).all()
    gone = lease(database, third, "gone", now)
    lease(database, first, "alive", now)
    lease(database, second, "stranger", now)  # it never said that it works
    with database.write() as session:
        ledger.intend(session, gone.lease, [gone.rows[0].id], owner=gone.lease.owner, now=now)
    say(database, "gone", now)
    later = now + heartbeats.SILENT_AFTER
    assert look(database, "alive", later) == NOTHING
    say(database, "alive", later)
    assert look(database, "gone", later + SOON) == NOTHING, "after a rest of the machine it is its own worker"
    assert look(database, "alive", later + SOON) == Recovered(released=2, uncertain=1, batches=1)
    assert look(database, "alive", later + SOON) == NOTHING
    with database.read() as session:
        assert ledger.verify(session) == []
        found = ledger.counts(session, letter_id)
        assert (found[State.CLAIMED], found[State.READY], found[State.UNCERTAIN]) == (1_000, 2, 1)
        assert [batch.owner for batch in session.scalars(select(Batch).order_by(Batch.id))] == [
            "alive/1",
            "stranger/1",
            None,
        ]


def test_one_that_was_only_slow_does_no_harm_and_still_ends_its_doubt(database: Database, now: datetime) -> None:
    with database.write() as session:
        letter_id = builders.letter(session, 3, now=now)
        batch_id = session.scalars(select(Batch.id)).one()
    slow = lease(database, batch_id, "slow", now)
    ids = [row.id for row in slow.rows]
    with database.write() as session:
        ledger.intend(session, slow.lease, ids[:1], owner=slow.lease.owner, now=now)
    say(database, "slow", now)
    later = now + heartbeats.SILENT_AFTER + SOON
    look(database, "other", later)
    other = lease(database, batch_id, "other", later)
    assert [row.id for row in other.rows] == ids[1:]
    with database.write() as session:
        assert ledger.intend(session, slow.lease, ids, owner=slow.lease.owner, now=later) == {}
        ledger.renew(session, slow.lease, owner=slow.lease.owner, until=later + LEASE)
        assert set(ledger.intend(session, other.lease, ids, owner=other.lease.owner, now=later)) == set(ids[1:])
        answers = [Record(id=each, attempt=1, event=Event.ACCEPT) for each in ids]
        ledger.record(session, answers, owner=slow.lease.owner, now=later)
        ledger.close(session, slow.lease, owner=slow.lease.owner, now=later)
    with database.read() as session:
        assert ledger.verify(session) == []
        found = ledger.counts(session, letter_id)
        assert (found[State.ACCEPTED], found[State.SENDING]) == (1, 2)


def test_it_takes_about_a_minute(now: datetime) -> None:
    del now
    [round_] = [beat for beat in HEARTBEATS if beat.task == "recover"]
    assert heartbeats.WORKER_PACE + heartbeats.SILENT_AFTER + round_.every <= timedelta(seconds=65)


def test_what_a_worker_held_that_was_seen_to_end_goes_to_the_others_at_once(database: Database, now: datetime) -> None:
    with database.write() as session:
        letter_id = builders.letter(session, 1_003, now=now)
        first, second, third = session.scalars(select(Batch.id).order_by(Batch.id)).all()
    gone = lease(database, third, "host:1:ab.1", now)
    lease(database, first, "host:1:ab.12", now)
    lease(database, second, "host:1:ab", now)
    with database.write() as session:
        ledger.intend(session, gone.lease, [gone.rows[0].id], owner=gone.lease.owner, now=now)
    say(database, "host:1:ab.1", now)
    with database.write() as session:
        assert take_from(session, "host:1:ab.1", now=now) == Recovered(released=2, uncertain=1, batches=1)
    with database.write() as session:
        assert take_from(session, "host:1:ab.1", now=now) == NOTHING
    with database.read() as session:
        assert set(map(leases.worker_of, leases.holders(session))) == {"host:1:ab", "host:1:ab.12"}
        assert ledger.counts(session, letter_id)[State.UNCERTAIN] == 1
