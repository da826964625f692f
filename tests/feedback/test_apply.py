"""Mail events applied: who is suppressed, who is not, and that twice is once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from feedback import apply
from ground.database import Database
from mailer import suppressions
from mailer.bounce_reports import BounceReport, Disposition
from mailer.deliveries import Delivery, State
from mailer.events import BounceKind, EventKind, MailEvent
from mailer.suppressions import Cause, Suppression
from newsletters.newsletters import Edition, Newsletter
from subscribers.consents import Act, ConsentEvent
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState

Deliver = Callable[..., int]
READER = "Reader@example.net"


def _hard(
    delivery_id: int | None,
    *,
    status: str = "5.1.1",
    reason: str = "no_such_user",
    recipient: str = "somebody.else@example.com",
) -> MailEvent:
    return MailEvent(
        kind=EventKind.BOUNCED,
        bounce=BounceKind.HARD,
        action="failed",
        delivery_id=delivery_id,
        status=status,
        reason=reason,
        recipient=recipient,
    )


def _apply(database: Database, event: MailEvent, digest: str, now: datetime) -> Disposition:
    with database.write() as session:
        return apply.apply(session, event, digest, now=now)


def _suppressed(database: Database) -> dict[str, Cause]:
    with database.read() as session:
        return {row.address_key: row.cause for row in session.scalars(select(Suppression))}


def _delivery(database: Database, delivery_id: int) -> Delivery:
    with database.read() as session:
        row = session.get_one(Delivery, delivery_id)
        session.expunge(row)
        return row


def _subscribe(session: Session, now: datetime) -> None:
    session.add(
        Newsletter(
            id=1,
            slug="briefing",
            publisher="The Zagros Courier",
            sender_address="news@example.org",
            reply_to="desk@example.org",
            postal_address="Erbil",
            site_url="https://example.org",
            theme={},
            created_at=now,
        )
    )
    session.flush()
    for number, language in ((1, "en"), (2, "ckb")):
        session.add(
            Edition(
                id=number,
                newsletter_id=1,
                language=language,
                title="Briefing",
                tagline="",
                frequency="daily",
                zone="Asia/Baghdad",
                created_at=now,
            )
        )
    session.add(
        Subscriber(
            id=1, address=READER, address_key="reader@example.net", domain_group="other", language="en", created_at=now
        )
    )
    session.flush()
    for edition, state in ((1, SubscriptionState.ACTIVE), (2, SubscriptionState.PENDING)):
        session.add(Subscription(subscriber_id=1, edition_id=edition, state=state, requested_at=now))


def test_every_kind_of_event_has_its_answer() -> None:
    assert set(apply.HANDLERS) == set(EventKind)


def test_a_hard_bounce_suppresses_the_address_we_mailed(database: Database, deliver: Deliver, now: datetime) -> None:
    mine = deliver(READER)
    waiting = deliver(READER, state=State.READY, letter=2)
    assert _apply(database, _hard(mine), "d1", now) is Disposition.SUPPRESSED
    assert _suppressed(database) == {"reader@example.net": Cause.HARD_BOUNCE}
    assert _delivery(database, mine).bounced_at == now
    assert _delivery(database, mine).bounce_kind == "hard"
    assert _delivery(database, waiting).state is State.SKIPPED
    with database.read() as session:
        standing = suppressions.standing(session, "reader@example.net", now=now)
        assert standing is not None
        assert (standing.delivery_id, standing.note) == (mine, "5.1.1 no_such_user")


def test_a_report_read_twice_counts_once(database: Database, deliver: Deliver, now: datetime) -> None:
    mine = deliver(READER)
    assert _apply(database, _hard(mine), "d1", now) is Disposition.SUPPRESSED
    with database.write() as session:
        suppressions.lift(session, "reader@example.net", by="ops", now=now)
    assert _apply(database, _hard(mine), "d1", now) is Disposition.SUPPRESSED
    with database.read() as session:
        assert suppressions.standing(session, "reader@example.net", now=now) is None  # the operator's word stands
        assert session.scalar(select(func.count()).select_from(BounceReport)) == 1


def test_a_report_without_a_true_token_never_suppresses(database: Database, deliver: Deliver, now: datetime) -> None:
    deliver("somebody.else@example.com")
    assert _apply(database, _hard(None), "d1", now) is Disposition.UNKNOWN
    assert _apply(database, _hard(999), "d2", now) is Disposition.UNKNOWN
    assert _suppressed(database) == {}


@pytest.mark.parametrize("bounce", [BounceKind.SOFT, BounceKind.POLICY])
def test_a_soft_or_policy_bounce_is_only_recorded(
    bounce: BounceKind, database: Database, deliver: Deliver, now: datetime
) -> None:
    mine = deliver(READER)
    event = MailEvent(
        kind=EventKind.BOUNCED, bounce=bounce, delivery_id=mine, action="failed", status="5.7.1", reason="policy"
    )
    assert _apply(database, event, "d1", now) is Disposition.RECORDED
    assert _suppressed(database) == {}
    assert _delivery(database, mine).bounce_kind == bounce


def test_a_later_soft_report_does_not_soften_a_hard_one(database: Database, deliver: Deliver, now: datetime) -> None:
    mine = deliver(READER)
    _apply(database, _hard(mine), "d1", now)
    soft = MailEvent(kind=EventKind.BOUNCED, bounce=BounceKind.SOFT, delivery_id=mine, reason="mailbox_full")
    _apply(database, soft, "d2", now)
    assert _delivery(database, mine).bounce_kind == "hard"


@pytest.mark.parametrize("state", [State.UNCERTAIN, State.SENDING])
def test_a_report_proves_that_a_doubtful_delivery_was_accepted(
    state: State, database: Database, deliver: Deliver, now: datetime
) -> None:
    mine = deliver(READER, state=state)
    assert _apply(database, _hard(mine), "d1", now) is Disposition.SUPPRESSED
    row = _delivery(database, mine)
    assert (row.state, row.accepted_at, row.bounced_at) == (State.ACCEPTED, now, now)


@pytest.mark.parametrize("kind", [EventKind.AUTOREPLIED, EventKind.DELIVERED, EventKind.DEFERRED, EventKind.OTHER])
def test_any_answer_proves_it_and_costs_the_reader_nothing(
    kind: EventKind, database: Database, deliver: Deliver, now: datetime
) -> None:
    mine = deliver(READER, state=State.UNCERTAIN)
    _apply(database, MailEvent(kind=kind, delivery_id=mine, reason="x"), "d1", now)
    assert _delivery(database, mine).state is State.ACCEPTED
    assert _delivery(database, mine).bounced_at is None
    assert _suppressed(database) == {}


@pytest.mark.parametrize("state", [State.READY, State.CLAIMED, State.DEFERRED, State.FAILED, State.SKIPPED])
def test_a_report_on_what_has_not_left_changes_nothing(
    state: State, database: Database, deliver: Deliver, now: datetime
) -> None:
    mine = deliver(READER, state=state)
    assert _apply(database, _hard(mine), "d1", now) is Disposition.RECORDED
    assert _delivery(database, mine).state is state
    assert _suppressed(database) == {}


def test_a_report_after_two_weeks_does_not_count(database: Database, deliver: Deliver, now: datetime) -> None:
    mine = deliver(READER, age=timedelta(days=14, seconds=1))
    assert _apply(database, _hard(mine), "d1", now) is Disposition.RECORDED
    assert _suppressed(database) == {}


def test_a_missing_domain_is_dead_only_after_three_days(database: Database, deliver: Deliver, now: datetime) -> None:
    first, second, third = (deliver(READER, letter=n) for n in (1, 2, 3))
    assert _apply(database, _hard(first, status="5.1.2", reason="no_such_host"), "d1", now) is Disposition.RECORDED
    assert (
        _apply(database, _hard(second, status="5.1.2", reason="no_such_host"), "d2", now + timedelta(days=2))
        is Disposition.RECORDED
    )
    assert (
        _apply(database, _hard(third, status="5.1.2", reason="no_such_host"), "d3", now + timedelta(days=3))
        is Disposition.SUPPRESSED
    )


def test_a_disabled_mailbox_is_dead_the_second_time(database: Database, deliver: Deliver, now: datetime) -> None:
    first, second = deliver(READER), deliver(READER, letter=2)

    def disabled(delivery_id: int) -> MailEvent:
        return MailEvent(
            kind=EventKind.BOUNCED, bounce=BounceKind.SOFT, delivery_id=delivery_id, status="5.2.1", reason="disabled"
        )

    assert _apply(database, disabled(first), "d1", now) is Disposition.RECORDED
    assert _apply(database, disabled(first), "d2", now) is Disposition.RECORDED  # the same delivery, told twice
    assert _apply(database, disabled(second), "d3", now) is Disposition.SUPPRESSED


def test_one_dead_member_behind_an_alias_is_no_dead_reader(database: Database, deliver: Deliver, now: datetime) -> None:
    mine = deliver(READER)
    events = [
        _hard(mine, recipient="member@example.com"),
        MailEvent(kind=EventKind.DELIVERED, delivery_id=mine, recipient="other@example.com", reason="delivered"),
    ]
    with database.write() as session:
        assert apply.apply_mail(session, "d1", events, now=now) == [Disposition.RECORDED, Disposition.IGNORED]
    assert _suppressed(database) == {}


def test_a_mail_that_says_nothing_is_noted_and_ignored(database: Database, now: datetime) -> None:
    with database.write() as session:
        assert apply.apply_mail(session, "d1", [], now=now) == [Disposition.IGNORED]


def test_a_complaint_ends_every_subscription_of_that_reader(
    database: Database, deliver: Deliver, now: datetime
) -> None:
    mine = deliver(READER)
    with database.write() as session:
        _subscribe(session, now)
    event = MailEvent(kind=EventKind.COMPLAINED, delivery_id=mine, reason="abuse", recipient=None)
    for _ in range(2):
        assert _apply(database, event, "d1", now) is Disposition.SUPPRESSED
    assert _suppressed(database) == {"reader@example.net": Cause.COMPLAINT}
    assert _delivery(database, mine).complained_at == now
    with database.read() as session:
        states = {row.edition_id: row.state for row in session.scalars(select(Subscription))}
        events = session.scalars(select(ConsentEvent).order_by(ConsentEvent.edition_id)).all()
        told = [(row.edition_id, row.act, row.source) for row in events]
    assert states == {1: SubscriptionState.ENDED, 2: SubscriptionState.ENDED}
    assert told == [
        (1, Act.COMPLAINED, "complaint:abuse"),
        (2, Act.COMPLAINED, "complaint:abuse"),
    ]
