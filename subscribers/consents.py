"""Consent events: the evidence of permission. Append-only; the database itself refuses to change or delete a row.

Kept for GDPR 7(1): what was asked and answered, when, how, under which wording. Address and agent of the visitor have
a retention of their own and are the only columns that may be emptied.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId, one_of


class Act(enum.StrEnum):
    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    LEFT = "left"
    RESUBSCRIBED = "resubscribed"
    CHANGED = "changed"  # rhythm, pause, language
    IMPORTED = "imported"
    COMPLAINED = "complained"
    ERASED = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a door saw of an act."""

    source: str  # "form:inline", "one-click", "page", "import:readers.csv"
    wording: str | None = None  # the consent text that was shown
    ip: str | None = None
    user_agent: str | None = None


class ConsentEvent(Base):
    __tablename__ = "consent_events"
    __table_args__ = (Index("ix_consent_events_act_at", "act", "at"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.id"), index=True)
    edition_id: Mapped[int | None] = mapped_column(ForeignKey("editions.id"))
    act: Mapped[Act] = mapped_column(one_of(Act, "act"))
    at: Mapped[datetime]
    source: Mapped[str] = mapped_column(String(120))
    wording: Mapped[str | None] = mapped_column(String(1000))
    generation: Mapped[int | None]
    ip: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(256))


def record(
    session: Session,
    act: Act,
    evidence: Evidence,
    *,
    subscriber_id: int,
    edition_id: int | None,
    generation: int | None,
    now: datetime,
) -> None:
    """Append one event."""
    session.add(
        ConsentEvent(
            subscriber_id=subscriber_id,
            edition_id=edition_id,
            act=act,
            at=now,
            source=evidence.source[:120],
            wording=evidence.wording,
            generation=generation,
            ip=evidence.ip,
            user_agent=evidence.user_agent[:256] if evidence.user_agent else None,
        )
    )
