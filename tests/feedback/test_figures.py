"""Figures: they add up, or say that they do not."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from feedback.figures import broken_sums, issue_figures, left_out, reasons
from ground.database import Database
from mailer.deliveries import Delivery, State
from mailer.suppressions import Cause, suppress
from subscribers.consents import Act, Evidence, record
from tests.newsletters.builders import a_reader
from tests.newsletters.press import Press


async def test_an_issues_figures_add_up(database: Database, now: datetime) -> None:
    press = Press(database, now)
    readers = press.readers(*(f"reader{n}@example.org" for n in range(6)))
    with database.write() as session:
        suppress(session, "reader0@example.org", Cause.COMPLAINT, now=now)
        a_reader(session, press.desk.edition, "paused@example.org", now, paused_until=now + timedelta(days=1))
    await press.publisher.publish(press.issue_id)
    with database.write() as session:
        sent = session.scalars(select(Delivery).order_by(Delivery.id)).all()
        for delivery in sent[:3]:
            delivery.state, delivery.accepted_at = State.ACCEPTED, now
        sent[1].bounced_at, sent[1].uncertain_at = now, now
        sent[2].complained_at = now
        sent[3].state, sent[3].bounced_at = State.FAILED, now
        for reader, edition, act in (
            (readers[2], press.desk.edition, Act.LEFT),
            (readers[2], press.desk.edition, Act.LEFT),  # one person leaves once
            (readers[3], press.desk.edition, Act.CHANGED),
            (readers[0], press.desk.edition, Act.LEFT),  # was not a recipient
        ):
            record(
                session,
                act,
                Evidence(source="page"),
                subscriber_id=reader,
                edition_id=edition,
                generation=1,
                now=now + timedelta(minutes=5),
            )
    with database.read() as session:
        figures = issue_figures(session, press.issue_id)
    assert figures is not None
    assert (figures.audience, figures.recipients) == (7, 5)
    assert figures.exclusions == {"paused": 1, "suppressed: complaint": 1}
    assert {state: number for state, number in figures.deliveries.items() if number} == {
        State.ACCEPTED: 3,
        State.FAILED: 1,
        State.READY: 1,
    }
    assert (figures.bounced, figures.complained, figures.ever_in_doubt) == (2, 1, 1)
    assert (figures.refused, figures.came_back) == (1, 1)
    assert (figures.unsubscribed, figures.still_open, figures.sums_match) == (1, 1, True)
    assert {check.name: (check.sealed, sum(check.parts)) for check in figures.checks} == {
        "audience": (7, 7),
        "left_out": (2, 2),
        "recipients": (5, 5),
        "letter": (5, 5),
    }


async def test_who_was_left_out_is_listed_and_why_what_failed(database: Database, now: datetime) -> None:
    press = Press(database, now)
    press.readers("ava@example.org", "dilan@gmail.com")
    with database.write() as session:
        suppress(session, "ava@example.org", Cause.COMPLAINT, now=now)
        a_reader(session, press.desk.edition, "paused@example.org", now, paused_until=now + timedelta(days=1))
    await press.publisher.publish(press.issue_id)
    with database.write() as session:
        [delivery] = session.scalars(select(Delivery)).all()
        delivery.state, delivery.reason = State.FAILED, "refused: policy"
        letter_id = delivery.letter_id
    with database.read() as session:
        everybody = left_out(session, press.issue_id)
        assert {(each.address, each.reason) for each in everybody} == {
            ("ava@example.org", "suppressed: complaint"),
            ("paused@example.org", "paused"),
        }
        assert left_out(session, press.issue_id, after=everybody[0].subscriber_id) == everybody[1:]
        assert [each.address for each in left_out(session, press.issue_id, reason="paused")] == ["paused@example.org"]
        assert reasons(session, letter_id) == {State.FAILED: {"refused: policy": 1}, State.SKIPPED: {}}


async def test_a_row_that_is_missing_is_seen(database: Database, now: datetime) -> None:
    press = Press(database, now)
    press.readers("ava@example.org", "dilan@gmail.com")
    await press.publisher.publish(press.issue_id)
    with database.write() as session:
        session.delete(session.scalars(select(Delivery).limit(1)).one())
    with database.read() as session:
        figures = issue_figures(session, press.issue_id)
        told = broken_sums(session)
    assert figures is not None
    assert told == [
        f"issue {press.issue_id} was sealed with {check.sealed} ({check.name}) and has {sum(check.parts)}"
        for check in figures.checks
        if not check.holds
    ]
    assert figures.sums_match is False
    assert [check.name for check in figures.checks if not check.holds] == ["audience", "recipients", "letter"]


def test_a_draft_has_figures_of_nothing(database: Database, now: datetime) -> None:
    press = Press(database, now)
    with database.read() as session:
        figures = issue_figures(session, press.issue_id)
        assert figures is not None
        assert (figures.audience, figures.still_open, figures.sums_match) == (0, 0, True)
        assert issue_figures(session, 99) is None
