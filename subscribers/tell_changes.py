"""Telling a reader that their choices were changed: mails are forwarded, and whoever has one can open their page.

One letter a day at most, and only about more: an edition that is on now, another rhythm. Who turns something off or lets it
rest sees that nothing comes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer import notices, suppressions
from subscribers import subscriptions
from subscribers.choose import Chosen, Refused
from subscribers.preferences import Choice, Follow, TurnOn

#: At most one letter in this time; a reader who tries all buttons gets one.
EVERY = timedelta(hours=24)
NAME = "changed"


def is_worth_a_letter(choice: Choice | None, outcome: Chosen | Refused | None) -> bool:
    """Whether this choice brings more than came before."""
    return isinstance(choice, TurnOn | Follow) and isinstance(outcome, Chosen) and outcome.undo is not None


def tell(session: Session, subscription_id: int, variant_id: int, newsletters: str, *, now: datetime) -> int | None:
    """Write the letter, which names the newsletters that come now; its batch. None where one went within the day, or none may."""
    found = subscriptions.with_subscriber(session, subscription_id)
    if found is None or found[1].erased_at is not None:
        return None
    subscription, subscriber = found
    if suppressions.standing(session, subscriber.address_key, now=now) is not None or _knows(
        session, subscriber.id, now
    ):
        return None
    notice = notices.Notice(
        variant_id=variant_id,
        recipient_id=subscriber.id,
        address=subscriber.address,
        address_key=subscriber.address_key,
        domain_group=subscriber.domain_group,
        fields={"unsubscribe_url": str(subscription.id), "newsletters": newsletters},
    )
    return notices.enqueue(session, NAME, notice, now=now)


def _knows(session: Session, recipient_id: int, now: datetime) -> bool:
    """Whether a letter of today told them: this one, or the welcome of somebody who has just joined."""
    since = now - EVERY
    return any(notices.was_written(session, recipient_id, name, since=since) for name in (NAME, "welcome"))
