"""The probe: a mail that must bounce, and what is told of its way back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from feedback import apply, probe
from feedback.intervene import Refused
from feedback.probe import Course, Probe
from ground.database import Database
from mailer.address import EmailAddress
from mailer.deliveries import Delivery, State
from mailer.events import BounceKind, EventKind, MailEvent
from mailer.letters import Variant
from tests.newsletters.builders import BASE_URL, a_desk

HOUR = timedelta(hours=1)


def a_probe(session: Session, now: datetime, *, typed: str = "") -> Delivery:
    a_desk(session, now)
    variant = Variant(digest="0" * 64, language="en", compiled=b"", created_at=now)
    session.add(variant)
    session.flush()
    to = probe.choose(session, typed, chance="c0ffee", base_url=BASE_URL, now=now)
    assert isinstance(to, EmailAddress), to
    probe.send(session, to, variant.id, by="command line", now=now)
    return session.scalars(select(Delivery)).one()


def last(session: Session, now: datetime) -> Probe:
    found = probe.last(session, now=now)
    assert found is not None
    return found


def accepted(delivery: Delivery, now: datetime) -> None:
    delivery.state, delivery.accepted_at, delivery.code, delivery.reply = State.ACCEPTED, now, 250, "queued"


def test_its_bounce_comes_back_and_is_understood(database: Database, now: datetime) -> None:
    with database.write() as session:
        assert probe.last(session, now=now) is None
        delivery = a_probe(session, now)
        assert delivery.address == "no-such-reader-c0ffee@example.org"
        assert last(session, now).course is Course.LEAVING
        accepted(delivery, now)
        assert last(session, now + HOUR).course is Course.WAITING
        bounced = MailEvent(
            kind=EventKind.BOUNCED,
            delivery_id=delivery.id,
            bounce=BounceKind.HARD,
            status="5.1.1",
            reason="no_such_user",
            diagnostic="550 nobody here",
            action="failed",
        )
        apply.apply_mail(session, "a" * 64, [bounced], now=now + timedelta(seconds=40))
        told = last(session, now + 2 * HOUR)
        assert (told.course, told.took, told.said) == (
            Course.UNDERSTOOD, timedelta(seconds=40), "5.1.1 550 nobody here",
        )  # fmt: skip
        assert not told.has_failed
        again = probe.choose(session, delivery.address, chance="", base_url=BASE_URL, now=now + HOUR)
        assert isinstance(again, Refused)
        assert "is suppressed" in again.reason
        assert probe.last(session, now=now + timedelta(days=31)) is None


@dataclass(frozen=True, slots=True)
class Ending:
    state: State
    code: int | None
    after: timedelta
    course: Course


@pytest.mark.parametrize(
    "ending",
    [
        Ending(State.ACCEPTED, 250, HOUR * 1.01, Course.LOST),
        Ending(State.FAILED, 550, timedelta(0), Course.REFUSED),
        Ending(State.FAILED, 450, HOUR, Course.STUCK),
        Ending(State.DEFERRED, 450, timedelta(minutes=5), Course.LEAVING),
        Ending(State.READY, None, HOUR * 1.01, Course.STUCK),
    ],
    ids=lambda each: f"{each.state}-{each.code}",
)
def test_what_does_not_come_back_is_told_apart(database: Database, now: datetime, ending: Ending) -> None:
    with database.write() as session:
        delivery = a_probe(session, now, typed="nobody@elsewhere.example")
        assert delivery.address == "nobody@elsewhere.example"
        delivery.state, delivery.code = ending.state, ending.code
        delivery.accepted_at = now if ending.state is State.ACCEPTED else None
        told = last(session, now + ending.after)
        assert told.course is ending.course
        assert told.has_failed is (ending.course in (Course.LOST, Course.STUCK))


def test_what_is_read_as_no_bounce_is_no_good_news(database: Database, now: datetime) -> None:
    with database.write() as session:
        delivery = a_probe(session, now)
        accepted(delivery, now)
        reply = MailEvent(kind=EventKind.AUTOREPLIED, delivery_id=delivery.id, reason="auto_reply")
        apply.apply_mail(session, "b" * 64, [reply], now=now)
        assert last(session, now).course is Course.MISREAD


@pytest.mark.parametrize("typed", ["no address", "ئەحمەد@example.org"])
def test_what_cannot_be_mailed_is_refused(database: Database, now: datetime, typed: str) -> None:
    with database.write() as session:
        refused = [probe.choose(session, each, chance="", base_url=BASE_URL, now=now) for each in (typed, "")]
        assert [type(each) for each in refused] == [Refused, Refused]  # and there is no newsletter yet
