"""Preferences: what a reader has chosen, as their page shows it, and the choices they can make there.

Every choice names what is to be, never a step from what was ("weekly", "rest until the 23rd"): pressed twice, or in
two tabs, it ends the same, and each writes its own column only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import suppressions
from mailer.suppressions import Suppression
from subscribers import own_hour, subscriptions, topics
from subscribers.own_hour import OwnHour
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import LEFT, Subscription, SubscriptionState
from subscribers.topics import Topics


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOn:
    """Take these editions (again). A rhythm or a pause that is named goes with it; else what was chosen before stays."""

    edition_ids: tuple[int, ...]
    rhythm: Follow | None = None
    pause: Pause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOff:
    """Leave these editions; None is everything that there is."""

    edition_ids: tuple[int, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """Get an edition in this rhythm: one of its schedules, None for its own."""

    edition_id: int
    schedule_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Let an edition rest until then; None ends the rest."""

    edition_id: int
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrow:
    """Get an edition's stories of these topics only, and its lead; None is everything."""

    edition_id: int
    topics: Topics | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComeAt:
    """Get an edition at this hour of one's own; None is as soon as it is out."""

    edition_id: int
    hour: OwnHour | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BeAlerted:
    """Get an edition's breaking stories as well, or no longer."""

    edition_id: int
    is_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Speak:
    """See one's pages in this language."""

    language: str


Choice = TurnOn | TurnOff | Follow | Pause | Narrow | ComeAt | BeAlerted | Speak


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One edition that a reader takes, waits for, or took."""

    edition_id: int
    is_on: bool
    schedule_id: int | None
    paused_until: datetime | None  # None also when the rest is over
    topics: Topics | None = None  # None: everything
    hour: OwnHour | None = None  # None: as soon as it is out
    alerts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    subscriber_id: int
    edition_id: int  # the one whose letter the link stood in
    address: str
    language: str
    may_turn_on: bool  # the address was confirmed, and mail to it is allowed
    taken: dict[int, Taken]  # by edition

    def is_on(self, edition_id: int) -> bool:
        return edition_id in self.taken and self.taken[edition_id].is_on


def look(session: Session, subscription_id: int, *, now: datetime) -> Preferences | None:
    """What the reader of this subscription has chosen; None when the reader is gone or was forgotten."""
    found = subscriptions.with_subscriber(session, subscription_id)
    if found is None or found[1].erased_at is not None:
        return None
    subscription, subscriber = found
    theirs = list_of(session, subscriber.id)
    suppression = suppressions.standing(session, subscriber.address_key, now=now)
    return Preferences(
        subscriber_id=subscriber.id,
        edition_id=subscription.edition_id,
        address=subscriber.address,
        language=subscriber.language,
        may_turn_on=may_turn_on(theirs, suppression),
        taken={each.edition_id: _taken(session, each, now=now) for each in theirs},
    )


def list_of(session: Session, subscriber_id: int, *, lock: bool = False) -> list[Subscription]:
    """A reader's subscriptions in the order of their making."""
    wanted = select(Subscription).where(Subscription.subscriber_id == subscriber_id).order_by(Subscription.id)
    return list(session.scalars(wanted.with_for_update() if lock else wanted))


def lock_reader(session: Session, subscriber_id: int) -> Subscriber:
    """The reader, for as long as the transaction lasts: two choices of one person go one after the other."""
    # Not a full lock: consent events that others write meanwhile point to this row (PostgreSQL's FOR KEY SHARE).
    wanted = select(Subscriber).where(Subscriber.id == subscriber_id).with_for_update(key_share=True)
    return session.scalars(wanted).one()


def may_turn_on(theirs: list[Subscription], suppression: Suppression | None) -> bool:
    """Whether pressing a button is enough for one more edition.

    Somebody at this address has confirmed it, and has not since called our mail spam: only a new sign-up by form, and
    its letter, lead back from there.
    """
    return suppression is None and any(_is_confirmed(each) for each in theirs)


def _is_confirmed(subscription: Subscription) -> bool:
    if subscription.state is SubscriptionState.ACTIVE:
        return True
    left = subscription.state is SubscriptionState.ENDED and subscription.end_reason == LEFT
    return left and subscription.confirmed_at is not None


def _taken(session: Session, subscription: Subscription, *, now: datetime) -> Taken:
    until = subscription.paused_until
    return Taken(
        edition_id=subscription.edition_id,
        is_on=subscription.state is SubscriptionState.ACTIVE,
        schedule_id=subscription.schedule_id,
        paused_until=until if until is not None and until > now else None,
        topics=topics.read(session, subscription.topics_id),
        hour=own_hour.parse(subscription.own_hour),
        alerts=subscription.alerts,
    )
