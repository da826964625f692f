"""Choosing without a door: what the rows and the open deliveries say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ground.database import Database
from mailer import ledger
from mailer.batches import Batch
from mailer.deliveries import Delivery, State
from mailer.letters import Lane, Variant
from mailer.notices import Notice, enqueue
from newsletters import newsletters, schedules
from newsletters.newsletters import NewEdition
from newsletters.schedules import Schedule, Terms
from subscribers import choose, complain, preferences
from subscribers.choose import Chosen, Refused, Why
from subscribers.consents import Evidence
from subscribers.preferences import Choice, Follow, Pause, Speak, TurnOff, TurnOn
from subscribers.subscriptions import Subscription, SubscriptionState
from tests.newsletters.builders import a_desk, a_reader

PAGE = Evidence(source="preferences", wording="It comes.")


@pytest.fixture
def reader(database: Database, now: datetime) -> int:
    """A reader of edition 1, beside which there is an edition 2 and a weekly schedule (2) of the first."""
    with database.write() as session:
        desk = a_desk(session, now)
        weekly = schedules.add(session, desk.edition, "fri 09:00 Asia/Baghdad", now=now, terms=Terms(name="weekly"))
        assert isinstance(weekly, Schedule)
        other = newsletters.add_edition(
            session,
            1,
            NewEdition(language="ckb", title="پوختە", tagline="کورت", frequency="ڕۆژانە", zone="Asia/Baghdad"),
            now=now,
        )
        assert not isinstance(other, newsletters.NewsletterProblem), other
        return a_reader(session, desk.edition, "a@example.org", now)


OFFER = {1: frozenset({2}), 2: frozenset[int]()}


def press(database: Database, reader: int, choice: Choice, now: datetime) -> Chosen | Refused:
    with database.write() as session:
        return choose.choose(session, reader, choice, OFFER, PAGE, now=now)


def waiting(database: Database, reader: int, now: datetime) -> int:
    """An open delivery of edition 1; its batch."""
    with database.write() as session:
        variant = Variant(digest=f"v{now.timestamp()}", language="en", compiled=b"", created_at=now)
        session.add(variant)
        session.flush()
        notice = Notice(
            variant_id=variant.id,
            recipient_id=reader,
            address="a@example.org",
            address_key="a@example.org",
            domain_group="other",
            fields={},
            scope="edition:1",
        )
        return enqueue(session, "daily", notice, now=now)


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        (Pause(edition_id=1, until=datetime(2026, 3, 23, tzinfo=UTC)), "paused"),
        (TurnOff(edition_ids=(1,)), "left"),
        (TurnOff(edition_ids=None), "left"),
    ],
)
def test_the_last_look_before_a_letter_leaves_sees_a_pause_and_a_leave(
    database: Database, reader: int, now: datetime, choice: Choice, reason: str
) -> None:
    batch = waiting(database, reader, now)
    until = now + timedelta(minutes=5)
    with database.write() as session:
        held = ledger.lease(session, batch, owner="one", until=until, now=now)
        assert held is not None
    press(database, reader, choice, now)
    with database.write() as session:
        ids = [row.id for row in held.rows]
        assert ledger.intend(session, held.lease, ids, owner="one", now=now) == {}
        row = session.get_one(Delivery, ids[0])
        assert (row.state, row.reason) == (State.SKIPPED, reason)
        assert session.get_one(Batch, batch).lane is Lane.TX


def test_a_change_of_rhythm_or_language_keeps_what_is_on_its_way(
    database: Database, reader: int, now: datetime
) -> None:
    waiting(database, reader, now)
    press(database, reader, Follow(edition_id=1, schedule_id=2), now)
    press(database, reader, Speak(language="ckb"), now)
    with database.read() as session:
        assert session.get_one(Delivery, 1).state is State.READY


def test_after_a_complaint_only_a_new_sign_up_leads_back(database: Database, reader: int, now: datetime) -> None:
    with database.write() as session:
        complain.complain(session, "a@example.org", PAGE, now=now)
    for edition in (1, 2):
        assert press(database, reader, TurnOn(edition_ids=(edition,)), now) == Refused(why=Why.NOT_ALLOWED)


def test_who_never_confirmed_turns_nothing_on(database: Database, reader: int, now: datetime) -> None:
    with database.write() as session:
        session.get_one(Subscription, 1).state = SubscriptionState.PENDING
    assert press(database, reader, TurnOn(edition_ids=(2,)), now) == Refused(why=Why.NOT_ALLOWED)


def test_a_pause_is_at_most_five_weeks_and_lies_ahead(database: Database, reader: int, now: datetime) -> None:
    for until in (now, now - timedelta(days=1), now + timedelta(days=36)):
        refused = press(database, reader, Pause(edition_id=1, until=until), now)
        assert refused == Refused(why=Why.NOT_OFFERED)
    assert isinstance(press(database, reader, Pause(edition_id=1, until=now + timedelta(days=35)), now), Chosen)


def test_a_pause_that_is_over_is_none(database: Database, reader: int, now: datetime) -> None:
    press(database, reader, Pause(edition_id=1, until=now + timedelta(days=7)), now)
    with database.read() as session:
        seen = [preferences.look(session, 1, now=now + timedelta(days=days)) for days in (6, 7)]
    assert [each.taken[1].paused_until is not None for each in seen if each] == [True, False]
    assert press(database, reader, Pause(edition_id=1, until=None), now + timedelta(days=7)) == Chosen(undo=None)
