"""Mailboxes in trouble: what lasts is believed, what passes is not."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update

from ground.database import Database
from mailer import correspondence, ledger, suppressions
from mailer.ailing import SoftDay
from mailer.deliveries import Delivery, Event, State
from mailer.results import Record
from mailer.suppressions import Cause, Suppression
from tests.mailer import builders

DAY = timedelta(days=1)
READER = "reader-0@example.org"


def answered(database: Database, reply: str, now: datetime, *, event: Event = Event.FAIL, bounce: str = "soft") -> int:
    """An issue to one reader, whose server said this at RCPT (or took it)."""
    with database.write() as session:
        letter_id = builders.letter(session, 1, now=now)
        row = session.scalars(select(Delivery).where(Delivery.letter_id == letter_id)).one()
        row.state, row.attempt, row.owner = State.SENDING, 1, "me"
        delivery_id = row.id
    code, enhanced = reply.split()[:2]
    record = Record(
        id=delivery_id,
        attempt=1,
        event=event,
        address_key=READER,
        next_at=now + timedelta(minutes=5) if event is Event.DEFER else None,
        bounce=bounce if event is Event.FAIL else None,
        stage="rcpt",
        code=int(code),
        enhanced=enhanced,
        reply=reply[4:],
    )
    with database.write() as session:
        ledger.record(session, [record], owner="me", now=now)
    return delivery_id


def suppressed(database: Database, now: datetime) -> tuple[Cause, datetime | None] | None:
    with database.read() as session:
        found = suppressions.standing(session, READER, now=now)
        return None if found is None else (found.cause, found.until)


def test_a_disabled_mailbox_is_dead_the_second_time(database: Database, now: datetime) -> None:
    answered(database, "550 5.2.1 Mailbox disabled", now)
    assert suppressed(database, now) is None
    answered(database, "550 5.2.1 Mailbox disabled", now + timedelta(minutes=1))
    assert suppressed(database, now) == (Cause.HARD_BOUNCE, None)


def test_a_mailbox_that_worked_in_between_is_disabled_for_the_first_time(database: Database, now: datetime) -> None:
    answered(database, "550 5.2.1 Mailbox disabled", now)
    answered(database, "250 2.0.0 Ok", now + DAY, event=Event.ACCEPT)
    answered(database, "550 5.2.1 Mailbox disabled", now + 2 * DAY)
    assert suppressed(database, now + 2 * DAY) is None


def test_a_missing_host_is_believed_after_three_days(database: Database, now: datetime) -> None:
    answered(database, "550 5.1.2 Host unknown", now)
    answered(database, "550 5.1.2 Host unknown", now + 2.9 * DAY)
    assert suppressed(database, now + 3 * DAY) is None
    answered(database, "550 5.4.4 Unable to route", now + 3.1 * DAY)
    assert suppressed(database, now + 3.1 * DAY) is None  # another sentence, said for the first time
    answered(database, "550 5.1.2 Host unknown", now + 3.2 * DAY)
    assert suppressed(database, now + 3.2 * DAY) == (Cause.HARD_BOUNCE, None)


def test_five_days_of_trouble_without_an_acceptance_pause_for_thirty_days(database: Database, now: datetime) -> None:
    for day in range(4):
        for hour in range(3):  # one is counted a day
            answered(database, "452 4.2.2 Full", now + day * DAY + hour * timedelta(hours=1), event=Event.DEFER)
    assert suppressed(database, now + 4 * DAY) is None
    answered(database, "552 5.2.2 Full", now + 6 * DAY)
    assert suppressed(database, now + 6 * DAY) == (Cause.SOFT_BOUNCES, now + 36 * DAY)
    assert suppressed(database, now + 36 * DAY) is None
    answered(database, "552 5.2.2 Full", now + 37 * DAY)
    assert suppressed(database, now + 37 * DAY) is None  # the count begins anew
    with database.read() as session:
        found = session.scalars(select(Suppression)).one()
        assert found.note == "in trouble on 5 days: 5.2.2 Full"


def test_a_mailbox_that_takes_some_of_it_is_not_paused(database: Database, now: datetime) -> None:
    answered(database, "250 2.0.0 Ok", now, event=Event.ACCEPT)
    for day in range(1, 9):
        answered(database, "450 4.2.0 Greylisted", now + day * DAY, event=Event.DEFER)
    assert suppressed(database, now + 8 * DAY) is None


def test_what_was_accepted_and_came_back_is_no_acceptance(database: Database, now: datetime) -> None:
    delivery_id = answered(database, "250 2.0.0 Ok", now, event=Event.ACCEPT)
    with database.write() as session:
        session.execute(update(Delivery).where(Delivery.id == delivery_id).values(bounced_at=now, bounce_kind="soft"))
    for day in range(1, 6):
        answered(database, "452 4.2.2 Full", now + day * DAY, event=Event.DEFER)
    assert suppressed(database, now + 5 * DAY) is not None


def test_old_days_and_refusals_of_us_do_not_count(database: Database, now: datetime) -> None:
    for day in (0, 1, 2, 31, 32, 33, 34):
        answered(database, "452 4.2.2 Full", now + day * DAY, event=Event.DEFER)
    for day in range(35, 45):
        answered(database, "451 4.7.1 Too many messages", now + day * DAY, event=Event.DEFER)
        answered(database, "550 5.7.1 Blocked", now + day * DAY, bounce="policy")
        answered(database, "552 5.3.4 Too big", now + day * DAY, bounce="policy")
    assert suppressed(database, now + 45 * DAY) is None


def test_who_is_forgotten_leaves_no_day_behind(database: Database, now: datetime) -> None:
    answered(database, "552 5.2.2 Full", now)
    with database.write() as session:
        row = session.scalars(select(Delivery)).one()
        correspondence.forget(session, row.recipient_id, READER)
    with database.read() as session:
        assert session.scalars(select(SoftDay)).all() == []
