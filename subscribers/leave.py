"""Leaving an edition, and coming back within a month.

Who leaves on the page is told goodbye by one last letter: it is the proof that it worked, and whoever was made to leave by a
stranger with a forwarded mail learns of it. Who presses their mail program's one-click wants no more mail, and gets none; nor
does who joined or came back within the day.

Leaving takes effect for everything that has not been handed over yet: open deliveries of that edition are skipped in
the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer import deliveries, notices, suppressions
from subscribers import consents, subscriptions
from subscribers.consents import Act, Evidence
from subscribers.subscriptions import LEFT, Because, Subscription, SubscriptionState

#: How long "it was a mistake" works after leaving.
UNDO_WITHIN = timedelta(days=30)
#: The evidence's source of who pressed the button on our page.
PAGE = "page"
#: Who was here for less is not told goodbye.
_STAYED = timedelta(hours=24)


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
    is_told: bool = False  # whether a last letter is due


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
    is_told = False
    if subscription.state is not SubscriptionState.ENDED:
        is_told = evidence.source == PAGE and _has_stayed(subscription, now=now)
        subscriptions.end(subscription, LEFT, now=now)
        _record(session, Act.LEFT, subscription, evidence, now=now)
        scope = f"edition:{subscription.edition_id}"
        deliveries.skip_recipient(session, subscription.subscriber_id, reason=LEFT, scope=scope)
    undo = f"{subscription.id}-{subscription.generation}" if _may_come_back(subscription, now=now) else None
    return Left(edition_id=subscription.edition_id, schedule_id=subscription.schedule_id, undo=undo, is_told=is_told)


def say_goodbye(session: Session, subscription_id: int, variant_id: int, *, now: datetime) -> int | None:
    """The last letter, to who has just left on the page; its batch. A story of its own: leaving waits for nothing."""
    found = subscriptions.with_subscriber(session, subscription_id)
    if found is None or found[0].state is not SubscriptionState.ENDED:
        return None
    subscription, subscriber = found
    if suppressions.standing(session, subscriber.address_key, now=now) is not None:
        return None
    notice = notices.Notice(
        variant_id=variant_id,
        recipient_id=subscriber.id,
        address=subscriber.address,
        address_key=subscriber.address_key,
        domain_group=subscriber.domain_group,
        fields={"unsubscribe_url": str(subscription.id)},
    )
    return notices.enqueue(session, "goodbye", notice, now=now)


def say_why(session: Session, subscription_id: int, because: Because) -> bool:
    """Keep a leaver's answer to the one question; the last one counts. False where nobody has left."""
    subscription = subscriptions.find(session, subscription_id, lock=True)
    if subscription is None or subscription.end_reason != LEFT:
        return False
    subscription.left_because = because
    return True


def _has_stayed(subscription: Subscription, *, now: datetime) -> bool:
    since = subscription.confirmed_at
    is_reader = subscription.state is SubscriptionState.ACTIVE
    return is_reader and since is not None and now - since >= _STAYED


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
