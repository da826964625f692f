"""Members of staff, and the audit trail of what they did."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId, one_of

#: Letters of a subject that are kept.
SUBJECT = 120


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
    #: Counts up when a one-time link is made or used, and when a password or a role changes: older links are then dead.
    link_generation: Mapped[int] = mapped_column(default=0)
    #: Whether they are mailed what concerns their role: a draft that is ready, a breaker that tripped.
    gets_mail: Mapped[bool] = mapped_column(default=True)
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class AuditEntry(Base):
    """What somebody did, append-only. `actor` is a member's address, or the command line, or the service itself."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "subject", "id"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(320))
    act: Mapped[str] = mapped_column(String(60))  # "issue.approve", "suppression.lift"
    subject: Mapped[str] = mapped_column(String(SUBJECT))  # "issue:12"
    detail: Mapped[dict[str, Any]]


def audit(session: Session, act: str, subject: str, *, actor: str, now: datetime, **detail: object) -> None:
    """Append one line to the audit trail, in the caller's transaction."""
    session.add(AuditEntry(at=now, actor=actor, act=act, subject=subject, detail=detail))


def forget_subject(session: Session, subject: str, mark: str) -> None:
    """Put a mark in the place of somebody who was forgotten; what was done, when and by whom stays, what was noted goes."""
    session.execute(update(AuditEntry).where(AuditEntry.subject == subject[:SUBJECT]).values(subject=mark, detail={}))


def anybody(session: Session) -> bool:
    """Whether there is a member of staff at all; before the first there is nobody to sign in."""
    return session.scalar(select(Member.id).limit(1)) is not None


def find(session: Session, address_key: str) -> Member | None:
    return session.scalar(select(Member).where(Member.address_key == address_key))


def by_id(session: Session, member_id: int) -> Member | None:
    return session.get(Member, member_id)


def list_members(session: Session) -> list[Member]:
    """Everybody, those who may still work here first, then by name."""
    return list(session.scalars(select(Member).order_by(Member.disabled_at.is_not(None), Member.name, Member.id)))


def list_mailed(session: Session, role: Role) -> list[Member]:
    """Those of this role who may work here and want to be mailed."""
    wanted = select(Member).where(Member.role == role, Member.disabled_at.is_(None), Member.gets_mail)
    return list(session.scalars(wanted.order_by(Member.id)))


def lock_owners(session: Session) -> list[Member]:
    """The owners who may work here. Locked, so that two of them cannot demote each other in the same moment."""
    standing = select(Member).where(Member.role == Role.OWNER, Member.disabled_at.is_(None)).order_by(Member.id)
    return list(session.scalars(standing.with_for_update()))
