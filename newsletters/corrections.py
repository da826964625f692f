"""Corrections: what was put right about an issue that its readers have had, in whose words, and to how many it went."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId


class Correction(Base):
    __tablename__ = "corrections"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    issue_id: Mapped[int] = mapped_column(ForeignKey("issues.id"), index=True)
    letter_id: Mapped[int | None] = mapped_column(ForeignKey("letters.id"), unique=True)  # once it is being made ready
    subject: Mapped[str] = mapped_column(String(300))
    words: Mapped[str] = mapped_column(Text)  # paragraphs, an empty line between them
    ordered_by: Mapped[str] = mapped_column(String(320))
    ordered_at: Mapped[datetime]
    goes_at: Mapped[datetime]  # until then it can be taken back
    taken_back_at: Mapped[datetime | None]
    sealed_at: Mapped[datetime | None]
    recipient_count: Mapped[int | None]

    @property
    def paragraphs(self) -> list[str]:
        return [part for part in self.words.split("\n\n") if part]

    @property
    def is_open(self) -> bool:
        """Whether it has yet to leave."""
        return self.sealed_at is None and self.taken_back_at is None


def of_issue(session: Session, issue_id: int) -> list[Correction]:
    """All of them, the newest first."""
    wanted = select(Correction).where(Correction.issue_id == issue_id).order_by(Correction.id.desc())
    return list(session.scalars(wanted))


def due(session: Session, *, now: datetime) -> list[Correction]:
    """Those whose time has come, and those that were left half-way."""
    waiting = (Correction.sealed_at.is_(None), Correction.taken_back_at.is_(None), Correction.goes_at <= now)
    return list(session.scalars(select(Correction).where(*waiting).order_by(Correction.id)))


def published(session: Session, issue_ids: Collection[int]) -> dict[int, Sequence[Correction]]:
    """What the public may read: the corrections that went, by issue, oldest first."""
    wanted = select(Correction).where(Correction.issue_id.in_(issue_ids), Correction.sealed_at.is_not(None))
    found: dict[int, list[Correction]] = {}
    for each in session.scalars(wanted.order_by(Correction.id)):
        found.setdefault(each.issue_id, []).append(each)
    return dict(found)
