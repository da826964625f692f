"""Figures of an issue, for the desk and for ops: who was to get it, who did, what came back; and whether it all adds up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from mailer.deliveries import OPEN, Delivery, State
from mailer.letters import Letter
from newsletters.issues import Exclusion, Issue, IssueState
from subscribers.consents import Act, ConsentEvent
from subscribers.subscribers import Subscriber


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A sum that must be right: what was sealed, and the parts that are counted now."""

    name: str  # audience | recipients | left_out | letter
    sealed: int
    parts: tuple[int, ...]

    @property
    def holds(self) -> bool:
        return self.sealed == sum(self.parts)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A reader of the audience who got nothing, and why."""

    subscriber_id: int
    address: str
    reason: str


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
    refused: int  # of the bounced: refused at once, while it was handed over
    came_back: int  # of the bounced: accepted first, then reported
    unsubscribed: int  # recipients who have left the edition since
    checks: Sequence[Check]  # none before the seal: there is nothing to agree with

    @property
    def sums_match(self) -> bool:
        """Whether audience = recipients + exclusions = deliveries + exclusions, as sealed."""
        return all(check.holds for check in self.checks)

    @property
    def still_open(self) -> int:
        return sum(self.deliveries[state] for state in OPEN)


def issue_figures(session: Session, issue_id: int) -> IssueFigures | None:
    """What is known of an issue now; None where there is no such issue."""
    issue = session.get(Issue, issue_id)
    if issue is None:
        return None
    found = _deliveries(session, issue)
    deliveries = dict.fromkeys(State, 0) | {row.state: row.rows for row in found}
    bounced = {row.state: row.bounced for row in found}
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
        bounced=sum(bounced.values()),
        refused=bounced.get(State.FAILED, 0),
        came_back=bounced.get(State.ACCEPTED, 0),
        complained=sum(row.complained for row in found),
        ever_in_doubt=sum(row.in_doubt for row in found),
        unsubscribed=_unsubscribed(session, issue),
        checks=_checks(session, issue, deliveries, exclusions),
    )


def reasons(session: Session, letter_id: int) -> dict[State, dict[str, int]]:
    """Why deliveries of a letter failed or were skipped, the most frequent reasons first, at most twenty of each."""
    found: dict[State, dict[str, int]] = {}
    for state in (State.FAILED, State.SKIPPED):
        rows = session.execute(
            select(func.coalesce(Delivery.reason, ""), func.count())
            .where(Delivery.letter_id == letter_id, Delivery.state == state)
            .group_by(Delivery.reason)
            .order_by(func.count().desc(), func.coalesce(Delivery.reason, ""))
            .limit(20)
        )
        found[state] = dict(rows.all())
    return found


def left_out(
    session: Session, issue_id: int, *, reason: str | None = None, after: int = 0, limit: int = 50
) -> list[LeftOut]:
    """Readers who were left out of an issue, in the order of their numbers."""
    wanted = [Exclusion.issue_id == issue_id, Exclusion.subscriber_id > after]
    if reason is not None:
        wanted.append(Exclusion.reason == reason)
    rows = session.execute(
        select(Exclusion.subscriber_id, Subscriber.address, Exclusion.reason)
        .join(Subscriber, Subscriber.id == Exclusion.subscriber_id)
        .where(*wanted)
        .order_by(Exclusion.subscriber_id)
        .limit(limit)
    )
    return [LeftOut(*row) for row in rows]


def _deliveries(session: Session, issue: Issue) -> Sequence[Row[*tuple[Any, ...]]]:
    return session.execute(
        select(
            Delivery.state,
            func.count().label("rows"),
            func.count(Delivery.bounced_at).label("bounced"),
            func.count(Delivery.complained_at).label("complained"),
            func.count(Delivery.uncertain_at).label("in_doubt"),
        )
        .where(Delivery.letter_id == issue.letter_id)
        .group_by(Delivery.state)
    ).all()


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


def broken_sums(session: Session) -> list[str]:
    """The sums of every sealed issue that do not agree, a sentence each: the checks of its page (`issue_figures`)."""
    found = []
    for issue in session.scalars(select(Issue).where(Issue.sealed_at.is_not(None)).order_by(Issue.id)):
        deliveries = {row.state: row.rows for row in _deliveries(session, issue)}
        checks = _checks(session, issue, deliveries, _exclusions(session, issue))
        found += [
            f"issue {issue.id} was sealed with {check.sealed} ({check.name}) and has {sum(check.parts)}"
            for check in checks
            if not check.holds
        ]
    return found


def _checks(
    session: Session, issue: Issue, deliveries: Mapping[State, int], exclusions: Mapping[str, int]
) -> list[Check]:
    if issue.sealed_at is None:
        return []
    sealed = session.scalar(select(Letter.sealed_count).where(Letter.id == issue.letter_id))
    rows, left = sum(deliveries.values()), sum(exclusions.values())
    return [
        Check(name="audience", sealed=issue.audience_count or 0, parts=(rows, left)),
        Check(name="left_out", sealed=issue.exclusion_count or 0, parts=tuple(exclusions.values())),
        Check(name="recipients", sealed=issue.recipient_count or 0, parts=tuple(filter(None, deliveries.values()))),
        Check(name="letter", sealed=sealed or 0, parts=(rows,)),
    ]
