"""Schedules and slots: the editor's rule, and the instants it named, each used once.

The unique slot row decides that an issue is built once, whatever the clock or a second scheduler does.
"""

from __future__ import annotations

import enum
from datetime import date, datetime, time, timedelta

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ground.database import Base, RowId, one_of


class Autonomy(enum.StrEnum):
    AUTOMATIC = "automatic"  # goes by itself at the slot
    UNLESS_STOPPED = "unless_stopped"  # the desk is told when the draft is ready; goes unless somebody stops it
    APPROVED = "approved"  # goes only when approved


class TooFew(enum.StrEnum):
    """What to do when fewer than `min_articles` were found."""

    SKIP = "skip"
    SHORTEN = "shorten"
    HOLD = "hold"  # wait for a person


class Schedule(Base):
    __tablename__ = "schedules"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    edition_id: Mapped[int] = mapped_column(ForeignKey("editions.id"), index=True)
    name: Mapped[str] = mapped_column(String(60))  # "daily", "weekly"
    rule: Mapped[str] = mapped_column(String(200))  # "sun-thu 07:00 Asia/Baghdad": newsletters.schedule reads it
    layout: Mapped[str] = mapped_column(String(40), default="daily")  # a folder in templates/email
    autonomy: Mapped[Autonomy] = mapped_column(one_of(Autonomy, "autonomy"), default=Autonomy.AUTOMATIC)
    min_articles: Mapped[int] = mapped_column(default=3)
    max_articles: Mapped[int] = mapped_column(default=12)
    too_few: Mapped[TooFew] = mapped_column(one_of(TooFew, "too_few"), default=TooFew.SKIP)
    lead: Mapped[timedelta] = mapped_column(default=timedelta(minutes=30))  # the draft is ready this long before
    late_limit: Mapped[timedelta] = mapped_column(default=timedelta(hours=4))  # later than this: skipped and told
    window: Mapped[timedelta] = mapped_column(default=timedelta(hours=24))  # a first issue looks back this far
    enabled: Mapped[bool] = mapped_column(default=True)
    starts_at: Mapped[datetime]  # slots before it are not ours
    changed_at: Mapped[datetime]


class Slot(Base):
    __tablename__ = "slots"
    __table_args__ = (UniqueConstraint("schedule_id", "local_date", "local_time"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    schedule_id: Mapped[int] = mapped_column(ForeignKey("schedules.id"))
    local_date: Mapped[date]
    local_time: Mapped[time]
    due_at: Mapped[datetime]
    skipped: Mapped[str | None] = mapped_column(String(300))  # why no issue came of it, in words for the editor
    created_at: Mapped[datetime]
