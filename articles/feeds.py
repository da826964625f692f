"""Feeds: the addresses we collect from, and how politely."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from ground.database import Base, RowId


class Feed(Base):
    __tablename__ = "feeds"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    url: Mapped[str] = mapped_column(String(2000), unique=True)
    title: Mapped[str | None] = mapped_column(String(300))
    site_url: Mapped[str | None] = mapped_column(String(2000))
    language: Mapped[str | None] = mapped_column(String(16))
    zone: Mapped[str] = mapped_column(String(64), default="UTC")  # what a date without an offset means here
    enabled: Mapped[bool] = mapped_column(default=True)
    interval: Mapped[timedelta] = mapped_column(default=timedelta(minutes=15))
    etag: Mapped[str | None] = mapped_column(String(300))
    last_modified: Mapped[str | None] = mapped_column(String(100))
    next_fetch_at: Mapped[datetime]
    last_fetch_at: Mapped[datetime | None]
    last_success_at: Mapped[datetime | None]  # a 200 or a 304
    last_story_at: Mapped[datetime | None]  # when something new was last found
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    last_error: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime]
