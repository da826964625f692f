"""The dispatcher: a batch from the ledger to a transport and back."""

from __future__ import annotations

import asyncio
import gc
import itertools
import sys
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import event, func, select, text, update
from sqlalchemy.orm import Session

from ground.database import Database
from mailer import deliveries, ledger, letters, notices
from mailer.admission import Admission
from mailer.batches import SIZE, Batch
from mailer.books import Books, Habits
from mailer.deliveries import Attempt, Delivery, Event, State
from mailer.envelope import Envelope
from mailer.letters import Lane, Letter, LetterState
from mailer.passage import Passage
from mailer.press import AHEAD, RUN, Unsignable
from mailer.recovery import Recovered
from mailer.results import Record
from mailer.suppressions import Suppression
from mailer.transports import Outcome, Result, Stage
from mailer.transports.memory import MemoryTransport, accept
from mailer.transports.route import Route, Tls
from mailer.transports.smtp import SmtpTransport
from tests.bulk_writers import watched
from tests.mailer import builders
from tests.mailer.doubles import ScriptedServer, dispatcher


class Time:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(now: datetime) -> Time:
    return Time(now)


def write_letter(database: Database, count: int, clock: Time) -> int:
    with database.write() as session:
        return builders.letter(session, count, now=clock.now)


def due(database: Database, clock: Time, lane: Lane = Lane.BULK) -> list[int]:
    with database.read() as session:
        return ledger.due_batches(session, lane, now=clock.now, limit=100)


def states(database: Database, letter_id: int) -> dict[State, int]:
    with database.read() as session:
        assert ledger.verify(session) == []
        return {state: number for state, number in ledger.counts(session, letter_id).items() if number}


def answers(*said: Outcome) -> Callable[[Envelope], Outcome]:
    """Says each of these once, then accepts."""
    left = list(said)
    return lambda envelope: left.pop(0) if left else accept(envelope)


def says(result: Result, stage: Stage, code: int | None = None, reply: str = "") -> Outcome:
    enhanced = reply.split(maxsplit=1)[0] if code and reply[:1].isdigit() else None
    return Outcome(result=result, stage=stage, code=code, enhanced=enhanced, reply=reply)


async def test_every_recipient_gets_the_letter_once_and_the_letter_ends(database: Database, clock: Time) -> None:
    letter_id = write_letter(database, 1_050, clock)
    transport = MemoryTransport()
    sender = dispatcher(database, transport, clock=clock)
    for batch in due(database, clock):
        await sender.send_batch(batch)
    recipients = [envelope.recipient for envelope, _ in transport.sent]
    assert sorted(recipients) == sorted(f"reader-{number}@example.org" for number in range(1_050))
    assert states(database, letter_id) == {State.ACCEPTED: 1_050}
    with database.read() as session:
        letter = session.scalars(select(Letter)).one()
        assert letter.state is LetterState.FINISHED
    envelope, message = transport.sent[0]
    assert envelope.return_path == "b+1@bounces.test"
    assert message.startswith(b"To: reader-0@example.org\r\n")


async def test_nothing_is_handed_over_before_its_intent_is_committed(database: Database, clock: Time) -> None:
    write_letter(database, 60, clock)
    seen: list[tuple[State, int]] = []

    def look(envelope: Envelope) -> Outcome:
        with database.read() as session:
            row = session.execute(
                select(Delivery.state, Delivery.attempt).where(Delivery.address == envelope.recipient)
            ).one()
            seen.append((row.state, row.attempt))
        return accept(envelope)

    await dispatcher(database, MemoryTransport(answer=look), clock=clock).send_batch(due(database, clock)[0])
    assert seen == [(State.SENDING, 1)] * 60


async def test_a_batch_sent_twice_at_once_is_sent_once(database: Database, clock: Time) -> None:
    letter_id = write_letter(database, 40, clock)
    transport = MemoryTransport()
    one = dispatcher(database, transport, clock=clock)
    two = dispatcher(database, transport, clock=clock, owner="worker-2")
    [batch] = due(database, clock)
    await asyncio.gather(one.send_batch(batch), two.send_batch(batch), one.send_batch(batch))
    await one.send_batch(batch)
    await one.send_batch(10**6)
    assert len(transport.sent) == 40
    assert states(database, letter_id) == {State.ACCEPTED: 40}


async def test_answers_become_states_and_the_log_names_them(database: Database, clock: Time) -> None:
    letter_id = write_letter(database, 6, clock)
    said = answers(
        says(Result.DEFERRED, Stage.RCPT, 450, "4.2.0 Greylisted"),
        says(Result.REFUSED, Stage.RCPT, 550, "5.1.1 User unknown"),
        says(Result.REFUSED, Stage.DOT, 550, "5.7.1 Blocked as spam"),
        says(Result.UNCERTAIN, Stage.DOT, None, "Unexpected EOF received"),
        says(Result.REFUSED, Stage.RCPT, None, "needs SMTPUTF8"),
    )
    await dispatcher(database, MemoryTransport(answer=said, connections=1), clock=clock).send_batch(1)
    expected = {State.DEFERRED: 1, State.FAILED: 3, State.UNCERTAIN: 1, State.ACCEPTED: 1}
    assert states(database, letter_id) == expected
    with database.read() as session:
        rows = session.execute(
            select(Delivery.reason, Delivery.bounce_kind, Delivery.code, Delivery.stage).order_by(Delivery.id)
        ).all()
        assert [tuple(row) for row in rows] == [
            (None, None, 450, "rcpt"),
            ("refused: hard", "hard", 550, "rcpt"),
            ("refused: policy", "policy", 550, "dot"),
            ("no valid reply after the message was handed over", None, None, "dot"),
            ("needs SMTPUTF8", None, None, "rcpt"),
            (None, None, 250, None),
        ]
        attempts = session.scalars(select(Attempt.outcome).order_by(Attempt.delivery_id)).all()
        assert attempts == ["deferred", "failed", "failed", "uncertain", "failed"]
        assert session.scalars(select(Suppression.address_key)).all() == ["reader-1@example.org"]


async def test_a_deferred_delivery_is_tried_by_the_schedule_until_its_letter_expires(
    database: Database, clock: Time
) -> None:
    letter_id = write_letter(database, 1, clock)
    start, tries = clock.now, []

    def later(_: Envelope) -> Outcome:
        tries.append((clock.now - start) / timedelta(minutes=1))
        return says(Result.DEFERRED, Stage.RCPT, 451, "4.3.0 Later")

    sender = dispatcher(database, MemoryTransport(answer=later), clock=clock)
    for _ in range(60):
        for batch in due(database, clock):
            await sender.send_batch(batch)
        with database.read() as session:
            clock.now = session.scalars(select(Batch.next_at)).one()
    gaps = [after - before for before, after in itertools.pairwise(tries)]
    for gap, planned in zip(gaps, [5, 15, 45, 120, 240, 480], strict=False):
        assert 0.8 * planned <= gap <= 1.2 * planned
    assert 6 <= len(tries) <= 8
    assert states(database, letter_id) == {State.FAILED: 1}
    with database.read() as session:
        assert session.scalars(select(Delivery.reason)).one() == "expired"
        assert session.scalars(select(Suppression)).all() == []


async def test_a_row_that_cannot_be_written_fails_and_the_others_go(database: Database, clock: Time) -> None:
    letter_id = write_letter(database, 30, clock)
    with database.write() as session:
        session.execute(update(Delivery).where(Delivery.id.in_([3, 17])).values(fields={"name": None}))
    transport = MemoryTransport()
    await dispatcher(database, transport, clock=clock).send_batch(1)
    assert states(database, letter_id) == {State.ACCEPTED: 28, State.FAILED: 2}
    with database.read() as session:
        bad = session.execute(select(Delivery.reason, Delivery.attempt).where(Delivery.id == 3)).one()
        assert tuple(bad) == ("cannot be written: field name is empty", 0)


async def test_a_route_that_is_down_rests_and_no_recipient_is_touched(database: Database, clock: Time) -> None:
    letter_id = write_letter(database, 300, clock)
    down = [True]

    def answer(envelope: Envelope) -> Outcome:
        return says(Result.UNREACHABLE, Stage.CONNECT, None, "Connection refused") if down[0] else accept(envelope)

    transport = MemoryTransport(answer=answer)
    sender = dispatcher(database, transport, clock=clock)
    await sender.send_batch(1)
    assert due(database, clock) == []
    assert states(database, letter_id) == {State.READY: 300}
    with database.read() as session:
        assert session.scalars(select(func.max(Delivery.attempt))).one() == 0
        assert session.scalars(select(func.count(Attempt.id))).one() <= transport.connections
    clock.now += timedelta(seconds=6)
    down[0] = False
    assert due(database, clock) == [1]
    await sender.send_batch(1)
    assert states(database, letter_id) == {State.ACCEPTED: 300}


async def test_while_a_route_rests_no_batch_tries_it(database: Database, clock: Time) -> None:
    write_letter(database, 600, clock)
    tried = []

    def answer(envelope: Envelope) -> Outcome:
        tried.append(envelope)
        return says(Result.UNREACHABLE, Stage.AUTH, 535, "5.7.8 Wrong password")

    sender = dispatcher(database, MemoryTransport(answer=answer, connections=2), clock=clock)
    for batch in due(database, clock):
        await sender.send_batch(batch)
    assert len(tried) <= 2
    clock.now += timedelta(minutes=14)
    assert due(database, clock) == []


async def test_one_dropped_connection_does_not_stop_the_batch(database: Database, clock: Time) -> None:
    letter_id = write_letter(database, 50, clock)
    said = answers(says(Result.UNREACHABLE, Stage.RCPT, None, "Unexpected EOF received"))
    sender = dispatcher(database, MemoryTransport(answer=said), clock=clock)
    await sender.send_batch(1)
    assert states(database, letter_id) == {State.ACCEPTED: 49, State.READY: 1}
    clock.now += timedelta(seconds=6)
    await sender.send_batch(1)
    assert states(database, letter_id) == {State.ACCEPTED: 50}


async def test_a_server_that_never_answers_the_dot_is_not_given_the_whole_audience(
    database: Database, clock: Time
) -> None:
    letter_id = write_letter(database, 400, clock)
    transport = MemoryTransport(answer=lambda _: says(Result.UNCERTAIN, Stage.DOT, None, "timeout"), connections=3)
    await dispatcher(database, transport, clock=clock).send_batch(1)
    assert states(database, letter_id)[State.UNCERTAIN] <= 8


async def test_when_our_sender_is_refused_again_and_again_the_letter_is_paused(database: Database, clock: Time) -> None:
    letter_id = write_letter(database, 200, clock)
    refusal = says(Result.REFUSED, Stage.MAIL, 550, "5.7.1 Sender not allowed")
    transport = MemoryTransport(answer=lambda _: refusal, connections=2)
    await dispatcher(database, transport, clock=clock).send_batch(1)
    found = states(database, letter_id)
    assert found[State.DEFERRED] <= 8  # nobody loses the letter by what is our own fault
    assert found[State.READY] >= 192
    with database.read() as session:
        assert session.scalars(select(Letter.state)).one() is LetterState.PAUSED
        assert session.scalars(select(Suppression)).all() == []


class Slow:
    """A transport whose every message takes a moment."""

    name = "slow"
    connections = 4

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.begun = asyncio.Event()
        self.gate: asyncio.Event | None = None

    async def send(self, envelope: Envelope, _: bytes) -> Outcome:
        self.begun.set()
        await asyncio.sleep(0.002)
        if self.gate is not None:
            await self.gate.wait()
        self.sent.append(envelope.recipient)
        return accept(envelope)

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("stop", ["pause", "cancel", "drain"])
async def test_pause_cancel_and_the_end_of_the_process_stop_a_batch_midway(
    database: Database, clock: Time, stop: str
) -> None:
    letter_id = write_letter(database, 500, clock)
    transport = Slow()
    sender = dispatcher(database, transport, clock=clock)
    sending = asyncio.create_task(sender.send_batch(1))
    await transport.begun.wait()
    if stop == "drain":
        sender.drain()
    else:
        with database.write() as session:
            letters.pause(session, letter_id) if stop == "pause" else ledger.cancel(session, letter_id, now=clock.now)
    await asyncio.wait_for(sending, 1.0)
    found = states(database, letter_id)
    assert found[State.ACCEPTED] == len(transport.sent) < 200
    assert found[State.READY] == 500 - len(transport.sent)
    if stop == "cancel":
        await sender.send_batch(1)
        assert states(database, letter_id)[State.SKIPPED] == 500 - len(transport.sent)


async def test_who_leaves_while_the_batch_is_under_way_is_not_sent_to(database: Database, clock: Time) -> None:
    letter_id = write_letter(database, 500, clock)
    transport = Slow()
    sending = asyncio.create_task(dispatcher(database, transport, clock=clock).send_batch(1))
    await transport.begun.wait()
    with database.write() as session:
        last = session.scalars(select(Delivery).order_by(Delivery.id.desc()).limit(1)).one()
        deliveries.skip_recipient(session, last.recipient_id, reason="left")
    await sending
    assert states(database, letter_id) == {State.ACCEPTED: 499, State.SKIPPED: 1}
    assert "reader-499@example.org" not in transport.sent


async def test_a_cancelled_dispatch_gives_back_what_waits_and_names_what_was_in_flight(
    database: Database, clock: Time
) -> None:
    letter_id = write_letter(database, 100, clock)
    transport = Slow()
    transport.gate = asyncio.Event()
    sending = asyncio.create_task(dispatcher(database, transport, clock=clock).send_batch(1))
    await transport.begun.wait()
    await asyncio.sleep(0.05)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert states(database, letter_id) == {State.UNCERTAIN: 4, State.READY: 96}


async def test_a_dispatch_cancelled_while_its_intents_are_written_leaves_nothing_in_doubt(
    database: Database, clock: Time
) -> None:
    letter_id = write_letter(database, 8, clock)
    transport = MemoryTransport()
    other = Database(database.url)
    sender = dispatcher(other, transport, clock=clock)
    with other.write() as session:
        held = ledger.lease(session, 1, owner="worker-1", until=clock.now + timedelta(minutes=15), now=clock.now)
    assert held is not None
    letters_of = await sender._load({held.rows[0].variant_id})
    [line] = sender._lanes[Lane.BULK]
    with database.write() as session:
        hold_writers(session)
        run = asyncio.create_task(
            Passage(line, Books(sender._desk, held.lease, Admission("memory")), clock).run(
                held, partial(sender._press.write, line.way.relay, letters_of, {})
            )
        )
        await asyncio.sleep(0.2)  # its thread waits for the lock
        run.cancel()
        await asyncio.sleep(0.05)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(run, 5)
    other.dispose()
    assert transport.sent == []
    assert states(database, letter_id) == {State.READY: 8}
    with database.read() as session:
        assert set(session.scalars(select(Delivery.attempt))) == {0}


async def test_a_transport_with_a_bug_leaves_one_row_in_doubt_and_the_worker_alive(
    database: Database, clock: Time
) -> None:
    letter_id = write_letter(database, 20, clock)
    left = [True]

    def buggy(envelope: Envelope) -> Outcome:
        if left and left.pop():
            raise RuntimeError("a bug")
        return accept(envelope)

    await dispatcher(database, MemoryTransport(answer=buggy), clock=clock).send_batch(1)
    assert states(database, letter_id) == {State.ACCEPTED: 19, State.UNCERTAIN: 1}


async def test_a_broken_variant_is_nobodys_failure(database: Database, clock: Time) -> None:
    letter_id = write_letter(database, 20, clock)
    sender = dispatcher(database, MemoryTransport(), clock=clock)

    def unreadable(_: bytes) -> bytes:
        raise KeyError("a field it never had")

    object.__setattr__(sender._press, "load", unreadable)
    with pytest.raises(KeyError):
        await sender.send_batch(1)
    assert states(database, letter_id) == {State.READY: 20}
    assert due(database, clock) == []


def hold_writers(session: Session) -> None:
    """Nobody else can write deliveries until the session ends."""
    connection = session.connection()  # begins, which on SQLite takes its one write lock
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE deliveries IN EXCLUSIVE MODE"))


async def test_results_are_kept_while_the_database_is_locked(database: Database, clock: Time) -> None:
    letter_id = write_letter(database, 8, clock)
    transport = Slow()
    transport.connections = 8
    hasty = Database(database.url, busy_timeout_ms=10)
    sending = asyncio.create_task(
        dispatcher(hasty, transport, clock=clock, habits=Habits(retry_seconds=0.02)).send_batch(1)
    )
    await transport.begun.wait()
    with database.write() as session:
        hold_writers(session)
        await asyncio.sleep(0.2)
        assert len(transport.sent) == 8
        assert not sending.done()
    await asyncio.wait_for(sending, 5)
    hasty.dispose()
    assert states(database, letter_id) == {State.ACCEPTED: 8}


async def test_without_a_committed_intent_nothing_is_sent(database: Database, clock: Time) -> None:
    letter_id = write_letter(database, 8, clock)
    transport = MemoryTransport()
    hasty = Database(database.url, busy_timeout_ms=10)
    sender = dispatcher(hasty, transport, clock=clock, habits=Habits(retry_seconds=0.02))
    with hasty.write() as session:
        held = ledger.lease(session, 1, owner="worker-1", until=clock.now + timedelta(minutes=15), now=clock.now)
    assert held is not None
    letters_of = await sender._load({held.rows[0].variant_id})
    [line] = sender._lanes[Lane.BULK]
    with database.write() as session:
        hold_writers(session)
        run = asyncio.create_task(
            Passage(line, Books(sender._desk, held.lease, Admission("memory")), clock).run(
                held, partial(sender._press.write, line.way.relay, letters_of, {})
            )
        )
        await asyncio.sleep(0.1)
        assert transport.sent == []
    await asyncio.wait_for(run, 5)
    hasty.dispose()
    # SQLite gives up after its busy timeout, PostgreSQL waits for its turn and then sends.
    assert states(database, letter_id) == {State.READY if database.is_sqlite else State.ACCEPTED: 8}


async def test_a_group_is_signed_at_once_and_what_cannot_be_signed_fails_alone(database: Database, clock: Time) -> None:
    letter_id = write_letter(database, 6, clock)
    groups: list[tuple[int, datetime]] = []

    async def sign(messages: Sequence[bytes], at: datetime) -> list[bytes | Unsignable]:
        groups.append((len(messages), at))
        return [Unsignable("no From") if b"reader-2@" in each else b"Signed: yes\r\n" + each for each in messages]

    transport = MemoryTransport(connections=6)
    for batch in due(database, clock):
        await dispatcher(database, transport, clock=clock, sign=sign).send_batch(batch)
    assert groups == [(6, clock.now)]
    assert all(message.startswith(b"Signed: yes\r\n") for _, message in transport.sent)
    assert states(database, letter_id) == {State.ACCEPTED: 5, State.FAILED: 1}
    with database.read() as session:
        reason = session.scalars(select(Delivery.reason).where(Delivery.state == State.FAILED)).one()
    assert reason == "cannot be written: cannot be signed: no From"


async def test_a_batch_is_signed_ahead_of_its_sending_and_every_row_once(database: Database, clock: Time) -> None:
    letter_id = write_letter(database, 203, clock)
    groups: list[int] = []
    under_way = most = 0

    async def sign(messages: Sequence[bytes], at: datetime) -> list[bytes | Unsignable]:  # noqa: ARG001 - as Sign has it
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        groups.append(len(messages))
        await asyncio.sleep(0.001 * (len(groups) % 3))
        under_way -= 1
        return list(messages)

    transport = MemoryTransport(connections=5)
    for batch in due(database, clock):
        await dispatcher(database, transport, clock=clock, sign=sign).send_batch(batch)
    assert states(database, letter_id) == {State.ACCEPTED: 203}
    assert (sum(groups), max(groups), most) == (203, RUN, AHEAD)
    recipients = [envelope.recipient for envelope, _ in transport.sent]
    assert len(set(recipients)) == 203
    assert all(f"To: {envelope.recipient}\r\n".encode() in message for envelope, message in transport.sent)


async def test_what_was_written_ahead_and_is_not_wanted_is_let_go(database: Database, clock: Time) -> None:
    letter_id = write_letter(database, 200, clock)
    waits, all_begun = asyncio.Event(), asyncio.Event()
    begun: list[int] = []

    async def sign(messages: Sequence[bytes], at: datetime) -> list[bytes | Unsignable]:  # noqa: ARG001 - as Sign has it
        begun.append(len(messages))
        if len(begun) == AHEAD:
            all_begun.set()
        await waits.wait()
        return list(messages)

    sending = asyncio.create_task(dispatcher(database, MemoryTransport(), clock=clock, sign=sign).send_batch(1))
    await asyncio.wait_for(all_begun.wait(), 5)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert states(database, letter_id) == {State.READY: 200}
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_signing_that_breaks_is_nobodys_failure(database: Database, clock: Time) -> None:
    letter_id = write_letter(database, 6, clock)

    async def sign(messages: Sequence[bytes], at: datetime) -> list[bytes | Unsignable]:  # noqa: ARG001 - as Sign has it
        raise BrokenProcessPool("the children died")

    transport = MemoryTransport()
    for batch in due(database, clock):
        with pytest.raises(BrokenProcessPool):
            await dispatcher(database, transport, clock=clock, sign=sign).send_batch(batch)
    assert transport.sent == []
    assert states(database, letter_id) == {State.READY: 6}
    for batch in due(database, clock):
        await dispatcher(database, transport, clock=clock).send_batch(batch)
    assert states(database, letter_id) == {State.ACCEPTED: 6}


@pytest.mark.slow
async def test_a_thousand_messages_cost_few_commits(database: Database, clock: Time) -> None:
    write_letter(database, 1_000, clock)
    commits: list[object] = []
    event.listen(database.writer, "commit", commits.append)
    sender = dispatcher(database, MemoryTransport(connections=10), clock=clock)
    for batch in due(database, clock):
        await sender.send_batch(batch)
    assert len(commits) < 60


async def test_a_thousand_messages_cost_few_statements_and_few_rows_each(database: Database, clock: Time) -> None:
    write_letter(database, 1_000, clock)
    sender = dispatcher(database, MemoryTransport(connections=10), clock=clock)
    statements: list[bool] = []
    event.listen(database.writer, "before_cursor_execute", lambda *args: statements.append(bool(args[5])), named=False)
    for batch in due(database, clock):
        await sender.send_batch(batch)
    assert len(statements) < 100
    assert not any(statements), "a statement was run once for each row"


async def test_what_a_batch_took_is_given_back(database: Database, clock: Time) -> None:
    write_letter(database, 2_000, clock)
    transport = MemoryTransport(connections=10)
    sender = dispatcher(database, transport, clock=clock)
    blocks = []
    for batch in due(database, clock):
        await sender.send_batch(batch)
        transport.sent.clear()
        gc.collect()
        blocks.append(sys.getallocatedblocks())
    # The first ones compile statements, and so does the last, with which the letter ends; in between nothing may be left of
    # 500 messages but what caches hold.
    assert blocks[-2] - blocks[-3] < 100, blocks


async def test_a_sender_writes_in_short_turns(database: Database, clock: Time) -> None:
    if not database.is_sqlite:
        return  # PostgreSQL's writers do not wait for each other
    write_letter(database, 1_000, clock)
    with watched(database) as seen:
        sender = dispatcher(database, MemoryTransport(connections=10), clock=clock)
        await asyncio.gather(*(sender.send_batch(batch) for batch in due(database, clock)))
    assert seen.bulk_turns >= len(seen.rows) > 10
    assert max(seen.rows) <= SIZE + 1  # a batch and its rows


class Together(ScriptedServer):
    """Answers no final dot before so many messages wait for it."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._all_here = asyncio.Barrier(count)

    async def _say(self, writer: asyncio.StreamWriter, reply: str) -> bool:
        if "queued as" in reply:
            await asyncio.wait_for(self._all_here.wait(), 20)
        return await super()._say(writer, reply)


def write_notices(database: Database, count: int, clock: Time) -> list[int]:
    with database.write() as session:
        return [
            notices.enqueue(
                session,
                "confirm",
                notices.Notice(
                    variant_id=builders.variant(session, clock.now),
                    recipient_id=number,
                    address=f"new-{number}@example.org",
                    address_key=f"new-{number}@example.org",
                    domain_group="other",
                    fields={"name": "New"},
                ),
                now=clock.now,
            )
            for number in range(count)
        ]


async def test_notices_do_not_queue_one_behind_another(database: Database, clock: Time) -> None:
    batches = write_notices(database, 4, clock)
    async with Together(4).running() as server:
        route = Route(host="127.0.0.1", port=server.port, tls=Tls.NONE, helo="news.test", connections=4)
        sender = dispatcher(database, SmtpTransport(route), clock=clock)
        await asyncio.gather(*(sender.send_batch(batch) for batch in batches))
        await sender.close()
    assert len(server.messages) == 4
    assert server.connections == 4


class Counting(Slow):
    """Counts how many messages are in flight at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0

    async def send(self, envelope: Envelope, message: bytes) -> Outcome:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await super().send(envelope, message)
        finally:
            self.now -= 1


async def test_however_many_batches_go_at_once_no_more_is_in_flight_than_there_are_connections(
    database: Database, clock: Time
) -> None:
    transport = Counting()
    sender = dispatcher(database, transport, clock=clock)
    with database.write() as session:
        big = [builders.letter(session, 40, now=clock.now) for _ in range(2)]
        small = [builders.letter(session, 1, now=clock.now) for _ in range(6)]
    await asyncio.gather(*(sender.send_batch(batch) for batch in due(database, clock)))
    assert transport.most == transport.connections
    for letter_id in (*big, *small):
        assert set(states(database, letter_id)) == {State.ACCEPTED}


async def test_a_batch_cancelled_while_it_waits_for_its_turn_goes_back_at_once(database: Database, clock: Time) -> None:
    transport = Slow()
    transport.gate = asyncio.Event()
    sender = dispatcher(database, transport, clock=clock)
    first, second = write_letter(database, 40, clock), write_letter(database, 40, clock)
    one, two = (asyncio.create_task(sender.send_batch(batch)) for batch in due(database, clock))
    await transport.begun.wait()
    while states(database, second) != {State.CLAIMED: 40}:  # noqa: ASYNC110 - the ledger is all there is to watch
        await asyncio.sleep(0.01)
    two.cancel()
    with pytest.raises(asyncio.CancelledError):
        await two
    assert states(database, second) == {State.READY: 40}
    transport.gate.set()
    await one
    assert states(database, first) == {State.ACCEPTED: 40}
    await sender.send_batch(due(database, clock)[0])
    assert states(database, second) == {State.ACCEPTED: 40}


async def test_a_batch_keeps_its_letter_whatever_else_is_compiled_meanwhile(database: Database, clock: Time) -> None:
    letter_id = write_letter(database, 40, clock)
    transport = Slow()
    sender = dispatcher(database, transport, clock=clock)
    sending = asyncio.create_task(sender.send_batch(1))
    await transport.begun.wait()
    sender._compiled.clear()  # 32 other letters have been read: notices of many editions
    await sending
    assert states(database, letter_id) == {State.ACCEPTED: 40}


async def test_a_notice_is_not_paused_and_goes_when_our_sender_is_accepted_again(
    database: Database, clock: Time
) -> None:
    refusal = says(Result.REFUSED, Stage.MAIL, 550, "5.7.1 Sender not allowed")
    refused = [refusal] * 6
    sender = dispatcher(database, MemoryTransport(answer=answers(*refused)), clock=clock)
    for batch in write_notices(database, 6, clock):
        await sender.send_batch(batch)
    with database.read() as session:
        assert set(session.scalars(select(Letter.state))) == {LetterState.SENDING}
        assert set(session.scalars(select(Delivery.state))) == {State.DEFERRED}
    clock.now += timedelta(minutes=7)
    for batch in due(database, clock, Lane.TX):
        await sender.send_batch(batch)
    with database.read() as session:
        assert set(session.scalars(select(Letter.state))) == {LetterState.FINISHED}


def test_a_batch_with_an_unwritten_result_stays_leased_and_then_that_row_is_in_doubt(
    database: Database, clock: Time
) -> None:
    letter_id = write_letter(database, 3, clock)
    until = clock.now + timedelta(minutes=15)
    with database.write() as session:
        held = ledger.lease(session, 1, owner="worker-1", until=until, now=clock.now)
        assert held is not None
        ledger.intend(session, held.lease, [held.rows[0].id], owner="worker-1", now=clock.now)
        others = [Record(id=row.id, attempt=1, event=Event.ACCEPT) for row in held.rows[1:]]
        ledger.intend(session, held.lease, [each.id for each in others], owner="worker-1", now=clock.now)
        ledger.record(session, others, owner="worker-1", now=clock.now)
        ledger.close(session, held.lease, owner="worker-1", now=clock.now)
    assert due(database, clock) == []
    clock.now = until + timedelta(seconds=1)
    assert due(database, clock) == []
    with database.write() as session:
        assert ledger.recover(session, now=clock.now) == Recovered(released=0, uncertain=1, batches=1)
    assert states(database, letter_id) == {State.ACCEPTED: 2, State.UNCERTAIN: 1}


async def test_a_letter_larger_than_the_relay_takes_is_held_and_nobody_has_bounced(
    database: Database, clock: Time
) -> None:
    letter_id = write_letter(database, 40, clock)
    async with ScriptedServer(EHLO="250-mx.test\r\n250 SIZE 20").running() as server:
        route = Route(host="127.0.0.1", port=server.port, tls=Tls.NONE, helo="news.test", connections=2)
        sender = dispatcher(database, SmtpTransport(route), clock=clock)
        await sender.send_batch(1)
        await sender.close()
    assert not [command for command in server.commands if command.startswith("MAIL")]
    found = states(database, letter_id)
    assert found[State.DEFERRED] <= 8
    assert found[State.READY] >= 32
    with database.read() as session:
        assert session.scalars(select(Letter.state)).one() is LetterState.PAUSED
        assert session.scalars(select(Suppression)).all() == []
        told = set(session.scalars(select(Delivery.reply).where(Delivery.state == State.DEFERRED)))
    assert told == {"too large for this relay, which takes 20 bytes"}
