"""A day in three numbers: how many mails were accepted, how many came back, how many readers left, each with its base."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer.batches import Batch
from mailer.deliveries import Delivery
from mailer.letter import Kind
from mailer.letters import Letter
from newsletters.issues import Issue
from subscribers.consents import Act, ConsentEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFigures:
    """Of a day's issues; bounces and departures are those that came on that day, whatever issue they belong to."""

    issues: int
    recipients: int
    accepted: int
    bounced: int
    left: int


def day_figures(session: Session, *, start: datetime, end: datetime) -> DayFigures:
    """The figures from `start` up to `end`. What was accepted is read from the batches, not from every delivery."""
    sealed = (Issue.sealed_at >= start, Issue.sealed_at < end)
    issues, recipients = session.execute(
        select(func.count(), func.coalesce(func.sum(Issue.recipient_count), 0)).where(*sealed)
    ).one()
    accepted = select(func.coalesce(func.sum(Batch.accepted), 0)).join(Issue, Issue.letter_id == Batch.letter_id)
    bounced = (
        select(func.count())
        .select_from(Delivery)
        .join(Letter, Letter.id == Delivery.letter_id)
        .where(Delivery.bounced_at >= start, Delivery.bounced_at < end, Letter.kind == Kind.ISSUE)
    )
    left = select(func.count(func.distinct(ConsentEvent.subscriber_id))).where(
        ConsentEvent.act == Act.LEFT, ConsentEvent.at >= start, ConsentEvent.at < end
    )
    return DayFigures(
        issues=issues,
        recipients=recipients or 0,
        accepted=session.scalar(accepted.where(*sealed)) or 0,
        bounced=session.scalar(bounced) or 0,
        left=session.scalar(left) or 0,
    )
