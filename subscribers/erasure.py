"""Erasure: a person is forgotten, and is never mailed again.

What stays: that somebody without a name agreed, left and was sent an issue, because evidence and sums are built of it;
and a keyed hash of the address, by which a list or a form that brings it again is recognised. Nobody can read it back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ground.tokens import KeyRing
from mailer import correspondence, deliveries, suppressions
from staff import members
from staff.members import audit
from subscribers import consents, moves, subscriptions
from subscribers.consents import Act, ConsentEvent, Evidence
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState

ERASED = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was forgotten. `subscriber_id` is None for an address that no reader had; it is kept from coming back, too."""

    subscriber_id: int | None
    subscriptions: int = 0
    deliveries: int = 0


@dataclass(frozen=True, slots=True)
class InFlight:
    """A mail to them is being handed over in this moment, and its answer names them: nothing was forgotten yet.

    What else was to go to them is skipped. It is a matter of seconds; ask again.
    """


def forget(session: Session, address_key: str, keys: KeyRing, *, by: str, now: datetime) -> Erased | InFlight:
    """Forget whoever has this address, in the caller's transaction. Twice is harmless."""
    mark = suppressions.mark(keys, address_key)
    person = session.scalar(select(Subscriber).where(Subscriber.address_key == address_key).with_for_update())
    if person is not None:
        deliveries.skip_recipient(session, person.id, reason=ERASED)
        if correspondence.is_in_flight(session, person.id):
            return InFlight()
    erased = Erased(subscriber_id=None) if person is None else _forget(session, person, now=now)
    suppressions.forget(session, address_key, mark, now=now)
    members.forget_subject(session, address_key, mark)
    subject = f"subscriber:{erased.subscriber_id}" if erased.subscriber_id is not None else mark
    audit(session, "subscriber.erase", subject, actor=by, now=now)
    return erased


def _forget(session: Session, person: Subscriber, *, now: datetime) -> Erased:
    ended = _end_all(session, person.id, now=now)
    moves.forget(session, person.id)
    blanked = correspondence.forget(session, person.id, person.address_key)
    session.execute(
        update(ConsentEvent).where(ConsentEvent.subscriber_id == person.id).values(ip=None, user_agent=None)
    )
    person.address = correspondence.FORGOTTEN
    person.address_key = f"{correspondence.FORGOTTEN}:{person.id}"
    person.name, person.language, person.domain_group = None, "und", "other"
    person.erased_at = now
    session.flush()
    return Erased(subscriber_id=person.id, subscriptions=ended, deliveries=blanked)


def _end_all(session: Session, subscriber_id: int, *, now: datetime) -> int:
    """End every subscription, whatever it was; each has its event, so that the record ends with the erasure."""
    mine = select(Subscription).where(Subscription.subscriber_id == subscriber_id).with_for_update()
    found = session.scalars(mine).all()
    for subscription in found:
        was_open = subscription.state is not SubscriptionState.ENDED
        subscriptions.end(subscription, ERASED, now=now if was_open else subscription.ended_at or now)
        subscription.topics_id = subscription.own_hour = None
        subscription.alerts = False
        consents.record(
            session,
            Act.ERASED,
            Evidence(source="erasure"),
            subscriber_id=subscriber_id,
            edition_id=subscription.edition_id,
            generation=subscription.generation,
            now=now,
        )
    return len(found)
