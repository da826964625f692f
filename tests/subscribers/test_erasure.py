"""Erasure: of a person nothing stays that anybody could read, and nobody mails them again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from broadsheet.tables import metadata
from feedback import apply, intervene
from feedback.intervene import Done
from ground.database import Database
from ground.tokens import KeyRing
from mailer import ledger, suppressions
from mailer.batches import Batch
from mailer.bounce_reports import BounceReport, Disposition
from mailer.deliveries import Attempt, Delivery, State
from mailer.events import BounceKind, EventKind, MailEvent
from mailer.suppressions import Cause, Suppression
from staff.members import AuditEntry, audit
from subscribers import erasure, opt_in
from subscribers.consents import Act, ConsentEvent, Evidence
from subscribers.erasure import Erased, InFlight
from subscribers.opt_in import SignUpRequest
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription
from tests.subscribers.test_opt_in import ask, confirm, edition, email  # noqa: F401 - a fixture

ADDRESS = "Ann.Lee@example.org"
KEY = ADDRESS.casefold()


@pytest.fixture
def ann(database: Database, edition: int, now: datetime) -> int:  # noqa: F811
    """A reader with a past: confirmed, mailed, refused, reported about, suppressed and lifted, written about."""
    ask(database, edition, ADDRESS, now)
    with database.read() as session:
        payload = session.scalars(select(Delivery.fields)).one()["confirm_url"]
    confirm(database, payload, now)
    with database.write() as session:
        first, second = session.scalars(select(Delivery).order_by(Delivery.id))
        first.attempt, first.state, first.accepted_at, first.reply = 1, State.ACCEPTED, now, f"2.0.0 <{ADDRESS}> queued"
        session.add(Attempt(delivery_id=first.id, number=1, at=now, outcome="deferred", reply=f"<{ADDRESS}> busy"))
        session.add(
            BounceReport(
                digest="d",
                received_at=now,
                delivery_id=first.id,
                address_key=KEY,
                recipient=ADDRESS,
                reason="full",
                kind="soft",
                diagnostic=f"<{ADDRESS}> full",
                disposition=Disposition.RECORDED,
            )
        )
        suppressions.suppress(session, KEY, Cause.MANUAL, now=now, note=f"{ADDRESS} wrote to us")
        suppressions.lift(session, KEY, by="command line", now=now)
        audit(session, "suppression.add", KEY, actor="ops@example.org", now=now, note="Ann Lee wrote to us")
        for event in session.scalars(select(ConsentEvent)):
            event.ip, event.user_agent = "192.0.2.1", "Mozilla"
        person = session.scalars(select(Subscriber)).one()
        person.name = "Ann Lee"
        session.get_one(Batch, 1).accepted = 1
        del second
        return person.id


def forget(database: Database, keys: KeyRing, now: datetime) -> Erased | InFlight:
    with database.write() as session:
        return erasure.forget(session, KEY, keys, by="owner@example.org", now=now)


def everything(database: Database) -> str:
    with database.read() as session:
        return repr([session.execute(select(table)).all() for table in metadata.sorted_tables])


def test_nothing_that_names_them_stays_in_any_table(database: Database, keys: KeyRing, ann: int, now: datetime) -> None:
    before = everything(database)
    assert all(trace in before for trace in ("Ann Lee", ADDRESS, KEY, "192.0.2.1", "Mozilla"))
    assert forget(database, keys, now) == Erased(subscriber_id=ann, subscriptions=1, deliveries=2)
    after = everything(database).casefold()
    assert [trace for trace in ("ann", "lee", "192.0.2.1", "mozilla") if trace in after] == []


def test_what_is_evidence_and_sum_stays(database: Database, keys: KeyRing, ann: int, now: datetime) -> None:
    forget(database, keys, now)
    with database.read() as session:
        acts = session.scalars(select(ConsentEvent.act).order_by(ConsentEvent.id)).all()
        states = session.scalars(select(Delivery.state).order_by(Delivery.id)).all()
        (subscription,) = session.scalars(select(Subscription))
        audited = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
        broken = ledger.verify(session)
    assert acts == [Act.REQUESTED, Act.CONFIRMED, Act.ERASED]
    assert states == [State.ACCEPTED, State.SKIPPED]
    assert subscription.end_reason == "erased"
    assert [each.act for each in audited] == ["suppression.add", "subscriber.erase"]
    assert audited[1].subject == f"subscriber:{ann}"
    assert audited[0].subject == suppressions.mark(keys, KEY)
    assert broken == []


def test_nobody_mails_them_again_by_whatever_way(
    database: Database,
    keys: KeyRing,
    ann: int,
    edition: int,  # noqa: F811
    now: datetime,
) -> None:
    del ann
    forget(database, keys, now)
    rotated = KeyRing({"a": b"a key for tests, thirty-two bytes", "b": b"x" * 32}, "b")
    request = SignUpRequest(
        edition_id=edition,
        address=email("ANN.lee@example.org"),
        language="en",
        evidence=Evidence(source="form:page"),
        confirm_variant_id=1,
        already_variant_id=1,
        forgotten=suppressions.mark(rotated, KEY),
    )
    with database.write() as session:
        assert opt_in.request(session, request, now=now + timedelta(days=400)).batch_id is None
        assert session.scalars(select(Subscriber.erased_at)).one() == now


def test_forgetting_twice_is_forgetting_once(database: Database, keys: KeyRing, ann: int, now: datetime) -> None:
    del ann
    forget(database, keys, now)
    assert forget(database, keys, now) == Erased(subscriber_id=None)
    with database.read() as session:
        standing = session.scalars(select(Suppression).where(Suppression.lifted_at.is_(None))).all()
    assert [each.cause for each in standing] == [Cause.ERASED]


def test_somebody_unknown_is_kept_from_coming_in(database: Database, keys: KeyRing, now: datetime) -> None:
    assert forget(database, keys, now) == Erased(subscriber_id=None)
    with database.read() as session:
        assert suppressions.standing(session, KEY, now=now) is None
        assert suppressions.standing(session, KEY, now=now, mark=suppressions.mark(keys, KEY)) is not None


def test_a_mail_that_is_leaving_is_waited_for(database: Database, keys: KeyRing, ann: int, now: datetime) -> None:
    with database.write() as session:
        session.scalars(select(Delivery).order_by(Delivery.id.desc())).first().state = State.SENDING  # type: ignore[union-attr]
    assert forget(database, keys, now) == InFlight()
    with database.read() as session:
        assert session.get_one(Subscriber, ann).address_key == KEY


def test_a_report_that_comes_late_writes_no_name_down(
    database: Database, keys: KeyRing, ann: int, now: datetime
) -> None:
    del ann
    forget(database, keys, now)
    event = MailEvent(
        kind=EventKind.BOUNCED,
        bounce=BounceKind.HARD,
        delivery_id=1,
        recipient=ADDRESS,
        status="5.1.1",
        reason="no_such_user",
        diagnostic=f"<{ADDRESS}> unknown",
    )
    with database.write() as session:
        assert apply.apply(session, event, "late", now=now) is Disposition.IGNORED
        causes = session.scalars(select(Suppression.cause).where(Suppression.lifted_at.is_(None))).all()
    assert causes == [Cause.ERASED]
    assert "ann.lee" not in everything(database).casefold()


def test_whoever_was_forgotten_and_asks_to_come_back_is_let_in_by_name(
    database: Database, keys: KeyRing, ann: int, now: datetime
) -> None:
    del ann
    forget(database, keys, now)
    with database.write() as session:
        assert intervene.lift(session, ADDRESS, keys=keys, reason="Wrote to us", by="o@x", now=now) == Done(ADDRESS)
        assert suppressions.standing(session, KEY, now=now, mark=suppressions.mark(keys, KEY)) is None
        line = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert line is not None
    assert (line.act, line.subject) == ("suppression.lift", suppressions.mark(keys, KEY))
