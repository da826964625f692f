"""Double opt-in: a request, a letter to the address, a button on the page that the letter leads to; only then a permission.

    request -> pending -> (letter) -> confirm -> active

What the asker learns never depends on whether the address was known: the door shows one page whatever came of it.

Who signs up again:
- after leaving: asked to confirm as anybody; links of the earlier time are over;
- active, and nothing speaks against it: told by letter that they are in;
- whose mailbox bounced: asked to confirm at most once in 30 days, for only a letter can tell whether it is there again.
  Pressing the button lifts the suppression; a subscription that was active all the while stays what it was;
- who called our mail spam, was forgotten, or was ruled out by an operator: no letter, no row, until that is lifted.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer import notices, suppressions
from mailer.address import EmailAddress
from subscribers import consents, subscribers, subscriptions
from subscribers.consents import Act, Evidence
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState

#: How long a confirmation link works.
VALID_FOR = timedelta(hours=72)
#: At most one letter in this time to an address about an edition, until its owner acts: else a form is a gun pointed at a stranger.
NOTICE_EVERY = timedelta(hours=24)
#: The page that says "check your inbox" may ask for it once more after this, where it could not be handed over.
AGAIN_AFTER = timedelta(seconds=60)
_NOTICE_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUpRequest:
    edition_id: int
    address: EmailAddress
    language: str
    evidence: Evidence
    confirm_variant_id: int
    already_variant_id: int
    forgotten: str | None = None  # the address's mark (mailer.suppressions), by which a forgotten one is recognised
    again: bool = False  # the letter did not come: the same once more


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUp:
    """The batch to hand to the engine, or None when nothing leaves. Not for the reader's eyes."""

    batch_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    payload: str  # of a valid token: "<subscription id>-<generation>"
    evidence: Evidence
    welcome_variant_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    subscription_id: int
    batch_id: int | None  # None where a welcome may not be sent


class Standing(enum.StrEnum):
    """Where a confirmation link stands."""

    WAITING = "waiting"  # pressing the button confirms
    CONFIRMED = "confirmed"  # it was pressed before; nothing changes
    STALE = "stale"  # a newer request was made, or the subscription ended since


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    edition_id: int
    address: str
    standing: Standing


def request(session: Session, request: SignUpRequest, *, now: datetime) -> SignUp:
    """Note the request and write the letter that fits: "confirm", "already in", or none at all."""
    suppression = suppressions.standing(session, request.address.key, now=now, mark=request.forgotten)
    if suppression is not None and not suppressions.may_ask(suppression, now=now):
        return SignUp(batch_id=None)
    subscriber = subscribers.find_or_add(session, request.address, language=request.language, now=now)
    subscription = subscriptions.find_or_add(session, subscriber.id, request.edition_id, now=now)
    told_at = subscription.notified_at  # and has not acted since
    if told_at is not None and not _may_repeat(session, subscription, told_at, again=request.again, now=now):
        return SignUp(batch_id=None)
    if suppression is not None and not suppressions.note_asked(session, suppression, now=now):
        return SignUp(batch_id=None)
    subscription.notified_at = now
    if subscription.state is SubscriptionState.ACTIVE and suppression is None:
        return SignUp(batch_id=_say_already_in(session, subscriber, subscription, request, now=now))
    if told_at is None or not request.again:  # the same letter once more is the same request
        _note_request(session, subscription, request, now=now)
    return SignUp(batch_id=_ask_to_confirm(session, subscriber, subscription, request, now=now))


def _may_repeat(session: Session, subscription: Subscription, told_at: datetime, *, again: bool, now: datetime) -> bool:
    """One letter a day: a second one sooner only where the first could not be handed over."""
    if now - told_at >= NOTICE_EVERY:
        return True
    if not again or now - told_at < AGAIN_AFTER:
        return False
    scope = f"edition:{subscription.edition_id}"
    return not notices.is_out(session, subscription.subscriber_id, scope, since=told_at)


def _note_request(session: Session, subscription: Subscription, request: SignUpRequest, *, now: datetime) -> None:
    if subscription.state is not SubscriptionState.ACTIVE:
        subscriptions.ask_again(subscription, now=now)
    _record(session, Act.REQUESTED, subscription, request.evidence, now=now)


def look(session: Session, payload: str, *, now: datetime) -> Link | None:
    """What a confirmation link would do, without doing it; None when its subscription is gone."""
    subscription_id, generation = _read(payload)
    found = subscriptions.with_subscriber(session, subscription_id)
    if found is None:
        return None
    subscription, subscriber = found
    standing = _standing(session, subscription, subscriber, generation, now=now)
    return Link(edition_id=subscription.edition_id, address=subscriber.address, standing=standing)


def confirm(session: Session, confirmation: Confirmation, *, now: datetime) -> Confirmed | Standing:
    """Make the subscription active, once, and send the welcome letter; else say why nothing happened."""
    subscription_id, generation = _read(confirmation.payload)
    found = subscriptions.with_subscriber(session, subscription_id, lock=True)
    if found is None:
        return Standing.STALE
    subscription, subscriber = found
    standing = _standing(session, subscription, subscriber, generation, now=now)
    if standing is not Standing.WAITING:
        return standing
    subscriptions.activate(subscription, now=now)
    suppressions.lift_bounce(session, subscriber.address_key, by="its reader, who confirmed", now=now)
    _record(session, Act.CONFIRMED, subscription, confirmation.evidence, now=now)
    batch_id = None
    if suppressions.standing(session, subscriber.address_key, now=now) is None:
        batch_id = _welcome(session, subscriber, subscription, confirmation.welcome_variant_id, now=now)
    return Confirmed(subscription_id=subscription.id, batch_id=batch_id)


def _standing(
    session: Session, subscription: Subscription, subscriber: Subscriber, generation: int, *, now: datetime
) -> Standing:
    is_newest = subscription.generation == generation
    if subscription.state is SubscriptionState.PENDING and is_newest:
        return Standing.WAITING
    if subscription.state is not SubscriptionState.ACTIVE:
        return Standing.STALE
    bounced = suppressions.standing(session, subscriber.address_key, now=now)
    is_asked = bounced is not None and bounced.cause in suppressions.OF_THE_MAILBOX and bounced.asked_at is not None
    return Standing.WAITING if is_newest and is_asked else Standing.CONFIRMED


def _read(payload: str) -> tuple[int, int]:
    # The payload comes out of a token whose MAC was right: anything else here is our own mistake, and loud.
    subscription_id, _, generation = payload.partition("-")
    return int(subscription_id), int(generation)


def _ask_to_confirm(
    session: Session, subscriber: Subscriber, subscription: Subscription, request: SignUpRequest, *, now: datetime
) -> int:
    fields = {"confirm_url": f"{subscription.id}-{subscription.generation}"}
    notice = _notice(subscriber, subscription, request.confirm_variant_id, fields)
    return notices.enqueue(session, "confirm", notice, now=now)


def _say_already_in(
    session: Session, subscriber: Subscriber, subscription: Subscription, request: SignUpRequest, *, now: datetime
) -> int:
    fields = {"unsubscribe_url": str(subscription.id)}
    notice = _notice(subscriber, subscription, request.already_variant_id, fields)
    return notices.enqueue(session, "already", notice, now=now)


def _welcome(
    session: Session, subscriber: Subscriber, subscription: Subscription, variant_id: int, *, now: datetime
) -> int:
    notice = _notice(subscriber, subscription, variant_id, {"unsubscribe_url": str(subscription.id)})
    return notices.enqueue(session, "welcome", notice, now=now)


def _notice(
    subscriber: Subscriber, subscription: Subscription, variant_id: int, fields: dict[str, str]
) -> notices.Notice:
    return notices.Notice(
        variant_id=variant_id,
        recipient_id=subscriber.id,
        address=subscriber.address,
        address_key=subscriber.address_key,
        domain_group=subscriber.domain_group,
        fields=fields,
        lifetime=_NOTICE_LIFETIME,
        scope=f"edition:{subscription.edition_id}",  # who leaves at once is not welcomed afterwards
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
