"""Reminding: one letter, some days after a sign-up that was never confirmed, and then silence.

Only who filled in a form themselves is reminded; who was asked because they stood on an imported list is not asked twice. The
first link has run out by then, so the reminder carries a new one of the same request.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, select
from sqlalchemy.orm import Session

from mailer import notices, suppressions
from subscribers.consents import Act, ConsentEvent
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState

#: When the first letter's link has run out.
AFTER = timedelta(days=3)
#: Who is reminded later than this has forgotten what it was about.
UNTIL = timedelta(days=10)
#: In one transaction, and so in one go of an edition.
_MOST = 100
_LIFETIME = timedelta(hours=24)
_BY_FORM = "form:%"


def editions(session: Session, *, now: datetime) -> list[int]:
    """The editions that somebody is to be reminded of."""
    return list(session.scalars(select(Subscription.edition_id).where(_due(now)).distinct()))


def remind(session: Session, edition_id: int, variant_id: int, *, now: datetime) -> list[int]:
    """Write the reminders of an edition that are due, some at a time; their batches. Nobody gets a second one."""
    rows = session.execute(
        select(Subscription, Subscriber)
        .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
        .where(_due(now), Subscription.edition_id == edition_id)
        .order_by(Subscription.requested_at, Subscription.id)
        .limit(_MOST)
        .with_for_update()
    ).all()
    batches = []
    for subscription, subscriber in rows:
        subscription.reminded_at = now
        if suppressions.standing(session, subscriber.address_key, now=now) is None:
            subscription.notified_at = now
            batches.append(_write(session, subscriber, subscription, variant_id, now))
    return batches


def _due(now: datetime) -> ColumnElement[bool]:
    asked_by_form = exists().where(
        ConsentEvent.subscriber_id == Subscription.subscriber_id,
        ConsentEvent.edition_id == Subscription.edition_id,
        ConsentEvent.generation == Subscription.generation,
        ConsentEvent.act == Act.REQUESTED,
        ConsentEvent.source.like(_BY_FORM),
    )
    return and_(
        Subscription.state == SubscriptionState.PENDING,
        Subscription.reminded_at.is_(None),
        Subscription.requested_at <= now - AFTER,
        Subscription.requested_at > now - UNTIL,
        asked_by_form,
    )


def _write(session: Session, subscriber: Subscriber, subscription: Subscription, variant_id: int, now: datetime) -> int:
    notice = notices.Notice(
        variant_id=variant_id,
        recipient_id=subscriber.id,
        address=subscriber.address,
        address_key=subscriber.address_key,
        domain_group=subscriber.domain_group,
        fields={"confirm_url": f"{subscription.id}-{subscription.generation}"},
        lifetime=_LIFETIME,
        scope=f"edition:{subscription.edition_id}",
    )
    return notices.enqueue(session, "reminder", notice, now=now)
