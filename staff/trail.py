"""The trail: what staff did, the newest first, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from staff.members import AuditEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which lines: of one kind of thing (`issue`: issue.approve, issue.pause, ...), of one thing (`issue:12`), or all."""

    kind: str | None = None
    subject: str | None = None
    before: int | None = None


def list_entries(session: Session, wanted: Wanted, *, limit: int) -> list[AuditEntry]:
    lines = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if wanted.kind:
        lines = lines.where(AuditEntry.act.startswith(f"{wanted.kind}.", autoescape=True))
    if wanted.subject:
        lines = lines.where(AuditEntry.subject == wanted.subject)
    if wanted.before is not None:
        lines = lines.where(AuditEntry.id < wanted.before)
    return list(session.scalars(lines))
