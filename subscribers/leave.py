"""Leaving an edition, and coming back within a month.

Leaving takes effect for everything that has not been handed over yet: open deliveries of that edition are skipped in
the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer import deliveries
from subscribers import consents, subscriptions
from subscribers.consents import Act, Evidence
from subscribers.subscriptions import LEFT, Subscription, SubscriptionState

#: How long "it was a mistake" works after leaving.
UNDO_WITHIN = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Whose subscription an unsubscribe link names, and whether there is anything left to leave."""

    edition_id: int
    address: str
    ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """The subscription has ended, now or earlier. `undo` is a token payload, or None where there is no way back."""

    edition_id: int
    schedule_id: int | None  # the rhythm it had
    undo: str | None


def look(session: Session, subscription_id: int) -> Standing | None:
    """What a leave would end, without ending it; None when there is no such subscription (any more)."""
    found = subscriptions.with_subscriber(session, subscription_id)
    if found is None:
        return None
    subscription, subscriber = found
    ended = subscription.state is SubscriptionState.ENDED
    return Standing(edition_id=subscription.edition_id, address=subscriber.address, ended=ended)


def leave(session: Session, subscription_id: int, evidence: Evidence, *, now: datetime) -> Left | None:
    """End a subscription. Twice is harmless; None when there is no such subscription (any more)."""
    subscription = subscriptions.find(session, subscription_id, lock=True)
    if subscription is None:
        return None
    if subscription.state is not SubscriptionState.ENDED:
        subscriptions.end(subscription, LEFT, now=now)
        _record(session, Act.LEFT, subscription, evidence, now=now)
        scope = f"edition:{subscription.edition_id}"
        deliveries.skip_recipient(session, subscription.subscriber_id, reason=LEFT, scope=scope)
    undo = f"{subscription.id}-{subscription.generation}" if _may_come_back(subscription, now=now) else None
    return Left(edition_id=subscription.edition_id, schedule_id=subscription.schedule_id, undo=undo)


def come_back(session: Session, payload: str, evidence: Evidence, *, now: datetime) -> Subscription | None:
    """Undo a leave, by the payload of a valid token. Twice is harmless; None when there is nothing to undo."""
    subscription_id, generation = _read(payload)
    subscription = subscriptions.find(session, subscription_id, lock=True)
    if subscription is None or _is_back(subscription, generation):
        return subscription
    if subscription.generation != generation or not _may_come_back(subscription, now=now):
        return None
    subscription.generation += 1  # this way back is used up
    subscriptions.activate(subscription, now=now)
    _record(session, Act.RESUBSCRIBED, subscription, evidence, now=now)
    return subscription


def look_back(session: Session, payload: str, *, now: datetime) -> Subscription | None:
    """The subscription that a way back leads to, without going it; None when there is nothing to undo."""
    subscription_id, generation = _read(payload)
    subscription = subscriptions.find(session, subscription_id)
    if subscription is None or _is_back(subscription, generation):
        return subscription
    same_leave = subscription.generation == generation
    return subscription if same_leave and _may_come_back(subscription, now=now) else None


def _read(payload: str) -> tuple[int, int]:
    subscription_id, _, generation = payload.partition("-")
    return int(subscription_id), int(generation)


def _is_back(subscription: Subscription, generation: int) -> bool:
    return subscription.state is SubscriptionState.ACTIVE and subscription.generation == generation + 1


def _may_come_back(subscription: Subscription, *, now: datetime) -> bool:
    """Only who had confirmed and left by their own will; never a pending request, a complaint or an erasure."""
    return (
        subscription.state is SubscriptionState.ENDED
        and subscription.end_reason == LEFT
        and subscription.confirmed_at is not None
        and subscription.ended_at is not None
        and now - subscription.ended_at < UNDO_WITHIN
    )


def _record(session: Session, act: Act, subscription: Subscription, evidence: Evidence, *, now: datetime) -> None:
    consents.record(
        session,
        act,
        evidence,
        subscriber_id=subscription.subscriber_id,
        edition_id=subscription.edition_id,
        generation=subscription.generation,
        now=now,
    )
