"""Progress: what a letter's batches say agrees with its rows, and is found without reading them all."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, select, update

from ground.database import Database
from mailer import ledger, progress
from mailer.batches import SIZE, Batch
from mailer.deliveries import Delivery, Event, State
from mailer.ledger import Held
from mailer.results import Record
from tests.mailer import builders
from tests.mailer.test_ledger import LEASE, ME, intend, put_down, record, start, take


def batches(database: Database, letter_id: int) -> list[int]:
    with database.read() as session:
        return list(session.scalars(select(Batch.id).where(Batch.letter_id == letter_id).order_by(Batch.id)))


def agrees(database: Database, letter_id: int) -> progress.Progress:
    """What the batches say, after a look at all rows."""
    with database.read() as session:
        said, counted = progress.progress(session, letter_id), ledger.counts(session, letter_id)
    assert asdict(said) == {
        "total": sum(counted.values()),
        "accepted": counted[State.ACCEPTED],
        "deferred": counted[State.DEFERRED],
        "failed": counted[State.FAILED],
        "in_doubt": counted[State.UNCERTAIN],
        "skipped": counted[State.SKIPPED],
    }
    return said


def test_progress_is_right_before_while_and_after_a_batch_is_held(database: Database, now: datetime) -> None:
    letter_id, held = start(database, SIZE + 20, now)
    assert agrees(database, letter_id).waiting == SIZE + 20
    ids = list(intend(database, held, now))
    results = [Record(id=each, attempt=1, event=Event.ACCEPT) for each in ids[4:]]
    later = now + timedelta(minutes=5)
    results += [
        Record(id=ids[0], attempt=1, event=Event.DEFER, next_at=later, stage="rcpt"),
        Record(id=ids[1], attempt=1, event=Event.FAIL, reason="no such user", stage="rcpt"),
        Record(id=ids[2], attempt=1, event=Event.LOSE, reason="no answer", stage="dot"),
    ]
    record(database, *results, now=now)
    assert agrees(database, letter_id).accepted == SIZE - 4
    record(database, Record(id=ids[3], attempt=1, event=Event.ACCEPT), now=now)
    put_down(database, held, now)
    assert agrees(database, letter_id).waiting == 20
    again = take(database, held.lease.batch_id, later)
    assert again is not None
    intend(database, again, later)
    record(database, Record(id=ids[0], attempt=2, event=Event.ACCEPT), now=later)
    put_down(database, again, later)
    assert agrees(database, letter_id) == progress.Progress(
        total=SIZE + 20, accepted=SIZE - 2, deferred=0, failed=1, in_doubt=1, skipped=0
    )


@pytest.mark.parametrize("evidence", [True, False])
def test_a_doubt_that_ends_is_counted_where_it_ended(database: Database, now: datetime, *, evidence: bool) -> None:
    letter_id, held = start(database, 2, now)
    first, second = intend(database, held, now)
    record(database, Record(id=first, attempt=1, event=Event.ACCEPT), now=now)
    record(database, Record(id=second, attempt=1, event=Event.LOSE, reason="no answer", stage="dot"), now=now)
    put_down(database, held, now)
    with database.write() as session:
        if evidence:
            assert ledger.prove(session, second, now=now)
        else:
            ledger.settle_uncertain(session, now=now + timedelta(days=2))
    assert agrees(database, letter_id).waiting == 0


def test_a_late_answer_to_what_was_put_down_in_doubt_is_counted(database: Database, now: datetime) -> None:
    letter_id, held = start(database, 2, now)
    first, second = intend(database, held, now)
    record(database, Record(id=first, attempt=1, event=Event.ACCEPT), now=now)
    later = now + LEASE + timedelta(seconds=1)
    with database.write() as session:
        ledger.recover(session, now=later)
    again = take(database, held.lease.batch_id, later)
    assert again is None, "nothing of it is left to send: its lease puts it down"
    assert agrees(database, letter_id).in_doubt == 1
    record(database, Record(id=second, attempt=1, event=Event.ACCEPT), now=later)
    assert agrees(database, letter_id).accepted == 2


def test_what_a_killed_worker_had_sent_is_counted_before_the_next_takes_its_batch(
    database: Database, now: datetime
) -> None:
    letter_id, held = start(database, 3, now)
    first, _ = intend(database, held, now, 2)
    record(database, Record(id=first, attempt=1, event=Event.ACCEPT), now=now)
    with database.write() as session:
        ledger.recover_all(session, now=now)
    found = agrees(database, letter_id)
    assert (found.accepted, found.in_doubt, found.waiting) == (1, 1, 1)


def test_a_cancelled_letter_shows_who_will_not_get_it(database: Database, now: datetime) -> None:
    letter_id, held = start(database, SIZE + 20, now)
    put_down(database, held, now)
    with database.write() as session:
        ledger.cancel(session, letter_id, now=now)
    for batch_id in batches(database, letter_id):
        take(database, batch_id, now)
    assert agrees(database, letter_id).skipped == SIZE + 20


def test_the_pace_is_measured_on_what_was_accepted(database: Database, now: datetime) -> None:
    with database.write() as session:
        letter_id = builders.letter(session, 4 * SIZE, now=now)
        assert progress.pace(session, letter_id, since=now) is None
        for number, batch in enumerate(session.scalars(select(Batch).order_by(Batch.id)), start=1):
            at = now + timedelta(seconds=10 * number)
            session.execute(
                update(Delivery).where(Delivery.id == batch.last_id).values(state=State.ACCEPTED, accepted_at=at)
            )
        assert progress.pace(session, letter_id, since=now) == pytest.approx(4 * SIZE / 40)


def test_batches_are_found_by_their_keys_however_long_the_letter_is(database: Database, now: datetime) -> None:
    """SQLite would walk through all of a letter's deliveries for each batch, while it holds the only write lock."""
    if not database.is_sqlite:
        return  # PostgreSQL plans by statistics
    letter_id, held = start(database, 3, now)
    seen: list[tuple[str, tuple[object, ...]]] = []
    with database.write() as session:
        connection = session.connection()

        @event.listens_for(connection, "before_cursor_execute")
        def _note(_c: object, _cursor: object, statement: str, values: tuple[object, ...], *_: object) -> None:
            seen.append((statement, values))

        ledger.renew(session, held.lease, owner=ME, until=now + LEASE)
        progress.progress(session, letter_id)
        ledger.close(session, held.lease, owner=ME, now=now)
        assert isinstance(ledger.lease(session, held.lease.batch_id, owner=ME, until=now + LEASE, now=now), Held)
        event.remove(connection, "before_cursor_execute", _note)
        touching = [each for each in seen if "deliveries" in each[0] and "letters" not in each[0]]
        assert len(touching) == 6
        for statement, values in touching:
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
            by_key = [step for step in plan if "PRIMARY KEY" in step or "ix_deliveries_uncertain" in step]
            assert by_key, (statement, plan)
