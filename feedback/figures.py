"""Figures of an issue, for the desk and for ops: who was to get it, who did, what came back; and whether it all adds up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer.deliveries import OPEN, Delivery, State
from mailer.letters import Letter
from newsletters.issues import Exclusion, Issue, IssueState
from subscribers.consents import Act, ConsentEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueFigures:
    """Counts of deliveries, each a reader's. `accepted` means that the next server has it, not that it was read."""

    issue_id: int
    state: IssueState
    sealed_at: datetime | None
    finished_at: datetime | None
    audience: int
    recipients: int
    exclusions: Mapping[str, int]  # by reason
    deliveries: Mapping[State, int]  # every state, zeros too
    bounced: int  # refused for good, at once or by a later report
    complained: int
    ever_in_doubt: int  # at some moment nobody could say whether it had arrived
    unsubscribed: int  # recipients who have left the edition since
    sums_match: bool  # audience = recipients + exclusions = deliveries + exclusions, as sealed

    @property
    def still_open(self) -> int:
        return sum(self.deliveries[state] for state in OPEN)


def issue_figures(session: Session, issue_id: int) -> IssueFigures | None:
    """What is known of an issue now; None where there is no such issue."""
    issue = session.get(Issue, issue_id)
    if issue is None:
        return None
    deliveries, bounced, complained, in_doubt = _deliveries(session, issue)
    exclusions = _exclusions(session, issue)
    return IssueFigures(
        issue_id=issue.id,
        state=issue.state,
        sealed_at=issue.sealed_at,
        finished_at=issue.finished_at,
        audience=sum(deliveries.values()) + sum(exclusions.values()),
        recipients=sum(deliveries.values()),
        exclusions=exclusions,
        deliveries=deliveries,
        bounced=bounced,
        complained=complained,
        ever_in_doubt=in_doubt,
        unsubscribed=_unsubscribed(session, issue),
        sums_match=_sums_match(session, issue, sum(deliveries.values()), sum(exclusions.values())),
    )


def _deliveries(session: Session, issue: Issue) -> tuple[dict[State, int], int, int, int]:
    rows = session.execute(
        select(
            Delivery.state,
            func.count(),
            func.count(Delivery.bounced_at),
            func.count(Delivery.complained_at),
            func.count(Delivery.uncertain_at),
        )
        .where(Delivery.letter_id == issue.letter_id)
        .group_by(Delivery.state)
    ).all()
    by_state = dict.fromkeys(State, 0) | {row[0]: row[1] for row in rows}
    return by_state, sum(row[2] for row in rows), sum(row[3] for row in rows), sum(row[4] for row in rows)


def _exclusions(session: Session, issue: Issue) -> dict[str, int]:
    rows = session.execute(
        select(Exclusion.reason, func.count())
        .where(Exclusion.issue_id == issue.id)
        .group_by(Exclusion.reason)
        .order_by(func.count().desc(), Exclusion.reason)
    )
    return dict(rows.all())


def _unsubscribed(session: Session, issue: Issue) -> int:
    if issue.sealed_at is None:
        return 0
    left = (
        select(func.count(func.distinct(ConsentEvent.subscriber_id)))
        .join(Delivery, Delivery.recipient_id == ConsentEvent.subscriber_id)
        .where(
            Delivery.letter_id == issue.letter_id,
            ConsentEvent.act == Act.LEFT,
            ConsentEvent.edition_id == issue.edition_id,
            ConsentEvent.at >= issue.sealed_at,
        )
    )
    return session.scalar(left) or 0


def _sums_match(session: Session, issue: Issue, recipients: int, exclusions: int) -> bool:
    """Whether rows and sealed counts agree. Before the seal there is nothing to agree with."""
    if issue.sealed_at is None:
        return True
    sealed = session.scalar(select(Letter.sealed_count).where(Letter.id == issue.letter_id))
    counted = (issue.recipient_count, issue.exclusion_count, issue.audience_count, sealed)
    return counted == (recipients, exclusions, recipients + exclusions, recipients)
