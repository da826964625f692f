"""A reader pressed "spam": everything they take ends at once, and it is written down why.

Who complains has not asked to be asked again: no letter follows, and no link undoes it. A new sign-up by form does.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import deliveries
from subscribers import consents, subscriptions
from subscribers.consents import Act, Evidence
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState

COMPLAINED = "complained"


def complain(session: Session, address_key: str, evidence: Evidence, *, now: datetime) -> int:
    """End all subscriptions of whoever has this address, with one consent event each; how many ended. Twice is harmless."""
    subscriber = session.scalar(select(Subscriber).where(Subscriber.address_key == address_key))
    if subscriber is None:
        return 0
    running = session.scalars(
        select(Subscription)
        .where(Subscription.subscriber_id == subscriber.id, Subscription.state != SubscriptionState.ENDED)
        .with_for_update()
    ).all()
    for subscription in running:
        _end(session, subscription, evidence, now=now)
    deliveries.skip_recipient(session, subscriber.id, reason=COMPLAINED)
    return len(running)


def _end(session: Session, subscription: Subscription, evidence: Evidence, *, now: datetime) -> None:
    subscriptions.end(subscription, COMPLAINED, now=now)
    consents.record(
        session,
        Act.COMPLAINED,
        evidence,
        subscriber_id=subscription.subscriber_id,
        edition_id=subscription.edition_id,
        generation=subscription.generation,
        now=now,
    )
