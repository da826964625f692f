"""Launching: a moment in which an issue can be taken back, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import func, select

from ground.database import Database
from mailer import ledger
from mailer.deliveries import Delivery, State
from mailer.letters import Lane, Letter, LetterState
from mailer.suppressions import Cause, suppress
from newsletters import audience, curate, issues, launch, publish, seal
from newsletters.act import Done, Refused
from newsletters.issues import Exclusion, Issue, IssueState
from newsletters.launch import Seen
from newsletters.schedules import Autonomy
from newsletters.seal import NotPublished, Published
from staff.members import AuditEntry
from tests.newsletters.press import Held, Press, ranges_of
from tests.newsletters.test_compose import SLOT

EDITOR = "editor@example.org"
OTHER = "other@example.org"
WAIT = timedelta(minutes=5)


@pytest.fixture
def press(database: Database, now: datetime) -> Press:
    """An issue that goes only when approved, an hour before its slot, with two readers."""
    press = Press(database, now, Autonomy.APPROVED)
    press.readers("ava@example.org", "dilan@gmail.com")
    press.now = now - timedelta(hours=1)
    return press


def does(press: Press, act: Callable[..., Done | Refused], **how: Any) -> Done | Refused:  # noqa: ANN401 - any act's
    with press.database.write() as session:
        return act(session, press.issue_id, by=EDITOR, now=press.now, **how)


async def test_what_is_sent_now_waits_a_moment_and_goes(press: Press) -> None:
    does(press, launch.send_now, wait=WAIT)
    issue = press.issue()
    assert (issue.state, issue.scheduled_for, issue.approved_by) == (IssueState.HELD, press.now + WAIT, EDITOR)
    assert await press.publisher.publish_due() == []
    waits = await press.publisher.publish(press.issue_id)
    assert waits == NotPublished(issue_id=press.issue_id, reason="It is held until 03:05:00 UTC.")
    assert press.compiler.jobs == []
    press.now += WAIT
    assert await press.publisher.publish_due() == [Published(issue_id=press.issue_id, recipients=2, exclusions=0)]
    with press.database.read() as session:
        assert session.scalars(select(Letter.due_at)).one() == press.now


async def test_what_is_taken_back_goes_only_when_somebody_approves_it(press: Press) -> None:
    does(press, launch.send_now, wait=WAIT)
    press.now += WAIT - timedelta(seconds=1)
    assert isinstance(does(press, launch.take_back), Done)
    issue = press.issue()
    assert (issue.state, issue.approved_at, issue.approved_hash) == (IssueState.DRAFT, None, None)
    assert issue.reason == f"Taken back by {EDITOR}: waits for a person."
    assert issue.scheduled_for == SLOT.due_at, "it has its own time again"
    press.now += timedelta(hours=2)
    assert await press.publisher.publish_due() == []
    assert isinstance(does(press, launch.approve), Done)
    assert [type(each) for each in await press.publisher.publish_due()] == [Published]


async def test_an_automatic_issue_that_was_taken_back_does_not_go_at_its_slot(
    database: Database, now: datetime
) -> None:
    press = Press(database, now)
    press.readers("ava@example.org")
    press.now = now - timedelta(minutes=30)
    does(press, launch.send_now, wait=WAIT)
    does(press, launch.take_back)
    press.now = now
    assert await press.publisher.publish_due() == []
    assert press.issue().state is IssueState.DRAFT


async def test_a_draft_that_would_go_by_itself_is_kept_from_it(database: Database, now: datetime) -> None:
    press = Press(database, now, Autonomy.UNLESS_STOPPED)
    assert isinstance(does(press, launch.take_back), Done)
    assert await press.publisher.publish_due() == []
    again = does(press, launch.take_back)
    assert again == Refused("Issue 1 is a draft that waits for a person already.")


def test_what_goes_sooner_by_itself_is_not_held_up(press: Press) -> None:
    press.now = SLOT.due_at - timedelta(minutes=2)
    does(press, launch.send_now, wait=WAIT)
    assert press.issue().scheduled_for == SLOT.due_at


def test_an_approval_before_the_slot_does_not_wait(press: Press) -> None:
    does(press, launch.approve, wait=WAIT)
    assert (press.issue().state, press.issue().scheduled_for) == (IssueState.APPROVED, SLOT.due_at)
    with press.database.read() as session:
        assert publish.due(session, now=SLOT.due_at) == [press.issue_id], "the mail of 07:00 leaves at 07:00"


def test_an_approval_after_the_slot_can_be_undone(press: Press) -> None:
    press.now = SLOT.due_at + timedelta(minutes=20)
    does(press, launch.approve, wait=WAIT)
    assert (press.issue().state, press.issue().scheduled_for) == (IssueState.HELD, press.now + WAIT)


def test_what_is_held_is_not_edited(press: Press) -> None:
    does(press, launch.send_now, wait=WAIT)
    with press.database.write() as session:
        item = issues.list_items(session, press.issue_id)[0]
        refused = curate.drop(session, item.id, by=EDITOR, now=press.now)
    assert isinstance(refused, Refused)


def test_an_approval_is_for_what_the_editor_saw(press: Press) -> None:
    press.now = SLOT.due_at
    seen = press.issue().revision
    with press.database.write() as session:
        first, second, third = issues.list_items(session, press.issue_id)[:3]
        curate.drop(session, first.id, by=OTHER, now=press.now)
        curate.move(session, third.id, position=1, seen=seen + 1, by=OTHER, now=press.now)
        curate.move(session, second.id, position=1, seen=seen + 2, by=OTHER, now=press.now)
    told = Refused(
        "The issue has changed since you looked: other@example.org took a story out, other@example.org moved a story "
        "(2 times). Look at it again, then decide."
    )
    assert does(press, launch.approve, seen=Seen(seen)) == told
    assert does(press, launch.send_now, seen=Seen(seen), wait=WAIT) == told
    assert press.issue().state is IssueState.DRAFT
    assert isinstance(does(press, launch.approve, seen=Seen(seen + 3)), Done)


def test_every_act_leaves_its_line(press: Press) -> None:
    does(press, launch.send_now, wait=WAIT)
    does(press, launch.take_back)
    with press.database.read() as session:
        trail = session.execute(select(AuditEntry.act, AuditEntry.actor, AuditEntry.detail).order_by(AuditEntry.id))
        assert [tuple(row) for row in trail] == [
            ("issue.send_now", EDITOR, {"revision": 1, "leaves_at": (press.now + WAIT).isoformat()}),
            ("issue.take_back", EDITOR, {"revision": 1}),
        ]


async def test_what_has_left_is_not_taken_back(press: Press) -> None:
    does(press, launch.send_now)
    assert [type(each) for each in await press.publisher.publish_due()] == [Published]
    refused = does(press, launch.take_back)
    assert refused == Refused("Issue 1 is sending: it can no longer be taken back. Pause or cancel it.")


async def test_taken_back_while_its_audience_is_written_it_reaches_nobody_and_can_be_sent_again(
    database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    press = Press(database, now)
    ranges_of(monkeypatch, 2)
    press.readers(*(f"reader{n}@example.org" for n in range(6)))
    with database.write() as session:
        suppress(session, "reader0@example.org", Cause.MANUAL, now=now)
    held = Held(press)
    assert held.freeze(lambda: does(press, launch.take_back)) is False
    ended = await asyncio.to_thread(press.publisher._seal, held.order, is_written=True)
    assert isinstance(ended, NotPublished)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Exclusion)) == 0
    does(press, launch.approve)
    assert await press.publisher.publish_due() == [Published(issue_id=press.issue_id, recipients=5, exclusions=1)]
    # The first freeze, if it still ran somewhere, would not close the second one's audience.
    assert isinstance(await asyncio.to_thread(press.publisher._seal, held.order, is_written=True), NotPublished)
    with database.write() as session:
        for batch in ledger.due_batches(session, Lane.BULK, now=now, limit=9):
            ledger.lease(session, batch, owner="w", until=now + WAIT, now=now)
        rows = session.execute(
            select(Letter.state, Delivery.state, func.count())
            .join(Delivery, Delivery.letter_id == Letter.id)
            .group_by(Letter.state, Delivery.state)
        )
        assert {tuple(row) for row in rows} == {
            (LetterState.CANCELLED, State.SKIPPED, 1),
            (LetterState.SENDING, State.CLAIMED, 5),
        }


@pytest.fixture
def written(database: Database, now: datetime) -> Held:
    """An automatic issue whose audience is written down and not yet sealed."""
    press = Press(database, now)
    press.readers("ava@example.org")
    held = Held(press)
    assert held.freeze(lambda: None)
    return held


def test_a_seal_that_meets_an_undo_seals_nothing(written: Held) -> None:
    press = written.press
    with ThreadPoolExecutor(1) as beside:
        with press.database.write() as session:
            assert isinstance(launch.take_back(session, press.issue_id, by=EDITOR, now=press.now), Done)
            sealing = beside.submit(press.publisher._seal, written.order, is_written=True)
            assert not wait([sealing], timeout=0.2).done, "it waits until the undo is committed"
        assert isinstance(sealing.result(), NotPublished)
    issue = press.issue()
    assert (issue.state, issue.sealed_at, issue.letter_id) == (IssueState.DRAFT, None, None)


def test_an_undo_that_meets_a_seal_is_refused(written: Held) -> None:
    press = written.press
    with ThreadPoolExecutor(1) as beside:
        with press.database.write() as session:
            issue = session.get_one(Issue, press.issue_id, with_for_update=True)
            sealed = seal.close(session, issue, audience.count(session, issue), now=press.now)
            assert isinstance(sealed, Published)
            undoing = beside.submit(does, press, launch.take_back)
            assert not wait([undoing], timeout=0.2).done, "it waits until the seal is committed"
        assert undoing.result() == Refused("Issue 1 is sealed: it can no longer be taken back. Pause or cancel it.")
    assert press.issue().state is IssueState.SEALED


def test_of_an_undo_and_a_seal_at_once_one_wins(written: Held) -> None:
    press = written.press
    together = Barrier(2)

    def undo() -> object:
        together.wait()
        return does(press, launch.take_back)

    def close() -> object:
        together.wait()
        return press.publisher._seal(written.order, is_written=True)

    with ThreadPoolExecutor(2) as threads:
        undone, sealed = (each.result() for each in (threads.submit(undo), threads.submit(close)))
    state = press.issue().state
    assert (type(undone), type(sealed), state) in {
        (Done, NotPublished, IssueState.DRAFT),
        (Refused, Published, IssueState.SEALED),
    }
