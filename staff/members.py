"""Members of staff, their sessions, and the audit trail of what they did."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId, one_of


class Role(enum.StrEnum):
    EDITOR = "editor"  # schedules, curates, approves
    OPS = "ops"  # watches delivery and bounces
    OWNER = "owner"  # both, and decides who is who


class Member(Base):
    __tablename__ = "staff"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    address: Mapped[str] = mapped_column(String(320))
    address_key: Mapped[str] = mapped_column(String(320), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    role: Mapped[Role] = mapped_column(one_of(Role, "role"))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class SignIn(Base):
    """A signed-in browser. Only the hash of its id is stored, and it can be revoked."""

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    user_agent: Mapped[str | None] = mapped_column(String(256))


class AuditEntry(Base):
    """What somebody did, append-only. `actor` is a member's address, or the command line, or the service itself."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(320))
    act: Mapped[str] = mapped_column(String(60))  # "issue.approve", "suppression.lift"
    subject: Mapped[str] = mapped_column(String(120))  # "issue:12"
    detail: Mapped[dict[str, Any]]


def audit(session: Session, act: str, subject: str, *, actor: str, now: datetime, **detail: object) -> None:
    """Append one line to the audit trail, in the caller's transaction."""
    session.add(AuditEntry(at=now, actor=actor, act=act, subject=subject, detail=detail))


def forget_subject(session: Session, subject: str, mark: str) -> None:
    """Put a mark in the place of somebody who was forgotten; what was done, when and by whom stays."""
    session.execute(update(AuditEntry).where(AuditEntry.subject == subject).values(subject=mark))
