"""Seal: the steps of an issue between approval and sending, each one transaction.

open_letter     held: a letter is there, its audience is being written (newsletters.audience)
close           sealed: the audience is closed with its count
start           sending: the batches may leave
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from mailer import deliveries, suppressions
from mailer.batches import Batch, BatchState
from mailer.deliveries import Delivery
from mailer.letter import Kind
from mailer.letters import InDoubt, Lane, Letter, LetterState
from mailer.suppressions import Suppression
from newsletters import audience, had, issues, portions, settle
from newsletters import rhythm as rhythms
from newsletters.issues import Issue, IssueEvent, IssueKind, IssueState
from newsletters.layouts import FOLLOW
from newsletters.portions import Measure
from newsletters.rhythm import Rhythm
from newsletters.schedules import Schedule
from newsletters.takeover import Freeze
from subscribers import own_hour
from subscribers.subscriptions import PAUSED, Subscription, SubscriptionState

#: What is still deferred this long after the letter was due has failed: yesterday's news is no news.
LIFETIME = timedelta(hours=24)
LIFETIME_OF_ALERTS = timedelta(hours=6)
#: The same for readers whose own hour comes late: theirs was not tried before.
LIFETIME_OF_THE_LAST = timedelta(hours=6)
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


def open_letter(session: Session, issue: Issue, variant_id: int, *, now: datetime) -> Freeze:
    """The letter whose audience is written next, and the items as they are really sent."""
    issues.move(issue, IssueEvent.HOLD)
    if issue.letter_id is None:
        due_at = max(now, issue.scheduled_for)
        latest = max((at for _, at in _own_hours(session, issue, due_at)), default=due_at)
        is_alert = issue.kind is IssueKind.ALERT
        letter = Letter(
            name=issue.layout,
            kind=Kind.ISSUE,
            lane=Lane.BULK,
            state=LetterState.BUILDING,
            in_doubt=InDoubt.ASSUME_SENT if is_alert else InDoubt.RESEND,
            due_at=due_at,
            deadline_at=max(due_at + (LIFETIME_OF_ALERTS if is_alert else LIFETIME), latest + LIFETIME_OF_THE_LAST),
            created_at=now,
        )
        session.add(letter)
        session.flush()
        issue.letter_id = letter.id
    for item in issues.list_all(session, issue.id):
        item.number = None
    for number, (item, article) in enumerate(issues.list_stories(session, issue.id), start=1):
        item.number = number
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


def goes_first(session: Session, issue: Issue) -> datetime | None:
    """From when on an alert's batches are said to wait, so that an engine takes them before a running digest's."""
    if issue.kind is not IssueKind.ALERT:
        return None
    return session.scalar(select(func.min(Batch.next_at)).where(Batch.letter_id == issue.letter_id))


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
        .where(Subscription.edition_id == edition_id, Subscription.paused_until > letter.due_at)
    )
    for subscriber_id in session.scalars(resting):
        deliveries.skip_recipient(session, subscriber_id, reason=PAUSED, scope=f"edition:{edition_id}")
    suppressed = select(Suppression.address_key, Suppression.cause).where(
        Suppression.created_at >= since, Suppression.lifted_at.is_(None)
    )
    for address_key, cause in session.execute(suppressed):
        suppressions.skip_open(session, [address_key], reason=f"suppressed: {cause}")


def freeze_order(session: Session, issue: Issue, variant_id: int) -> Freeze:
    """What is to be frozen."""
    assert issue.letter_id is not None
    letter = session.get_one(Letter, issue.letter_id)
    rhythm = rhythms.of(session, issue.edition_id, issue.schedule_id)
    is_personal = portions.are_wanted(session, issue, rhythm, now=letter.due_at)
    return Freeze(
        issue_id=issue.id,
        letter_id=letter.id,
        variant_id=variant_id,
        rhythm=rhythm,
        due_at=_first_of_all(session, letter) if issue.kind is IssueKind.ALERT else letter.due_at,
        now=letter.created_at,
        own=_own(session, issue, rhythm) if is_personal else None,
        is_alert=issue.kind is IssueKind.ALERT,
        had=tuple(had.of(session, issue, rhythm, now=letter.due_at)) if is_personal else (),
        hours=_own_hours(session, issue, letter.due_at),
    )


def _first_of_all(session: Session, letter: Letter) -> datetime:
    """Before whatever waits: an alert passes a digest that is running, for what has waited longest goes first."""
    waiting = select(func.min(Batch.next_at)).where(Batch.lane == Lane.BULK, Batch.state == BatchState.OPEN)
    return min(session.scalar(waiting) or letter.due_at, letter.due_at) - timedelta(seconds=1)


def _own(session: Session, issue: Issue, rhythm: Rhythm) -> Measure:
    schedule = session.get(Schedule, rhythm.schedule_id) if rhythm.schedule_id else None
    if schedule is None:
        return Measure()
    return Measure(fewest=schedule.min_own, most=schedule.max_articles if issue.layout == FOLLOW else None)


def _own_hours(session: Session, issue: Issue, due_at: datetime) -> tuple[tuple[str, datetime], ...]:
    """The hours that readers of the edition chose, and when each next comes. A breaking story waits for nobody's."""
    if issue.kind is IssueKind.ALERT:
        return ()
    stored = select(Subscription.own_hour).where(
        Subscription.edition_id == issue.edition_id, Subscription.own_hour.is_not(None)
    )
    hours = [(text, own_hour.parse(text)) for text in session.scalars(stored.distinct()) if text is not None]
    return tuple((text, hour.next_at(due_at)) for text, hour in hours if hour is not None)


def outcome(issue: Issue) -> Published | NotPublished:
    """How publishing it has ended, by where the issue stands."""
    if issue.state not in _SEALED:
        return NotPublished(issue_id=issue.id, reason=issue.reason or f"It is {issue.state}.")
    return Published(issue_id=issue.id, recipients=issue.recipient_count or 0, exclusions=issue.exclusion_count or 0)
