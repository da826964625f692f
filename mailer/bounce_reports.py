"""Bounce reports: every report that came back, what was read in it, and what was done about it."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import ForeignKey, Select, String, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId, one_of
from mailer.events import BounceKind, EventKind, MailEvent


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
    received_at: Mapped[datetime] = mapped_column(index=True)
    delivery_id: Mapped[int | None] = mapped_column(ForeignKey("deliveries.id"), index=True)
    address_key: Mapped[str | None] = mapped_column(String(320), index=True)  # of the delivery, if one is named
    recipient: Mapped[str | None] = mapped_column(String(320))  # as the report says
    action: Mapped[str | None] = mapped_column(String(16))
    status: Mapped[str | None] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(24))  # our word for it: mailer.bounces.verdicts.Reason and a few more
    kind: Mapped[str] = mapped_column(String(16))  # hard | soft | policy | complaint | other
    diagnostic: Mapped[str | None] = mapped_column(String(512))
    disposition: Mapped[Disposition] = mapped_column(one_of(Disposition, "disposition"))


def find(session: Session, digest: str) -> BounceReport | None:
    """The report with this digest, if it has been counted."""
    return session.scalar(select(BounceReport).where(BounceReport.digest == digest))


def note(session: Session, report: BounceReport) -> BounceReport:
    """Keep a report. Where another reader was faster, theirs stands and is returned."""
    try:
        with session.begin_nested():
            session.add(report)
    except IntegrityError:
        found = find(session, report.digest)
        if found is None:
            raise
        return found
    return report


def has_earlier(session: Session, address_key: str, reason: str, *, before: datetime, not_of: int) -> bool:
    """Whether an address has failed for this reason before, with another delivery than `not_of`."""
    found = session.scalar(
        select(BounceReport.id)
        .where(
            BounceReport.address_key == address_key,
            BounceReport.reason == reason,
            BounceReport.action.is_distinct_from("delayed"),
            BounceReport.received_at <= before,
            BounceReport.delivery_id != not_of,
        )
        .limit(1)
    )
    return found is not None


def kind_of(event: MailEvent) -> str:
    """The report's kind in one word: hard, soft, policy, complaint, other."""
    if event.bounce is not BounceKind.NONE:
        return event.bounce
    return "complaint" if event.kind is EventKind.COMPLAINED else "other"


def forget(session: Session, address_key: str, delivery_ids: Select[int]) -> None:
    """Take out of the reports who they were about; that there was one, of which kind and when, stays."""
    about = or_(BounceReport.address_key == address_key, BounceReport.delivery_id.in_(delivery_ids))
    session.execute(
        update(BounceReport).where(about).values(address_key=None, recipient=None, diagnostic=None),
        execution_options={"synchronize_session": False},
    )
