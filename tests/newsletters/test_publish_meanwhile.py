"""Publishing while something else happens: a cancel, a pause, a reader who leaves, a second process."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from feedback.figures import issue_figures
from mailer import ledger
from mailer.batches import Batch
from mailer.deliveries import Delivery, State
from mailer.letters import Lane, Letter, LetterState
from mailer.suppressions import Cause, suppress
from newsletters import audience, compose, launch
from newsletters.act import Done
from newsletters.issues import Issue, IssueState
from newsletters.publish import Publisher
from newsletters.seal import NotPublished, Published
from subscribers import choose, leave
from subscribers.consents import Evidence
from subscribers.preferences import Pause
from subscribers.subscriptions import Subscription
from tests.newsletters.builders import (
    BASE_URL,
)
from tests.newsletters.press import Held, Press, ranges_of, recipients


async def test_an_issue_cancelled_while_its_audience_is_written_reaches_nobody(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges_of(monkeypatch, 2)
    press.readers(*(f"reader{n}@example.org" for n in range(7)))
    held = Held(press)

    def cancel() -> None:
        with press.database.write() as session:
            launch.cancel(session, press.issue_id, reason="wrong day", by="editor@example.org", now=press.now)

    assert held.freeze(cancel) is False
    assert await press.publisher.publish(press.issue_id) == NotPublished(issue_id=press.issue_id, reason="wrong day")
    with press.database.write() as session:
        for batch in ledger.due_batches(session, Lane.BULK, now=press.now, limit=9):
            assert ledger.lease(session, batch, owner="w", until=press.now, now=press.now) is None
        rows = session.execute(select(Delivery.state, Delivery.reason)).all()
        assert [tuple(row) for row in rows] == [(State.SKIPPED, "cancelled")] * 2
        assert session.scalars(select(Letter.finished_at)).one() == press.now
        assert ledger.verify(session) == []
        counted = issue_figures(session, press.issue_id)
        assert counted is not None
        assert (counted.still_open, counted.sums_match) == (0, True)


async def test_who_pauses_while_the_audience_is_written_gets_nothing(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges_of(monkeypatch, 2)
    readers = press.readers(*(f"reader{n}@example.org" for n in range(4)))
    held = Held(press)

    def pause_two() -> None:
        with press.database.write() as session:
            for reader in (readers[0], readers[3]):  # one is written down already, one is not
                pause = Pause(edition_id=press.desk.edition, until=press.now + timedelta(days=14))
                choose.choose(session, reader, pause, {}, Evidence(source="preferences"), now=press.now)

    assert held.freeze(pause_two) is True
    # On PostgreSQL a range and a pause may miss each other's rows: the row stands there as if nobody had paused.
    with press.database.write() as session:
        session.execute(
            update(Delivery).where(Delivery.recipient_id == readers[0]).values(state=State.READY, reason=None)
        )
    assert await press.publisher.publish(press.issue_id) == Published(
        issue_id=press.issue_id, recipients=3, exclusions=1
    )
    with press.database.read() as session:
        rows = session.execute(select(Delivery.address, Delivery.state, Delivery.reason).order_by(Delivery.address))
        assert [tuple(row) for row in rows] == [
            ("reader0@example.org", State.SKIPPED, "paused"),
            ("reader1@example.org", State.READY, None),
            ("reader2@example.org", State.READY, None),
        ]
        assert ledger.verify(session) == []


async def test_who_leaves_while_the_audience_is_written_gets_nothing(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges_of(monkeypatch, 2)
    readers = press.readers(*(f"reader{n}@example.org" for n in range(6)))
    held = Held(press)

    def leave_two() -> None:
        with press.database.write() as session:
            for reader in (readers[0], readers[5]):  # one is written down already, one is not
                subscription = session.scalars(select(Subscription).where(Subscription.subscriber_id == reader)).one()
                leave.leave(session, subscription.id, Evidence(source="one-click"), now=press.now)
            suppress(session, "reader1@example.org", Cause.COMPLAINT, now=press.now)

    assert held.freeze(leave_two) is True
    # On PostgreSQL a range and a leave may miss each other's rows: the row stands there as if nobody had left.
    with press.database.write() as session:
        for reader in (readers[0], readers[1]):
            session.execute(
                update(Delivery).where(Delivery.recipient_id == reader).values(state=State.READY, reason=None)
            )
    assert await press.publisher.publish(press.issue_id) == Published(
        issue_id=press.issue_id, recipients=5, exclusions=0
    )
    with press.database.read() as session:
        rows = session.execute(select(Delivery.address, Delivery.state, Delivery.reason).order_by(Delivery.address))
        assert [tuple(row) for row in rows] == [
            ("reader0@example.org", State.SKIPPED, "left"),
            ("reader1@example.org", State.SKIPPED, "suppressed: complaint"),
            ("reader2@example.org", State.READY, None),
            ("reader3@example.org", State.READY, None),
            ("reader4@example.org", State.READY, None),
        ]
        assert ledger.verify(session) == []


async def test_an_issue_that_breaks_the_publisher_does_not_hold_up_the_next(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    press.readers("ava@example.org")
    with press.database.write() as session:
        other = compose.one_off(session, press.desk.edition, now=press.now)
        assert isinstance(other, Issue)
        assert isinstance(launch.approve(session, other.id, by="editor@example.org", now=press.now), Done)
    publish_one = press.publisher.publish

    async def breaks_on_the_first(issue_id: int) -> Published | NotPublished:
        if issue_id == press.issue_id:
            raise RuntimeError("a bug")
        return await publish_one(issue_id)

    monkeypatch.setattr(press.publisher, "publish", breaks_on_the_first)
    assert [each.issue_id for each in await press.publisher.publish_due()] == [other.id]


async def test_a_cancel_in_the_moment_of_starting_is_not_written_over(press: Press) -> None:
    if press.database.is_sqlite:
        return  # its writers are alone
    press.readers("ava@example.org")
    await press.publisher.publish(press.issue_id)
    with press.database.write() as session:
        issue = session.get_one(Issue, press.issue_id)
        issue.state = IssueState.SEALED
        session.get_one(Letter, issue.letter_id).state = LetterState.BUILDING
    with press.database.write() as session:
        launch.cancel(session, press.issue_id, reason="wrong lead", by="editor@example.org", now=press.now)
        starting = asyncio.create_task(asyncio.to_thread(press.publisher._start, press.issue_id))
        await asyncio.sleep(0.3)
        assert not starting.done()
    await starting
    assert press.issue().state is IssueState.CANCELLED
    with press.database.read() as session:
        assert session.scalars(select(Letter.state)).one() is LetterState.CANCELLED


async def test_two_processes_that_publish_the_same_issue_write_its_audience_once(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges_of(monkeypatch, 3)
    press.readers(*(f"reader{n}@example.org" for n in range(20)))
    with press.database.write() as session:
        suppress(session, "reader4@example.org", Cause.MANUAL, now=press.now)
    publishers = [
        Publisher(press.database, press.compiler, press.engine, lambda: press.now, BASE_URL) for _ in range(2)
    ]
    # On PostgreSQL one of them may run into the other's rows and break off; the other goes on.
    ended = await asyncio.gather(*(each.publish(press.issue_id) for each in publishers), return_exceptions=True)
    assert Published(issue_id=press.issue_id, recipients=19, exclusions=1) in ended
    with press.database.read() as session:
        assert session.get_one(Issue, press.issue_id).state is IssueState.SENDING
        assert len(set(recipients(session))) == len(recipients(session)) == 19
        assert session.scalar(select(func.sum(Batch.size))) == 19
        assert session.scalar(select(func.count(Letter.id))) == 1
        assert ledger.verify(session) == []
    wanted = {each.key for each in press.engine.submitted}
    assert len(wanted) == len(press.engine.submitted)


async def test_a_cancel_that_meets_a_range_being_written_waits_for_it(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges_of(monkeypatch, 2)
    press.readers(*(f"reader{n}@example.org" for n in range(8)))
    held = Held(press)
    with press.database.write() as session:
        for n in range(8):
            if n % 2:
                suppress(session, f"reader{n}@example.org", Cause.MANUAL, now=press.now)
    write_range = audience.take_over
    cancelling: list[Future[object]] = []

    def cancel() -> object:
        with press.database.write() as session:
            return launch.cancel(session, press.issue_id, reason="wrong day", by="editor@example.org", now=press.now)

    with ThreadPoolExecutor(1) as threads:

        def beside(*order: Any) -> None:  # noqa: ANN401 - whatever a range is written with
            if not cancelling:
                cancelling.append(threads.submit(cancel))
                time.sleep(0.2)  # it has begun, and waits
            write_range(*order)

        monkeypatch.setattr(audience, "take_over", beside)
        try:
            assert held.freeze(lambda: wait(cancelling)) is False
        finally:
            assert isinstance(cancelling[0].result(), Done)
    with press.database.read() as session:
        assert session.scalars(select(Letter.state)).one() is LetterState.CANCELLED
        assert session.scalar(select(func.count(Delivery.id))) == 1
        assert ledger.verify(session) == []
