"""One person's record: all that is held about them, to be shown, and to be handed over (GDPR 15 and 20)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import correspondence, suppressions
from mailer.correspondence import Sent
from mailer.suppressions import Suppression
from subscribers import topics
from subscribers.consents import ConsentEvent
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription

#: Messages of one page, and of the file that is handed over.
PAGE, ALL = 25, 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    subscriber: Subscriber
    subscriptions: list[Subscription]
    consents: list[ConsentEvent]
    sent: list[Sent]  # the newest first; one more than asked for when there are older ones
    suppression: Suppression | None


def look(session: Session, subscriber_id: int, *, now: datetime, before: int | None = None) -> Person | None:
    """What is held about this person, with a page of what was sent to them."""
    subscriber = session.get(Subscriber, subscriber_id)
    return None if subscriber is None else _person(session, subscriber, PAGE + 1, before, now)


def hand_over(
    session: Session, subscriber_id: int, editions: Mapping[int, str], *, now: datetime
) -> dict[str, Any] | None:
    """Everything, as plain data for a file that the person can take elsewhere. `editions` names them by id."""
    subscriber = session.get(Subscriber, subscriber_id)
    if subscriber is None:
        return None
    held = _person(session, subscriber, ALL, None, now)
    refused = correspondence.attempts_of(session, [each.id for each in held.sent])
    attempts: dict[int, list[dict[str, Any]]] = {}
    for each in refused:
        facts = {name: getattr(each, name) for name in ("number", "at", "outcome", "code", "enhanced", "reply")}
        attempts.setdefault(each.delivery_id, []).append(facts)
    return {
        "subscriber": _facts(subscriber, "address", "name", "language", "created_at", "erased_at"),
        "subscriptions": [
            _edition(each, editions) | _facts(each, *_SUBSCRIPTION) | _topics(session, each)
            for each in held.subscriptions
        ],
        "consents": [_edition(each, editions) | _facts(each, *_CONSENT) for each in held.consents],
        "messages": [asdict(each) | {"attempts": attempts.get(each.id, [])} for each in held.sent],
        "suppression": _facts(held.suppression, "cause", "created_at", "until", "note") if held.suppression else None,
    }


_SUBSCRIPTION = (
    "state",
    "requested_at",
    "confirmed_at",
    "alerts",
    "own_hour",
    "paused_until",
    "ended_at",
    "end_reason",
)
_CONSENT = ("act", "at", "source", "wording", "ip", "user_agent")


def _person(session: Session, subscriber: Subscriber, most: int, before: int | None, now: datetime) -> Person:
    mine = select(Subscription).where(Subscription.subscriber_id == subscriber.id)
    events = select(ConsentEvent).where(ConsentEvent.subscriber_id == subscriber.id)
    return Person(
        subscriber=subscriber,
        subscriptions=list(session.scalars(mine.order_by(Subscription.id))),
        consents=list(session.scalars(events.order_by(ConsentEvent.id))),
        sent=correspondence.sent_to(session, subscriber.id, limit=most, before=before),
        suppression=suppressions.standing(session, subscriber.address_key, now=now),
    )


def _edition(found: Subscription | ConsentEvent, editions: Mapping[int, str]) -> dict[str, Any]:
    return {"edition": None if found.edition_id is None else editions.get(found.edition_id, str(found.edition_id))}


def _topics(session: Session, subscription: Subscription) -> dict[str, Any]:
    chosen = topics.read(session, subscription.topics_id)
    return {"topics": None if chosen is None else asdict(chosen)}


def _facts(found: object, *names: str) -> dict[str, Any]:
    return {name: getattr(found, name) for name in names}
