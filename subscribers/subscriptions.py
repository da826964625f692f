"""Subscriptions: one subscriber's relation to one edition, and the rhythm they chose."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ground.database import Base, RowId, one_of


class SubscriptionState(enum.StrEnum):
    PENDING = "pending"  # asked for; the confirmation has not been pressed
    ACTIVE = "active"
    ENDED = "ended"


class Subscription(Base):
    __tablename__ = "subscriptions"
    __table_args__ = (
        UniqueConstraint("subscriber_id", "edition_id"),
        Index("ix_subscriptions_edition_id_state_subscriber_id", "edition_id", "state", "subscriber_id"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.id"))
    edition_id: Mapped[int] = mapped_column(ForeignKey("editions.id"))
    schedule_id: Mapped[int | None] = mapped_column(ForeignKey("schedules.id"))  # the rhythm; None = the edition's own
    state: Mapped[SubscriptionState] = mapped_column(one_of(SubscriptionState, "state"))
    # Counts the requests: a confirmation link is bound to the request that caused it and works once.
    generation: Mapped[int] = mapped_column(default=1)
    requested_at: Mapped[datetime]
    notified_at: Mapped[datetime | None]  # the last confirm or "already in" letter; at most one a day
    confirmed_at: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None] = mapped_column(String(40))
