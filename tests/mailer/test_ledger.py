"""The ledger: batches, leases, intents, results, recovery, doubt, tally."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, func, insert, select, update
from sqlalchemy.orm import Session

from ground.database import Database
from mailer import correspondence, deliveries, ledger, letters, notices, suppressions
from mailer.batches import Batch, BatchState
from mailer.deliveries import Attempt, Delivery, Event, State
from mailer.ledger import Held
from mailer.letter import Kind
from mailer.letters import InDoubt, Lane, Letter, LetterState
from mailer.results import Record
from mailer.suppressions import Suppression
from tests.mailer import builders

ME, OTHER = "worker-1", "worker-2"
LEASE = timedelta(minutes=15)


def take(database: Database, batch_id: int, now: datetime, owner: str = ME) -> Held | None:
    with database.write() as session:
        return ledger.lease(session, batch_id, owner=owner, until=now + LEASE, now=now)


def first_batch(database: Database, letter_id: int) -> int:
    with database.read() as session:
        return session.scalars(select(func.min(Batch.id)).where(Batch.letter_id == letter_id)).one()


def start(database: Database, count: int, now: datetime, in_doubt: InDoubt = InDoubt.RESEND) -> tuple[int, Held]:
    """A letter of `count` deliveries, its first batch leased."""
    with database.write() as session:
        letter_id = builders.letter(session, count, now=now, in_doubt=in_doubt)
    held = take(database, first_batch(database, letter_id), now)
    assert held is not None
    return letter_id, held


def intend(database: Database, held: Held, now: datetime, count: int | None = None, owner: str = ME) -> dict[int, int]:
    with database.write() as session:
        ids = [row.id for row in held.rows[:count]]
        return ledger.intend(session, held.lease, ids, owner=owner, now=now)


def record(database: Database, *records: Record, now: datetime, owner: str = ME) -> None:
    with database.write() as session:
        ledger.record(session, records, owner=owner, now=now)


def put_down(database: Database, held: Held, now: datetime) -> BatchState:
    with database.write() as session:
        return ledger.close(session, held.lease, owner=ME, now=now)


def rows(database: Database, letter_id: int) -> Sequence[Delivery]:
    with database.read() as session:
        found = session.scalars(select(Delivery).where(Delivery.letter_id == letter_id).order_by(Delivery.id)).all()
        session.expunge_all()
        return found


def states(database: Database, letter_id: int) -> dict[State, int]:
    with database.read() as session:
        assert ledger.verify(session) == []
        return {state: number for state, number in ledger.counts(session, letter_id).items() if number}


def letter_of(session: Session, letter_id: int) -> Letter:
    return session.scalars(select(Letter).where(Letter.id == letter_id)).one()


# --- batches ------------------------------------------------------------------


def test_deliveries_are_cut_into_batches_of_five_hundred(database: Database, now: datetime) -> None:
    with database.write() as session:
        letter_id = builders.letter(session, 1_201, now=now)
        cut = session.scalars(select(Batch).where(Batch.letter_id == letter_id).order_by(Batch.id)).all()
        assert [batch.size for batch in cut] == [500, 500, 201]
        assert [batch.last_id - batch.first_id + 1 for batch in cut] == [500, 500, 201]
        assert all(batch.next_at == now for batch in cut)


def test_a_batch_is_leased_by_one_worker_only(database: Database, now: datetime) -> None:
    letter_id, held = start(database, 3, now)
    assert len(held.rows) == 3
    assert take(database, held.lease.batch_id, now, OTHER) is None
    assert states(database, letter_id) == {State.CLAIMED: 3}


def test_a_batch_of_a_letter_still_being_built_or_paused_is_not_due(database: Database, now: datetime) -> None:
    with database.write() as session:
        letter_id = builders.letter(session, 3, now=now)
        letters.pause(session, letter_id)
    batch_id = first_batch(database, letter_id)
    with database.write() as session:
        assert ledger.due_batches(session, Lane.BULK, now=now, limit=9) == []
    assert take(database, batch_id, now) is None
    with database.write() as session:
        assert letters.resume(session, letter_id)
        assert ledger.due_batches(session, Lane.BULK, now=now, limit=9) == [batch_id]
        assert ledger.due_batches(session, Lane.TX, now=now, limit=9) == []
        session.execute(update(Letter).values(state=LetterState.BUILDING))
    assert take(database, batch_id, now) is None


def test_a_row_is_claimed_only_when_its_time_has_come(database: Database, now: datetime) -> None:
    with database.write() as session:
        letter_id = builders.letter(session, 2, now=now)
        first = session.scalars(select(func.min(Delivery.id))).one()
        session.execute(update(Delivery).where(Delivery.id == first).values(next_at=now + timedelta(hours=1)))
    held = take(database, first_batch(database, letter_id), now)
    assert held is not None
    assert [row.id for row in held.rows] == [first + 1]


def test_closing_reopens_a_batch_at_its_earliest_row(database: Database, now: datetime) -> None:
    letter_id, held = start(database, 3, now)
    attempts = intend(database, held, now)
    later = now + timedelta(minutes=5)
    first, second, third = attempts
    record(
        database,
        Record(id=first, attempt=1, event=Event.ACCEPT),
        Record(id=second, attempt=1, event=Event.DEFER, next_at=later),
        Record(id=third, attempt=1, event=Event.DEFER, next_at=later + timedelta(minutes=1)),
        now=now,
    )
    assert put_down(database, held, now) is BatchState.OPEN
    with database.read() as session:
        assert ledger.due_batches(session, Lane.BULK, now=now, limit=9) == []
        assert ledger.due_batches(session, Lane.BULK, now=later, limit=9) == [held.lease.batch_id]
    again = take(database, held.lease.batch_id, later)
    assert again is not None
    assert [row.id for row in again.rows] == [second]
    assert states(database, letter_id) == {State.ACCEPTED: 1, State.CLAIMED: 1, State.DEFERRED: 1}


def test_a_letter_is_finished_with_its_last_batch(database: Database, now: datetime) -> None:
    letter_id, held = start(database, 2, now)
    attempts = intend(database, held, now)
    record(database, *(Record(id=each, attempt=1, event=Event.ACCEPT) for each in attempts), now=now)
    assert put_down(database, held, now) is BatchState.DONE
    with database.read() as session:
        assert letter_of(session, letter_id).state is LetterState.FINISHED
        assert letter_of(session, letter_id).finished_at == now
    assert states(database, letter_id) == {State.ACCEPTED: 2}


def test_a_letter_to_nobody_is_finished_by_the_sweep(database: Database, now: datetime) -> None:
    with database.write() as session:
        letter_id = builders.letter(session, 0, now=now)
        assert ledger.finish_letters(session, now=now) == [letter_id]
        assert ledger.finish_letters(session, now=now) == []


# --- the last look ---------------------------------------------------------------


def test_who_leaves_one_moment_before_the_intent_is_not_sent_to(database: Database, now: datetime) -> None:
    letter_id, held = start(database, 3, now)
    gone = held.rows[1]
    with database.write() as session:
        deliveries.skip_recipient(session, gone.recipient_id, reason="left", scope="edition:1")
    assert gone.id not in intend(database, held, now)
    assert states(database, letter_id) == {State.SENDING: 2, State.SKIPPED: 1}


def test_leaving_another_edition_skips_nothing_here(database: Database, now: datetime) -> None:
    _, held = start(database, 1, now)
    with database.write() as session:
        deliveries.skip_recipient(session, held.rows[0].recipient_id, reason="left", scope="edition:2")
    assert len(intend(database, held, now)) == 1


def test_a_reader_who_goes_takes_no_letter_from_the_desk(database: Database, now: datetime) -> None:
    """Staff have numbers of their own; that a reader has the same one means nothing."""
    with database.write() as session:
        for kind in (Kind.TX, Kind.STAFF):
            notice = notices.Notice(
                variant_id=builders.variant(session, now),
                recipient_id=7,
                address=f"{kind}@example.org",
                address_key=f"{kind}@example.org",
                domain_group="other",
                fields={},
                kind=kind,
            )
            notices.enqueue(session, "confirm", notice, now=now)
        deliveries.skip_recipient(session, 7, reason="erased")
        assert not correspondence.is_in_flight(session, 7)
        assert correspondence.forget(session, 7, "tx@example.org") == 1
        assert [sent.kind for sent in correspondence.sent_to(session, 7, limit=9)] == [Kind.TX]
    with database.read() as session:
        left = session.execute(select(Delivery.address, Delivery.state).order_by(Delivery.id)).all()
    assert [tuple(row) for row in left] == [
        (correspondence.FORGOTTEN, State.SKIPPED),
        ("staff@example.org", State.READY),
    ]


def test_who_leaves_while_being_sent_to_is_never_tried_again(database: Database, now: datetime) -> None:
    letter_id, held = start(database, 4, now)
    attempts = list(intend(database, held, now))
    with database.write() as session:
        for row in held.rows:
            deliveries.skip_recipient(session, row.recipient_id, reason="left")
    record(
        database,
        Record(id=attempts[0], attempt=1, event=Event.DEFER, next_at=now),
        Record(id=attempts[1], attempt=1, event=Event.RELEASE, next_at=now, stage="mail"),
        Record(id=attempts[2], attempt=1, event=Event.LOSE, reason="no answer"),
        Record(id=attempts[3], attempt=1, event=Event.ACCEPT),
        now=now,
    )
    with database.write() as session:
        ledger.settle_uncertain(session, now=now + timedelta(hours=1))
    assert put_down(database, held, now) is BatchState.DONE
    assert states(database, letter_id) == {State.SKIPPED: 2, State.FAILED: 1, State.ACCEPTED: 1}


@pytest.mark.parametrize("stop", ["pause", "cancel"])
def test_nothing_new_leaves_a_letter_that_was_stopped(database: Database, now: datetime, stop: str) -> None:
    letter_id, held = start(database, 3, now)
    intend(database, held, now, 1)
    with database.write() as session:
        assert letters.pause(session, letter_id) if stop == "pause" else ledger.cancel(session, letter_id, now=now)
    assert intend(database, held, now) == {}
    assert states(database, letter_id) == {State.SENDING: 1, State.CLAIMED: 2}


def test_a_cancelled_letter_skips_its_rest_and_ends(database: Database, now: datetime) -> None:
    letter_id, held = start(database, 3, now)
    [sent] = intend(database, held, now, 1)
    with database.write() as session:
        ledger.cancel(session, letter_id, now=now)
        assert not ledger.cancel(session, letter_id, now=now)
    record(database, Record(id=sent, attempt=1, event=Event.DEFER, next_at=now + timedelta(hours=1)), now=now)
    put_down(database, held, now)
    with database.read() as session:
        assert ledger.due_batches(session, Lane.BULK, now=now, limit=9) == [held.lease.batch_id]
    assert take(database, held.lease.batch_id, now) is None
    assert states(database, letter_id) == {State.SKIPPED: 3}
    with database.read() as session:
        letter = letter_of(session, letter_id)
        assert (letter.state, letter.finished_at) == (LetterState.CANCELLED, now)


def test_when_its_lifetime_is_over_a_letter_expires(database: Database, now: datetime) -> None:
    letter_id, held = start(database, 2, now)
    [sent] = intend(database, held, now, 1)
    record(database, Record(id=sent, attempt=1, event=Event.DEFER, next_at=now + timedelta(hours=1)), now=now)
    put_down(database, held, now)
    over = now + timedelta(hours=25)
    assert take(database, held.lease.batch_id, over) is None
    assert states(database, letter_id) == {State.FAILED: 1, State.SKIPPED: 1}
    assert {row.reason for row in rows(database, letter_id)} == {"expired"}


def test_only_the_worker_that_claimed_may_intend(database: Database, now: datetime) -> None:
    _, held = start(database, 2, now)
    assert intend(database, held, now, owner=OTHER) == {}


# --- results ---------------------------------------------------------------------


def test_a_result_for_an_older_attempt_changes_nothing(database: Database, now: datetime) -> None:
    letter_id, held = start(database, 1, now)
    [(sent, attempt)] = intend(database, held, now).items()
    record(database, Record(id=sent, attempt=attempt, event=Event.DEFER, next_at=now, stage="rcpt", code=451), now=now)
    put_down(database, held, now)
    again = take(database, held.lease.batch_id, now)
    assert again is not None
    assert intend(database, again, now) == {sent: 2}
    record(database, Record(id=sent, attempt=1, event=Event.ACCEPT), now=now)
    assert states(database, letter_id) == {State.SENDING: 1}


def test_a_result_written_twice_does_not_touch_who_has_leased_since(database: Database, now: datetime) -> None:
    """An attempt that no server saw gives its number back: the next worker's has the same one."""
    letter_id, held = start(database, 1, now)
    [(sent, attempt)] = intend(database, held, now).items()
    given_back = Record(id=sent, attempt=attempt, event=Event.RELEASE, next_at=now, stage="connect")
    record(database, given_back, now=now)
    put_down(database, held, now)
    again = take(database, held.lease.batch_id, now, OTHER)
    assert again is not None
    assert intend(database, again, now, owner=OTHER) == {sent: attempt}
    record(database, given_back, now=now)  # the first worker never heard of its commit
    assert states(database, letter_id) == {State.SENDING: 1}
    record(database, Record(id=sent, attempt=attempt, event=Event.ACCEPT), now=now, owner=OTHER)
    assert states(database, letter_id) == {State.ACCEPTED: 1}
    with database.read() as session:
        assert session.scalars(select(Attempt.outcome)).all() == ["unreachable"]


@pytest.mark.parametrize("said", [Event.ACCEPT, Event.DEFER, Event.FAIL, Event.LOSE, Event.RELEASE])
def test_whose_lease_ran_out_changes_nothing_that_another_has_leased_since(
    database: Database, now: datetime, said: Event
) -> None:
    letter_id, held = start(database, 2, now)
    [sent] = intend(database, held, now, 1)
    later = now + LEASE + timedelta(seconds=1)
    with database.write() as session:
        ledger.recover(session, now=later)
        ledger.settle_uncertain(session, now=later, grace=timedelta(0))
    again = take(database, held.lease.batch_id, later, OTHER)
    assert again is not None
    assert intend(database, again, later, owner=OTHER) == {sent: 2, sent + 1: 1}
    late = Record(id=sent, attempt=1, event=said, next_at=later, reason="late", stage="dot")
    record(database, late, replace(late, id=sent + 1), now=later)
    assert states(database, letter_id) == {State.SENDING: 2}
    assert {row.owner for row in rows(database, letter_id)} == {OTHER}
    with database.read() as session:
        assert session.scalars(select(Attempt.outcome)).all() == ["uncertain"]  # what the recovery wrote


def test_a_doubt_is_ended_by_whose_attempt_it_was_and_by_nobody_else(database: Database, now: datetime) -> None:
    letter_id, held = start(database, 1, now)
    [sent] = intend(database, held, now)
    with database.write() as session:
        ledger.recover_all(session, now=now)
    accepted = Record(id=sent, attempt=1, event=Event.ACCEPT)
    record(database, accepted, now=now, owner=OTHER)
    assert states(database, letter_id) == {State.UNCERTAIN: 1}
    record(database, accepted, now=now)
    assert states(database, letter_id) == {State.ACCEPTED: 1}


def test_a_result_that_comes_twice_counts_once(database: Database, now: datetime) -> None:
    letter_id, held = start(database, 1, now)
    [sent] = intend(database, held, now)
    accepted = Record(id=sent, attempt=1, event=Event.ACCEPT, code=250, queue_id="4Xk", route="default")
    record(database, accepted, now=now)
    record(database, replace(accepted, event=Event.FAIL, reason="refused: hard"), now=now)
    [row] = rows(database, letter_id)
    assert (row.state, row.queue_id, row.accepted_at, row.owner) == (State.ACCEPTED, "4Xk", now, None)


def test_a_hard_refusal_suppresses_the_address_and_skips_what_else_goes_there(
    database: Database, now: datetime
) -> None:
    letter_id, held = start(database, 2, now)
    with database.write() as session:
        other = builders.letter(session, 2, now=now)
    sent = next(iter(intend(database, held, now)))
    address_key = held.rows[0].address_key
    refused = Record(
        id=sent,
        attempt=1,
        event=Event.FAIL,
        address_key=address_key,
        reason="refused: hard",
        bounce="hard",
        stage="rcpt",
        code=550,
        enhanced="5.1.1",
        reply="5.1.1 User unknown",
    )
    record(database, refused, now=now)
    with database.read() as session:
        standing = suppressions.standing(session, address_key, now=now)
        assert standing is not None
        assert (standing.delivery_id, standing.note) == (sent, "5.1.1 User unknown")
        assert session.scalars(select(Attempt.outcome)).all() == ["failed"]
    row = rows(database, letter_id)[0]
    assert (row.state, row.bounce_kind, row.bounced_at) == (State.FAILED, "hard", now)
    assert states(database, other) == {State.READY: 1, State.SKIPPED: 1}


def test_many_hard_refusals_in_a_group_cost_no_statement_each(database: Database, now: datetime) -> None:
    letter_id, held = start(database, 60, now)
    keys = [row.address_key for row in held.rows]
    with database.write() as session:
        suppressions.suppress(session, keys[1], suppressions.Cause.MANUAL, now=now, note="asked by phone")
        other = builders.letter(session, 60, now=now)
    sent = intend(database, held, now)
    refused = [
        Record(id=row.id, attempt=1, event=Event.FAIL, address_key=row.address_key, reason="refused", bounce="hard")
        for row in held.rows
        if row.id in sent
    ]
    statements: list[str] = []
    with database.write() as session:

        @event.listens_for(session.connection(), "before_cursor_execute")
        def _note(_c: object, _cursor: object, statement: str, *_: object) -> None:
            statements.append(statement)

        ledger.record(session, [*refused, *refused], owner=ME, now=now)
    assert len(statements) <= 8  # the last asks whether their domain is in doubt
    with database.read() as session:
        causes = dict(session.execute(select(Suppression.address_key, Suppression.cause)).all())
    assert causes == dict.fromkeys(keys, "hard_bounce") | {keys[1]: "manual"}
    with database.read() as session:
        first, second = ledger.counts(session, letter_id), ledger.counts(session, other)
        assert (first[State.FAILED], first[State.SKIPPED]) == (59, 1)
        # The one that was suppressed before is no freeze's mistake here, but this test's; and verify sees it.
        assert (second[State.SKIPPED], second[State.READY]) == (59, 1)
        [sentence] = ledger.verify(session)
        assert sentence.startswith(f"delivery 62 of letter {other} is ready and suppression")


@pytest.mark.parametrize("bounce", ["soft", "policy", None])
def test_no_other_refusal_suppresses_anybody(database: Database, now: datetime, bounce: str | None) -> None:
    _, held = start(database, 1, now)
    [sent] = intend(database, held, now)
    failed = Record(id=sent, attempt=1, event=Event.FAIL, address_key=held.rows[0].address_key, reason="refused")
    record(database, replace(failed, bounce=bounce), now=now)
    with database.read() as session:
        assert session.scalars(select(Suppression)).all() == []


def test_what_never_reached_a_server_costs_no_attempt(database: Database, now: datetime) -> None:
    letter_id, held = start(database, 2, now)
    waiting, tried = intend(database, held, now)
    record(
        database,
        Record(id=waiting, attempt=1, event=Event.RELEASE, next_at=now),
        Record(id=tried, attempt=1, event=Event.RELEASE, next_at=now, stage="connect", reply="refused"),
        now=now,
    )
    assert [(row.state, row.attempt) for row in rows(database, letter_id)] == [(State.READY, 0)] * 2
    with database.read() as session:  # the one that was never tried left no line in the log
        assert session.scalars(select(Attempt.delivery_id)).all() == [tried]


# --- recovery ----------------------------------------------------------------------


def test_after_a_crash_claimed_rows_are_ready_and_intended_ones_in_doubt(database: Database, now: datetime) -> None:
    letter_id, held = start(database, 5, now)
    intend(database, held, now, 2)
    with database.write() as session:
        assert ledger.recover(session, now=now + timedelta(minutes=1)).batches == 0  # the lease still runs
        found = ledger.recover(session, now=now + LEASE + timedelta(seconds=1))
    assert (found.released, found.uncertain, found.batches) == (3, 2, 1)
    assert states(database, letter_id) == {State.READY: 3, State.UNCERTAIN: 2}
    with database.read() as session:
        assert ledger.in_doubt(session, letter_id) == 2
        assert session.scalars(select(Attempt.outcome)).all() == ["uncertain"] * 2


def test_a_process_that_holds_the_database_alone_recovers_at_once(database: Database, now: datetime) -> None:
    letter_id, held = start(database, 5, now)
    intend(database, held, now, 2)
    with database.write() as session:
        assert ledger.recover_all(session, now=now).uncertain == 2
        assert ledger.recover_all(session, now=now).uncertain == 0
    assert take(database, held.lease.batch_id, now) is not None
    assert states(database, letter_id) == {State.CLAIMED: 3, State.UNCERTAIN: 2}


def test_a_renewed_lease_is_not_taken_back(database: Database, now: datetime) -> None:
    _, held = start(database, 2, now)
    later = now + LEASE + timedelta(seconds=1)
    with database.write() as session:
        ledger.renew(session, held.lease, owner=ME, until=later + LEASE)
        assert ledger.recover(session, now=later).batches == 0


def test_a_slow_worker_that_really_got_its_250_ends_the_doubt(database: Database, now: datetime) -> None:
    letter_id, held = start(database, 1, now)
    [sent] = intend(database, held, now)
    with database.write() as session:
        ledger.recover_all(session, now=now)
    record(database, Record(id=sent, attempt=1, event=Event.ACCEPT), now=now)
    assert states(database, letter_id) == {State.ACCEPTED: 1}


def test_evidence_ends_the_doubt_and_may_beat_our_own_result(database: Database, now: datetime) -> None:
    letter_id, held = start(database, 2, now)
    first, second = intend(database, held, now)
    with database.write() as session:
        assert ledger.prove(session, second, now=now)  # while it is still `sending`
        assert not ledger.prove(session, second, now=now)
        ledger.recover_all(session, now=now)
        assert ledger.prove(session, first, now=now)
        assert not ledger.prove(session, 10**6, now=now)
    record(database, Record(id=second, attempt=1, event=Event.DEFER, next_at=now), now=now)
    assert states(database, letter_id) == {State.ACCEPTED: 2}


def lose_one(database: Database, now: datetime, in_doubt: InDoubt) -> tuple[int, Held]:
    letter_id, held = start(database, 1, now, in_doubt)
    [sent] = intend(database, held, now)
    record(database, Record(id=sent, attempt=1, event=Event.LOSE, reason="no answer", stage="dot"), now=now)
    put_down(database, held, now)
    return letter_id, held


def settle(database: Database, now: datetime) -> None:
    with database.write() as session:
        ledger.settle_uncertain(session, now=now)


def test_doubt_is_left_alone_during_its_grace(database: Database, now: datetime) -> None:
    letter_id, _ = lose_one(database, now, InDoubt.RESEND)
    settle(database, now + timedelta(minutes=14))
    assert states(database, letter_id) == {State.UNCERTAIN: 1}


def test_resend_sends_once_more_and_no_third_time(database: Database, now: datetime) -> None:
    letter_id, held = lose_one(database, now, InDoubt.RESEND)
    later = now + timedelta(minutes=16)
    settle(database, later)
    again = take(database, held.lease.batch_id, later)
    assert again is not None
    [(sent, attempt)] = intend(database, again, later).items()
    assert attempt == 2
    record(database, Record(id=sent, attempt=2, event=Event.LOSE, reason="no answer", stage="dot"), now=later)
    put_down(database, again, later)
    settle(database, later + timedelta(minutes=16))
    assert states(database, letter_id) == {State.FAILED: 1}
    assert [row.reason for row in rows(database, letter_id)] == ["in doubt twice"]
    with database.write() as session:
        assert ledger.in_doubt(session, letter_id) == 1
        assert ledger.finish_letters(session, now=later) == [letter_id]


def test_assume_sent_accepts_and_hold_waits_for_a_person(database: Database, now: datetime) -> None:
    assumed, _ = lose_one(database, now, InDoubt.ASSUME_SENT)
    held, _ = lose_one(database, now, InDoubt.HOLD)
    settle(database, now + timedelta(days=2))
    assert states(database, assumed) == {State.ACCEPTED: 1}
    assert states(database, held) == {State.UNCERTAIN: 1}
    with database.write() as session:
        assert ledger.finish_letters(session, now=now) == [assumed]


def test_doubt_that_outlives_its_letter_is_not_resent(database: Database, now: datetime) -> None:
    letter_id, _ = lose_one(database, now, InDoubt.RESEND)
    cancelled, _ = lose_one(database, now, InDoubt.RESEND)
    with database.write() as session:
        ledger.cancel(session, cancelled, now=now)
    settle(database, now + timedelta(minutes=16))
    settle(database, now + timedelta(days=2))
    assert states(database, cancelled) == {State.FAILED: 1}
    assert State.UNCERTAIN not in states(database, letter_id)


# --- notices, tally --------------------------------------------------------------------


def test_a_notice_is_a_letter_to_one_person_in_the_quick_lane(database: Database, now: datetime) -> None:
    with database.write() as session:
        notice = notices.Notice(
            variant_id=builders.variant(session, now),
            recipient_id=7,
            address="R@example.org",
            address_key="r@example.org",
            domain_group="other",
            fields={"confirm_url": "7-1"},
            lifetime=timedelta(hours=72),
        )
        batch_id = notices.enqueue(session, "confirm", notice, now=now)
    with database.read() as session:
        assert ledger.due_batches(session, Lane.TX, now=now, limit=9) == [batch_id]
        assert ledger.verify(session) == []
    held = take(database, batch_id, now)
    assert held is not None
    assert (held.lease.lane, held.lease.deadline_at) == (Lane.TX, now + timedelta(hours=72))
    assert held.rows[0].fields == {"confirm_url": "7-1"}


def test_verify_names_what_is_wrong(database: Database, now: datetime) -> None:
    letter_id, held = start(database, 4, now)
    ids = [row.id for row in held.rows]
    with database.write() as session:
        session.execute(update(Letter).values(sealed_count=5, state=LetterState.FINISHED))
        session.execute(update(Batch).values(state=BatchState.DONE, last_id=ids[2]))
        session.execute(update(Delivery).where(Delivery.id == ids[0]).values(owner=None))
        session.execute(update(Delivery).where(Delivery.id == ids[1]).values(state=State.ACCEPTED))
        session.execute(update(Delivery).where(Delivery.id == ids[2]).values(state=State.FAILED))
    with database.read() as session:
        assert ledger.verify(session) == [
            f"letter {letter_id} was sealed with 5 deliveries and has 4",
            f"letter {letter_id} is finished and has 2 open deliveries",
            f"delivery {ids[0]} of letter {letter_id} is claimed without an owner and a lease",
            f"delivery {ids[3]} of letter {letter_id} is claimed by {ME}, who does not hold its batch",
            f"delivery {ids[1]} of letter {letter_id} is accepted without the time it became so",
            f"delivery {ids[1]} of letter {letter_id} is accepted and was never tried",
            f"delivery {ids[2]} of letter {letter_id} is failed without a reason",
            f"batch {held.lease.batch_id} was cut with 4 deliveries and covers 3",
            f"batch {held.lease.batch_id} is done and 1 deliveries of it can still be sent",
            f"batch {held.lease.batch_id} says 0 accepted and has 1",
            f"batch {held.lease.batch_id} says 0 failed and has 1",
        ]


def test_verify_names_what_is_wrong_with_batches_and_attempts(database: Database, now: datetime) -> None:
    letter_id, held = start(database, 520, now)
    with database.write() as session:
        first, second = session.scalars(select(Batch.id).order_by(Batch.id)).all()
        ids = [row.id for row in held.rows]
        session.execute(update(Batch).where(Batch.id == second).values(first_id=ids[-1]))
        session.execute(update(Batch).where(Batch.id == first).values(size=501))
        session.execute(update(Letter).values(state=LetterState.BUILDING))
        session.execute(update(Delivery).where(Delivery.id == ids[0]).values(attempt=3))
        session.execute(update(Delivery).where(Delivery.id == ids[1]).values(owner=OTHER))
        session.execute(insert(Attempt).values(delivery_id=ids[0], number=1, at=now, outcome="deferred"))
        session.execute(insert(Attempt).values(delivery_id=ids[1], number=1, at=now, outcome="unreachable"))
        session.execute(insert(Attempt).values(delivery_id=ids[2], number=1, at=now, outcome="deferred"))
    with database.read() as session:
        assert ledger.verify(session) == [
            f"letter {letter_id} has 520 deliveries and batches for 521: some will not be sent, or twice",
            f"letter {letter_id} is still being built and 500 of its deliveries were handled",
            f"delivery {ids[1]} of letter {letter_id} is claimed by {OTHER}, who does not hold its batch",
            f"delivery {ids[0]} is at attempt 3 and the log has 1 before it",
            f"delivery {ids[2]} is at attempt 0 and the log has one numbered 1",
            f"batch {first} was cut with 501 deliveries and covers 500",
            f"batches {first} and {second} of letter {letter_id} cover the same deliveries",
            f"batch {second} was cut with 20 deliveries and covers 21",
        ]


def test_verify_finds_whoever_was_sent_to_while_suppressed(database: Database, now: datetime) -> None:
    letter_id, held = start(database, 4, now)
    ids = list(intend(database, held, now))
    in_flight, late, open_, lifted = (row.address_key for row in held.rows)
    later = now + timedelta(hours=1)
    record(database, Record(id=ids[0], attempt=1, event=Event.ACCEPT), now=now + timedelta(minutes=9))
    record(
        database,
        *(Record(id=ids[n], attempt=1, event=Event.ACCEPT) for n in (1, 3)),
        Record(id=ids[2], attempt=1, event=Event.DEFER, next_at=later),
        now=later,
    )
    with database.write() as session:
        # Behind the back of the stories, which skip what is open.
        for key in (in_flight, late, open_, lifted):
            row = {"address_key": key, "cause": suppressions.Cause.COMPLAINT, "created_at": now}
            row["lifted_at"] = now + timedelta(minutes=30) if key == lifted else None
            session.execute(insert(Suppression).values(row))
        numbers = session.scalars(select(Suppression.id).order_by(Suppression.id)).all()
    with database.read() as session:
        assert ledger.verify(session) == [
            f"delivery {ids[2]} of letter {letter_id} is deferred and suppression {numbers[2]} stands",
            f"delivery {ids[1]} of letter {letter_id} was accepted while suppression {numbers[1]} stood",
        ]


def test_leaving_and_suppressing_find_their_rows_by_index(database: Database, now: datetime) -> None:
    if not database.is_sqlite:
        return  # PostgreSQL plans by statistics; SQLite takes a partial index only for words it reads in the statement
    seen: list[tuple[str, tuple[object, ...]]] = []
    with database.write() as session:
        connection = session.connection()

        @event.listens_for(connection, "before_cursor_execute")
        def _note(_c: object, _cursor: object, statement: str, values: tuple[object, ...], *_: object) -> None:
            seen.append((statement, values))

        deliveries.skip_recipient(session, 7, reason="left")
        deliveries.skip_addresses(session, ["r@example.org"], reason="suppressed")
        ledger.recover(session, now=now)
        ledger.settle_uncertain(session, now=now)
        event.remove(connection, "before_cursor_execute", _note)
        touching = [each for each in seen if each[0].startswith(("UPDATE deliveries", "SELECT deliveries"))]
        assert len(touching) == 5
        for statement, values in touching:
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
            assert re.search("USING INDEX (ix|sqlite_autoindex)_deliveries", plan[0]), (statement, plan)


def test_letters_that_have_ended_are_not_read_to_find_those_that_have_not(database: Database, now: datetime) -> None:
    if not database.is_sqlite:
        return  # PostgreSQL plans by statistics
    with database.write() as session:
        builders.letter(session, 1, now=now)
        seen: list[tuple[str, tuple[object, ...]]] = []

        @event.listens_for(session.connection(), "before_cursor_execute")
        def _note(_c: object, _cursor: object, statement: str, values: tuple[object, ...], *_: object) -> None:
            seen.append((statement, values))

        ledger.finish_letters(session, now=now)
        statement, values = seen[0]
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    assert any("letters USING INDEX ix_letters_open" in row.detail for row in plan), plan
