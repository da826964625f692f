"""Queue: what waits is told from what stands still."""

from __future__ import annotations

from datetime import datetime, timedelta

from ground.database import Database
from mailer import holds, ledger, queue
from mailer.deliveries import Event
from mailer.letters import Lane
from mailer.results import Record
from tests.mailer import builders

MINUTE = timedelta(minutes=1)


def test_a_lane_is_counted_by_its_batches(database: Database, now: datetime) -> None:
    with database.write() as session:
        builders.letter(session, 700, now=now)
        builders.letter(session, 3, now=now + 10 * MINUTE)
        [first, _] = ledger.due_batches(session, Lane.BULK, now=now, limit=9)
        ledger.lease(session, first, owner="host:1:ab", until=now + 15 * MINUTE, now=now)
    with database.read() as session:
        found = queue.lanes(session, now=now + MINUTE)
        [leased] = queue.list_leased(session)
    bulk, tx = found[Lane.BULK], found[Lane.TX]
    assert (bulk.due, bulk.later, bulk.leased, bulk.deliveries) == (1, 1, 1, 703)
    assert bulk.waits_for(now + MINUTE) == MINUTE
    assert (tx.due, tx.leased, tx.deliveries, tx.oldest_due_at) == (0, 0, 0, None)
    assert (leased.batch_id, leased.owner, leased.size) == (first, "host:1:ab", 500)


def test_a_queue_that_nobody_takes_from_stands_still(database: Database, now: datetime) -> None:
    with database.write() as session:
        builders.letter(session, 3, now=now)
    with database.read() as session:
        for waited, still in ((1, False), (5, False), (6, True)):
            at = now + waited * MINUTE
            assert queue.lanes(session, now=at)[Lane.BULK].stands_still(at) is still


def test_a_lane_that_is_held_stands_still_on_purpose(database: Database, now: datetime) -> None:
    with database.write() as session:
        builders.letter(session, 3, now=now)
        holds.hold(session, Lane.BULK, reason="look first", by="ops@example.org", now=now)
    later = now + timedelta(hours=5)
    with database.read() as session:
        bulk = queue.lanes(session, now=later)[Lane.BULK]
    assert bulk.hold is not None
    assert not bulk.stands_still(later)


def test_a_worker_that_writes_nothing_down_stands_still(database: Database, now: datetime) -> None:
    later = now + 60 * MINUTE
    with database.write() as session:
        builders.letter(session, 700, now=now)
        [first, _] = ledger.due_batches(session, Lane.BULK, now=later, limit=9)
        held = ledger.lease(session, first, owner="a", until=later + 15 * MINUTE, now=later)
        assert held is not None
        assert queue.lanes(session, now=later)[Lane.BULK].stands_still(later)
        ids = [row.id for row in held.rows[:2]]
        attempts = ledger.intend(session, held.lease, ids, owner="a", now=later)
        accepted = Record(id=ids[0], attempt=attempts[ids[0]], event=Event.ACCEPT, code=250, stage="dot")
        ledger.record(session, [accepted], owner="a", now=later)
        assert not queue.lanes(session, now=later + 14 * MINUTE)[Lane.BULK].stands_still(later + 14 * MINUTE)
        assert queue.lanes(session, now=later + 16 * MINUTE)[Lane.BULK].stands_still(later + 16 * MINUTE)
        deferred = Record(id=ids[1], attempt=attempts[ids[1]], event=Event.DEFER, next_at=later, stage="rcpt", code=451)
        ledger.record(session, [deferred], owner="a", now=later + 10 * MINUTE)
        assert not queue.lanes(session, now=later + 16 * MINUTE)[Lane.BULK].stands_still(later + 16 * MINUTE)
