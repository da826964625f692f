"""Holds: nothing of a held lane leaves, the other lane does not notice, and what was cancelled still ends."""

from __future__ import annotations

from datetime import datetime, timedelta

from ground.database import Database
from mailer import holds, ledger
from mailer.deliveries import Event, State
from mailer.letters import Lane
from mailer.results import Record
from tests.mailer import builders

SOON = timedelta(minutes=15)


def test_nothing_of_a_held_lane_is_due_leased_or_intended(database: Database, now: datetime) -> None:
    with database.write() as session:
        builders.letter(session, 3, now=now)
        [batch] = ledger.due_batches(session, Lane.BULK, now=now, limit=9)
        held = ledger.lease(session, batch, owner="a", until=now + SOON, now=now)
        assert held is not None
        ids = [row.id for row in held.rows]
        assert len(ledger.intend(session, held.lease, ids[:1], owner="a", now=now)) == 1
        assert holds.hold(session, Lane.BULK, reason="Gmail blocks us", by="ops@example.org", now=now)
        assert ledger.intend(session, held.lease, ids[1:], owner="a", now=now) == {}
        accepted = Record(id=ids[0], attempt=1, event=Event.ACCEPT)  # what is in flight arrives
        ledger.record(session, [accepted], owner="a", now=now)
        ledger.close(session, held.lease, owner="a", now=now)
        assert ledger.due_batches(session, Lane.BULK, now=now, limit=9) == []
        assert ledger.lease(session, batch, owner="a", until=now + SOON, now=now) is None
        assert holds.free(session, Lane.BULK)
        assert ledger.due_batches(session, Lane.BULK, now=now, limit=9) == [batch]
        again = ledger.lease(session, batch, owner="a", until=now + SOON, now=now)
    assert again is not None
    assert [row.id for row in again.rows] == ids[1:]


def test_a_hold_keeps_its_first_reason_and_leaves_the_other_lane_alone(database: Database, now: datetime) -> None:
    with database.write() as session:
        assert holds.hold(session, Lane.BULK, reason="first", by="ops@example.org", now=now)
        assert not holds.hold(session, Lane.BULK, reason="second", by="owner@example.org", now=now)
        [(lane, hold)] = holds.standing(session).items()
        assert (lane, hold.reason, hold.held_by, hold.held_at) == (Lane.BULK, "first", "ops@example.org", now)
        assert holds.free(session, Lane.BULK)
        assert not holds.free(session, Lane.BULK)


def test_a_cancelled_letter_ends_though_its_lane_is_held(database: Database, now: datetime) -> None:
    with database.write() as session:
        letter = builders.letter(session, 3, now=now)
        holds.hold(session, Lane.BULK, reason="stop", by="ops", now=now)
        ledger.cancel(session, letter, now=now)
        [batch] = ledger.due_batches(session, Lane.BULK, now=now, limit=9)
        assert ledger.lease(session, batch, owner="a", until=now + SOON, now=now) is None
        assert ledger.counts(session, letter)[State.SKIPPED] == 3
