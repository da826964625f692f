"""Seal: the steps of an issue between approval and sending, each one transaction.

open_letter     held: a letter is there, its audience is being written (newsletters.audience)
close           sealed: the audience is closed with its count
start           sending: the batches may leave
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from mailer import deliveries, suppressions
from mailer.batches import Batch
from mailer.deliveries import Delivery
from mailer.letter import Kind
from mailer.letters import InDoubt, Lane, Letter, LetterState
from mailer.suppressions import Suppression
from newsletters import audience, issues, schedules, settle
from newsletters.issues import Issue, IssueEvent, IssueState
from subscribers.subscriptions import PAUSED, Subscription, SubscriptionState

#: What is still deferred this long after the letter was due has failed: yesterday's news is no news.
LIFETIME = timedelta(hours=24)
#: Clocks of two processes differ by less.
_MOMENT = timedelta(minutes=1)
_SEALED = (IssueState.SEALED, IssueState.SENDING, IssueState.PAUSED, IssueState.FINISHED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The issue is on its way (or is over, when there was nobody to send to)."""

    issue_id: int
    recipients: int
    exclusions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPublished:
    """Nothing of the issue has left, and why."""

    issue_id: int
    reason: str


def open_letter(session: Session, issue: Issue, variant_id: int, *, now: datetime) -> audience.Freeze:
    """The letter whose audience is written next, and the items as they are really sent."""
    issues.move(issue, IssueEvent.HOLD)
    if issue.letter_id is None:
        due_at = max(now, issue.scheduled_for)
        letter = Letter(
            name=issue.layout,
            kind=Kind.ISSUE,
            lane=Lane.BULK,
            state=LetterState.BUILDING,
            in_doubt=InDoubt.RESEND,
            due_at=due_at,
            deadline_at=due_at + LIFETIME,
            created_at=now,
        )
        session.add(letter)
        session.flush()
        issue.letter_id = letter.id
    for item, article in issues.list_stories(session, issue.id):
        item.article_revision = article.revision
        item.title = item.title or article.title
        item.summary = article.summary if item.summary is None else item.summary
    session.flush()
    return freeze_order(session, issue, variant_id)


def close(session: Session, issue: Issue, counted: audience.Count, *, now: datetime) -> Published | NotPublished:
    """Close the audience with its count; from here on nobody is added."""
    if issues.move(issue, IssueEvent.SEAL):
        letter = session.get_one(Letter, issue.letter_id)
        letter.sealed_count = issue.recipient_count = counted.recipients
        issue.exclusion_count, issue.audience_count = counted.exclusions, counted.audience
        issue.sealed_at = now
    return outcome(issue)


def start(session: Session, issue: Issue, *, now: datetime) -> list[int]:
    """Let the letter go; the batches that are to be sent. An issue without a recipient is over at once."""
    if not issues.move(issue, IssueEvent.SEND):
        return []
    letter = session.get_one(Letter, issue.letter_id)
    letter.state = LetterState.SENDING
    let_go(session, issue.edition_id, letter)
    if issue.recipient_count == 0:
        left_out = issue.exclusion_count or 0
        why = f"all {left_out} readers were left out" if left_out else "the edition has no reader with this rhythm yet"
        letter.state, letter.finished_at = LetterState.FINISHED, now
        settle.finish(issue, now=now, reason=f"Sent to nobody: {why}.")
    return list(session.scalars(select(Batch.id).where(Batch.letter_id == letter.id).order_by(Batch.id)))


def let_go(session: Session, edition_id: int, letter: Letter) -> None:
    """Skip whoever left, paused or was suppressed while the audience was written.

    They did so themselves, unless (on PostgreSQL) their range was being written in that very moment: neither
    transaction saw the other's rows.
    """
    since = letter.created_at - _MOMENT
    left = select(Subscription.subscriber_id, Subscription.end_reason).where(
        Subscription.edition_id == edition_id,
        Subscription.state == SubscriptionState.ENDED,
        Subscription.ended_at >= since,
    )
    for subscriber_id, reason in session.execute(left):
        deliveries.skip_recipient(session, subscriber_id, reason=reason or "left", scope=f"edition:{edition_id}")
    resting = (
        select(Subscription.subscriber_id)
        .join(Delivery, and_(Delivery.letter_id == letter.id, Delivery.recipient_id == Subscription.subscriber_id))
        .where(Subscription.edition_id == edition_id, Subscription.paused_until > letter.created_at)
    )
    for subscriber_id in session.scalars(resting):
        deliveries.skip_recipient(session, subscriber_id, reason=PAUSED, scope=f"edition:{edition_id}")
    suppressed = select(Suppression.address_key, Suppression.cause).where(
        Suppression.created_at >= since, Suppression.lifted_at.is_(None)
    )
    for address_key, cause in session.execute(suppressed):
        suppressions.skip_open(session, [address_key], reason=f"suppressed: {cause}")


def freeze_order(session: Session, issue: Issue, variant_id: int) -> audience.Freeze:
    """What is to be frozen."""
    assert issue.letter_id is not None
    letter = session.get_one(Letter, issue.letter_id)
    return audience.Freeze(
        issue_id=issue.id,
        letter_id=letter.id,
        variant_id=variant_id,
        rhythm=schedules.rhythm(session, issue.edition_id, issue.schedule_id),
        due_at=letter.due_at,
        now=letter.created_at,
    )


def outcome(issue: Issue) -> Published | NotPublished:
    """How publishing it has ended, by where the issue stands."""
    if issue.state not in _SEALED:
        return NotPublished(issue_id=issue.id, reason=issue.reason or f"It is {issue.state}.")
    return Published(issue_id=issue.id, recipients=issue.recipient_count or 0, exclusions=issue.exclusion_count or 0)
