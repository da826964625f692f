"""Subscriptions: one subscriber's relation to one edition, and the rhythm, topics and hour they chose."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import ForeignKey, Index, Select, String, UniqueConstraint, false, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId, one_of
from subscribers.subscribers import Subscriber
from subscribers.topics import TopicSet

#: Why a subscription ended: its reader left. Only this end can be undone by a link.
LEFT = "left"
#: Why a letter that was waiting does not go: its reader rests.
PAUSED = "paused"


class SubscriptionState(enum.StrEnum):
    PENDING = "pending"  # asked for; the confirmation has not been pressed
    ACTIVE = "active"
    ENDED = "ended"


class Because(enum.StrEnum):
    """Why a reader left, as they may say on the page. Words to choose from: free text would hold what nobody should keep."""

    TOO_MANY = "too_many"
    NOT_FOR_ME = "not_for_me"
    ELSEWHERE = "elsewhere"  # they read us on another way
    NEVER_ASKED = "never_asked"
    OTHER = "other"


class Subscription(Base):
    __tablename__ = "subscriptions"
    __table_args__ = (
        UniqueConstraint("subscriber_id", "edition_id"),
        Index("ix_subscriptions_edition_id_state_subscriber_id", "edition_id", "state", "subscriber_id"),
        # Few rest at a time, and a seal looks for them (newsletters.seal).
        Index(
            "ix_subscriptions_resting",
            "edition_id",
            "paused_until",
            sqlite_where=text("paused_until IS NOT NULL"),
            postgresql_where=text("paused_until IS NOT NULL"),
        ),
        # A freeze asks which hours there are (newsletters.portions).
        Index(
            "ix_subscriptions_own_hour",
            "edition_id",
            "own_hour",
            sqlite_where=text("own_hour IS NOT NULL"),
            postgresql_where=text("own_hour IS NOT NULL"),
        ),
        Index(
            "ix_subscriptions_topics_id",
            "edition_id",
            "topics_id",
            sqlite_where=text("topics_id IS NOT NULL"),
            postgresql_where=text("topics_id IS NOT NULL"),
        ),
        # Few say why they left, and all of those are counted.
        Index(
            "ix_subscriptions_left_because",
            "ended_at",
            sqlite_where=text("left_because IS NOT NULL"),
            postgresql_where=text("left_because IS NOT NULL"),
        ),
        # Who may be reminded, once (subscribers.remind).
        Index(
            "ix_subscriptions_unconfirmed",
            "requested_at",
            sqlite_where=text("state = 'pending' AND reminded_at IS NULL"),
            postgresql_where=text("state = 'pending' AND reminded_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.id"))
    edition_id: Mapped[int] = mapped_column(ForeignKey("editions.id"))
    schedule_id: Mapped[int | None] = mapped_column(ForeignKey("schedules.id"))  # the rhythm; None = the edition's own
    alerts: Mapped[bool] = mapped_column(default=False, server_default=false())  # breaking stories between the issues
    topics_id: Mapped[int | None] = mapped_column(ForeignKey(TopicSet.id))  # None = everything
    own_hour: Mapped[str | None] = mapped_column(
        String(80)
    )  # "20 Europe/Berlin" (subscribers.own_hour); None = at once
    state: Mapped[SubscriptionState] = mapped_column(one_of(SubscriptionState, "state"))
    # Counts the requests: a confirmation link is bound to the request that caused it and works once.
    generation: Mapped[int] = mapped_column(default=1)
    requested_at: Mapped[datetime]
    notified_at: Mapped[
        datetime | None
    ]  # the last confirm or "already in" letter that its owner has not answered; at most one a day
    reminded_at: Mapped[datetime | None]  # that a request was never confirmed; once, whatever comes after
    confirmed_at: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None] = mapped_column(String(40))
    left_because: Mapped[str | None] = mapped_column(String(24))  # one of Because, where its reader has said so


def find(session: Session, subscription_id: int, *, lock: bool = False) -> Subscription | None:
    """One subscription; `lock` keeps others from changing it until the transaction ends (SQLite's writers are alone anyway)."""
    wanted = select(Subscription).where(Subscription.id == subscription_id)
    return session.scalar(wanted.with_for_update() if lock else wanted)


def with_subscriber(
    session: Session, subscription_id: int, *, lock: bool = False
) -> tuple[Subscription, Subscriber] | None:
    subscription = find(session, subscription_id, lock=lock)
    if subscription is None:
        return None
    subscriber = session.get(Subscriber, subscription.subscriber_id)
    return None if subscriber is None else (subscription, subscriber)


def find_or_add(session: Session, subscriber_id: int, edition_id: int, *, now: datetime) -> Subscription:
    """The relation of this person to this edition, locked; a new one waits for its first request (generation 0)."""
    found = session.scalar(_of(subscriber_id, edition_id))
    return found or add(session, subscriber_id, edition_id, now=now)


def add(session: Session, subscriber_id: int, edition_id: int, *, now: datetime) -> Subscription:
    """A new relation; the one that is there when another request was quicker."""
    added = Subscription(
        subscriber_id=subscriber_id,
        edition_id=edition_id,
        state=SubscriptionState.PENDING,
        generation=0,
        requested_at=now,
    )
    try:
        with session.begin_nested():
            session.add(added)
    except IntegrityError:
        return session.scalars(_of(subscriber_id, edition_id)).one()
    return added


def _of(subscriber_id: int, edition_id: int) -> Select[Subscription]:
    return (
        select(Subscription)
        .where(Subscription.subscriber_id == subscriber_id, Subscription.edition_id == edition_id)
        .with_for_update()
    )


def count(session: Session) -> dict[int, dict[SubscriptionState, int]]:
    """How many subscriptions each edition has, by state; counted in the index alone."""
    rows = session.execute(
        select(Subscription.edition_id, Subscription.state, func.count()).group_by(
            Subscription.edition_id, Subscription.state
        )
    )
    found: dict[int, dict[SubscriptionState, int]] = {}
    for edition_id, state, number in rows:
        found.setdefault(edition_id, dict.fromkeys(SubscriptionState, 0))[state] = number
    return found


def reasons(session: Session, *, since: datetime) -> dict[int, dict[Because, int]]:
    """Why readers have left since then, by edition; of those who have said so."""
    found: dict[int, dict[Because, int]] = {}
    rows = session.execute(
        select(Subscription.edition_id, Subscription.left_because, func.count())
        .where(Subscription.left_because.is_not(None), Subscription.ended_at > since)
        .group_by(Subscription.edition_id, Subscription.left_because)
    )
    for edition_id, because, number in rows:
        if because is not None:
            found.setdefault(edition_id, {})[Because(because)] = number
    return found


def ask_again(subscription: Subscription, *, now: datetime) -> None:
    """A new request: links of earlier ones are over, and so is an earlier confirmation."""
    subscription.state = SubscriptionState.PENDING
    subscription.generation += 1
    subscription.requested_at = now
    subscription.confirmed_at = None
    subscription.ended_at = None
    subscription.end_reason = subscription.left_because = None


def activate(subscription: Subscription, *, now: datetime) -> None:
    subscription.state = SubscriptionState.ACTIVE
    subscription.confirmed_at = now
    subscription.notified_at = None  # the owner acted: a further question of theirs may be answered today
    subscription.ended_at = None
    subscription.end_reason = subscription.left_because = None


def end(subscription: Subscription, reason: str, *, now: datetime) -> None:
    subscription.state = SubscriptionState.ENDED
    subscription.ended_at = now
    subscription.end_reason = reason
    subscription.notified_at = None
    subscription.paused_until = None
