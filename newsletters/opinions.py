"""Opinions: whether a reader found an issue useful, as they say on a page of ours. One answer a reader and issue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base
from newsletters.issues import Issue
from subscribers.subscriptions import Subscription


class Opinion(Base):
    __tablename__ = "opinions"

    issue_id: Mapped[int] = mapped_column(ForeignKey("issues.id", ondelete="CASCADE"), primary_key=True)
    subscription_id: Mapped[int] = mapped_column(
        ForeignKey("subscriptions.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    is_useful: Mapped[bool]
    said_at: Mapped[datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Answers to one issue. Most readers give none, so they say little about all of them."""

    useful: int = 0
    not_useful: int = 0


def find(session: Session, subscription_id: int, number: int) -> Issue | None:
    """The issue of a reader's edition that bears this number and went; None for any other number."""
    edition_id = select(Subscription.edition_id).where(Subscription.id == subscription_id).scalar_subquery()
    wanted = select(Issue).where(Issue.edition_id == edition_id, Issue.number == number, Issue.sealed_at.is_not(None))
    return session.scalar(wanted)


def say(session: Session, subscription_id: int, number: int, *, is_useful: bool, now: datetime) -> Issue | None:
    """Write down what a reader says of an issue, over what they said before; None where there is no such issue."""
    # Two presses in one moment follow one another.
    session.get(Subscription, subscription_id, with_for_update=True)
    issue = find(session, subscription_id, number)
    if issue is None:
        return None
    said = session.get(Opinion, (issue.id, subscription_id))
    if said is None:
        said = Opinion(issue_id=issue.id, subscription_id=subscription_id)
        session.add(said)
    said.is_useful, said.said_at = is_useful, now
    session.flush()
    return issue


def count(session: Session, issue_id: int) -> Counted:
    counted = select(Opinion.is_useful, func.count()).where(Opinion.issue_id == issue_id).group_by(Opinion.is_useful)
    found = {row[0]: row[1] for row in session.execute(counted)}
    return Counted(useful=found.get(True, 0), not_useful=found.get(False, 0))
