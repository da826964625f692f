"""Flight: where an issue stands between its draft and its last reader, and what may be done with it now."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from mailer import progress, signatures
from mailer.progress import Progress
from newsletters import approve, issues
from newsletters import rhythm as rhythms
from newsletters.issues import NEXT, Issue, IssueEvent, IssueKind, IssueState
from newsletters.newsletters import Edition, Newsletter
from newsletters.rhythm import Rhythm
from newsletters.schedules import Autonomy, Schedule
from subscribers.subscriptions import Subscription, SubscriptionState

#: By so many of the last issues the pace of the next is judged.
_LAST = 3


class Course(enum.StrEnum):
    """What becomes of an issue when nobody touches it."""

    GOES = "goes"  # by itself, at its time
    GOES_UNLESS_STOPPED = "goes_unless_stopped"  # the same; the desk has been told
    WAITS = "waits"  # for a person
    ON = "on"  # it was let go: it goes, or goes on
    OVER = "over"


class Act(enum.StrEnum):
    """What an editor may do; the names of the routes."""

    APPROVE = "approve"
    SEND_NOW = "send-now"
    TAKE_BACK = "undo"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    issue: Issue
    edition: Edition
    newsletter: Newsletter
    course: Course
    waits: bool  # held, in case somebody takes it back
    acts: frozenset[Act]
    progress: Progress | None  # from its seal on
    signed: signatures.Progress | None  # ahead of its time
    a_minute: int | None  # mails, on average since it began
    ends_at: datetime | None  # at that pace
    is_moving: bool  # something changes by the second


def look(session: Session, issue_id: int, *, now: datetime) -> Flight | None:
    """Where an issue stands; None where there is no such issue. Cheap enough for a page that asks every two seconds."""
    row = session.execute(
        select(Issue, Edition, Newsletter, Schedule)
        .join(Edition, Edition.id == Issue.edition_id)
        .join(Newsletter, Newsletter.id == Edition.newsletter_id)
        .outerjoin(Schedule, Schedule.id == Issue.schedule_id)
        .where(Issue.id == issue_id)
    ).one_or_none()
    if row is None:
        return None
    issue, edition, newsletter, schedule = row
    course = course_of(issue, schedule)
    come = progress.progress(session, issue.letter_id) if issue.letter_id and issue.sealed_at else None
    pace = _pace(issue, come, now) if issue.state is IssueState.SENDING else None
    return Flight(
        issue=issue,
        edition=edition,
        newsletter=newsletter,
        course=course,
        waits=issues.waits(issue, now=now),
        acts=_acts(issue, course),
        progress=come,
        signed=signatures.progress(session, issue.letter_id)
        if issue.letter_id and issue.state is IssueState.HELD
        else None,
        a_minute=round(pace * 60) if pace else None,
        ends_at=now + timedelta(seconds=come.waiting / pace) if pace and come and come.waiting else None,
        is_moving=_is_moving(issue, come),
    )


def course_of(issue: Issue, schedule: Schedule | None) -> Course:
    """What becomes of an issue when nobody touches it."""
    if not NEXT[issue.state]:
        return Course.OVER
    if issue.state is IssueState.PAUSED:
        return Course.WAITS
    if issue.kind is IssueKind.ALERT and issue.state in (IssueState.DRAFT, IssueState.APPROVED):
        return Course.WAITS
    if issue.state is not IssueState.DRAFT:
        return Course.ON
    if not approve.goes_by_itself(issue, schedule):
        return Course.WAITS
    assert schedule is not None
    return Course.GOES if schedule.autonomy is Autonomy.AUTOMATIC else Course.GOES_UNLESS_STOPPED


def _acts(issue: Issue, course: Course) -> frozenset[Act]:
    acts = {act for act, event in _EVENTS.items() if event in NEXT[issue.state]}
    before_sending = (
        (IssueState.APPROVED,) if issue.kind is IssueKind.ALERT else (IssueState.DRAFT, IssueState.APPROVED)
    )
    if issue.state in before_sending:
        acts.add(Act.SEND_NOW)
    if course in (Course.GOES, Course.GOES_UNLESS_STOPPED):
        acts.add(Act.TAKE_BACK)
    return frozenset(acts)


_EVENTS = {
    Act.APPROVE: IssueEvent.APPROVE,
    Act.TAKE_BACK: IssueEvent.REOPEN,
    Act.PAUSE: IssueEvent.PAUSE,
    Act.RESUME: IssueEvent.RESUME,
    Act.CANCEL: IssueEvent.CANCEL,
}
_MOVES = (IssueState.HELD, IssueState.SEALED, IssueState.SENDING)


def _is_moving(issue: Issue, come: Progress | None) -> bool:
    # The rest of a cancelled letter is skipped batch by batch.
    return issue.state in _MOVES or (issue.state is IssueState.CANCELLED and come is not None and come.waiting > 0)


def _pace(issue: Issue, come: Progress | None, now: datetime) -> float | None:
    if come is None or issue.sealed_at is None:
        return None
    seconds = (now - issue.sealed_at).total_seconds()
    return (come.total - come.waiting) / seconds if seconds > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What sending an issue would mean."""

    readers: int  # of its rhythm, now
    paused: int  # of them: they get nothing
    last: Issue | None  # the last issue of the same rhythm
    takes: timedelta | None  # at the pace of the last issues; None where there is none to judge by

    @property
    def is_unusual(self) -> bool:
        """Whether the audience differs from the last one's by more than a half of it."""
        if self.last is None or not self.last.audience_count:
            return False
        return abs(self.readers - self.last.audience_count) * 2 > self.last.audience_count


def forecast(session: Session, issue: Issue, *, now: datetime) -> Forecast:
    """What sending an issue now would mean. Counts its readers: for a page that asks once."""
    rhythm = rhythms.of(session, issue.edition_id, issue.schedule_id)
    readers, paused = _readers(session, issue, rhythm, now)
    pace = _usual_pace(session, rhythm)
    return Forecast(
        readers=readers,
        paused=paused,
        last=issues.last_sent(session, rhythm),
        takes=timedelta(seconds=(readers - paused) / pace) if pace else None,
    )


def _readers(session: Session, issue: Issue, rhythm: Rhythm, now: datetime) -> tuple[int, int]:
    row = session.execute(
        select(func.count(), func.count().filter(Subscription.paused_until > now)).where(
            Subscription.edition_id == rhythm.edition_id,
            Subscription.state == SubscriptionState.ACTIVE,
            Subscription.alerts if issue.kind is IssueKind.ALERT else rhythm.holds(Subscription.schedule_id),
        )
    ).one()
    return row[0], row[1]


def _usual_pace(session: Session, rhythm: Rhythm) -> float | None:
    sent = session.scalars(
        select(Issue)
        .where(
            Issue.edition_id == rhythm.edition_id,
            rhythm.holds(Issue.schedule_id),
            Issue.sealed_at.is_not(None),
            Issue.letter_id.is_not(None),
            or_(Issue.finished_at.is_not(None), Issue.state == IssueState.SENDING),
        )
        .order_by(Issue.sealed_at.desc())
        .limit(_LAST)
    ).all()
    paces = [
        progress.pace(session, each.letter_id, since=each.sealed_at)
        for each in sent
        if each.letter_id and each.sealed_at
    ]
    known = [pace for pace in paces if pace]
    return median(known) if known else None
