"""Bounce reports: every report that came back, what was read in it, and what was done about it."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from ground.database import Base, RowId, one_of


class Disposition(enum.StrEnum):
    """What was done about a report."""

    SUPPRESSED = "suppressed"
    RECORDED = "recorded"  # soft, policy, delayed: noted on the delivery, no reader loses anything
    UNKNOWN = "unknown"  # its token names no delivery of ours, or none at all: logged, never suppresses
    IGNORED = "ignored"  # not a report: an auto-reply, a delivered notice


class BounceReport(Base):
    __tablename__ = "bounce_reports"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256 of the mail: read twice, counted once
    received_at: Mapped[datetime]
    delivery_id: Mapped[int | None] = mapped_column(ForeignKey("deliveries.id"), index=True)
    recipient: Mapped[str | None] = mapped_column(String(320))
    action: Mapped[str | None] = mapped_column(String(16))
    status: Mapped[str | None] = mapped_column(String(16))
    kind: Mapped[str] = mapped_column(String(16))  # hard | soft | policy | complaint | other
    diagnostic: Mapped[str | None] = mapped_column(String(512))
    disposition: Mapped[Disposition] = mapped_column(one_of(Disposition, "disposition"))
