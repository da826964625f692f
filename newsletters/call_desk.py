"""Calling the desk: which issues need an editor, or will go unless one of them stops it, told by a letter.

ready       the draft is there, and goes by itself unless somebody stops it
approval    it goes only when somebody approves it;    last-call: and its time is nearly come
held        it waits for a person: too few stories, changed after its approval, a template that is broken
paused      the mailer holds it in the middle of its sending
skipped     a slot passed and no issue went

An issue that goes by itself is nobody's letter. What a person did themselves is told to nobody.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import breakers
from newsletters import flight, issues
from newsletters.flight import Course
from newsletters.issues import Issue, IssueState
from newsletters.newsletters import Edition
from newsletters.schedules import Schedule, Slot
from newsletters.staff_post import StaffLetter
from staff.members import Role

#: So near to its time an issue that nobody has approved is told of a second time.
LAST_CALL = timedelta(minutes=15)
#: Older ones are no news.
_LOOK_BACK = timedelta(days=2)
_MOST = 50
_STORIES = 5
_OPEN = (IssueState.DRAFT, IssueState.PAUSED, IssueState.SKIPPED)


class About(enum.StrEnum):
    """What an editor is told of an issue."""

    READY = "ready"
    APPROVAL = "approval"
    LAST_CALL = "last-call"
    HELD = "held"
    PAUSED = "paused"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """What a letter says: for its subject, its headline, what becomes of the issue, and the button."""

    short: str
    title: str
    now: str
    button: str


_WORDS: Mapping[About, _Words] = {
    About.READY: _Words(
        short="Draft ready",
        title="The draft is ready",
        now="It will be sent automatically on {at} unless someone stops it.",
        button="Open the draft",
    ),
    About.APPROVAL: _Words(
        short="Waits for approval",
        title="A draft waits for approval",
        now="It is due on {at}, and will be sent once one of you has approved it.",
        button="Review and approve",
    ),
    About.LAST_CALL: _Words(
        short="Still not approved",
        title="It is nearly time, and nobody has approved it",
        now="It is due on {at}. Until someone approves it, it will not be sent.",
        button="Review and approve",
    ),
    About.HELD: _Words(
        short="Waits for you",
        title="A draft waits for you",
        now="It is due on {at}, and will not be sent automatically. {reason}",
        button="Open the issue",
    ),
    About.PAUSED: _Words(
        short="Paused on its way",
        title="An issue is paused on its way",
        now="{reason} Emails that were handed over are on their way; the others wait.",
        button="Open the issue",
    ),
    About.SKIPPED: _Words(
        short="Not sent",
        title="An issue was not sent",
        now="It was due on {at}. {reason}",
        button="Open the console",
    ),
}


def letters(session: Session, *, base_url: str, now: datetime) -> list[StaffLetter]:
    """All that the desk is to know now; the post leaves out what it has told before."""
    rows = session.execute(
        select(Issue, Edition, Schedule)
        .join(Edition, Edition.id == Issue.edition_id)
        .outerjoin(Schedule, Schedule.id == Issue.schedule_id)
        .where(Issue.state.in_(_OPEN), Issue.scheduled_for > now - _LOOK_BACK)
        .order_by(Issue.scheduled_for, Issue.id)
        .limit(_MOST)
    ).all()
    found = []
    for issue, edition, schedule in rows:
        about = what(session, issue, schedule, now=now)
        if about is not None:
            context = _of_issue(session, issue, edition, base_url)
            found.append(_letter(f"issue:{issue.id}:{about}", about, context))
    return found + _skipped_slots(session, base_url=base_url, now=now)


def what(session: Session, issue: Issue, schedule: Schedule | None, *, now: datetime) -> About | None:
    """What the desk is told of an issue; None where it goes by itself, or where a person brought it where it is."""
    if issue.state is IssueState.SKIPPED:
        return About.SKIPPED
    if issue.state is IssueState.PAUSED:
        is_held = issue.letter_id is not None and breakers.of_letter(session, issue.letter_id) is not None
        return About.PAUSED if is_held else None
    if schedule is None or issue.state is not IssueState.DRAFT:
        return None
    if issue.reason is not None:
        return About.HELD
    match flight.course_of(issue, schedule):
        case Course.GOES_UNLESS_STOPPED:
            return About.READY
        case Course.WAITS:
            return About.LAST_CALL if issue.scheduled_for - now <= LAST_CALL else About.APPROVAL
    return None


def _of_issue(session: Session, issue: Issue, edition: Edition, base_url: str) -> dict[str, object]:
    stories = [item.title or article.title for item, article in issues.list_stories(session, issue.id)]
    return {
        "edition": edition.title,
        "edition_language": edition.language,
        "number": issue.number,
        "reason": issue.reason,
        "at": local(issue.scheduled_for, edition.zone),
        "stories": stories[:_STORIES],
        "more": max(0, len(stories) - _STORIES),
        "url": f"{base_url.rstrip('/')}/console/issues/{issue.id}",
    }


def _skipped_slots(session: Session, *, base_url: str, now: datetime) -> list[StaffLetter]:
    rows = session.execute(
        select(Slot, Edition)
        .join(Schedule, Schedule.id == Slot.schedule_id)
        .join(Edition, Edition.id == Schedule.edition_id)
        .where(Slot.skipped.is_not(None), Slot.due_at > now - _LOOK_BACK)
        .order_by(Slot.due_at.desc(), Slot.id)
        .limit(_MOST)
    ).all()
    return [_letter(f"slot:{slot.id}", About.SKIPPED, _of_slot(slot, edition, base_url)) for slot, edition in rows]


def _of_slot(slot: Slot, edition: Edition, base_url: str) -> dict[str, object]:
    return {
        "edition": edition.title,
        "edition_language": edition.language,
        "number": None,
        "reason": slot.skipped,
        "at": local(slot.due_at, edition.zone),
        "stories": [],
        "more": 0,
        "url": f"{base_url.rstrip('/')}/console",
    }


def _letter(cause: str, about: About, context: Mapping[str, object]) -> StaffLetter:
    words = asdict(_WORDS[about])
    words["now"] = words["now"].format(at=context["at"], reason=context["reason"] or "").strip()
    return StaffLetter(cause=cause, template="desk", context={**context, **words}, to=Role.EDITOR)


def local(instant: datetime, zone: str) -> str:
    """An instant as the desk reads it: "Monday 9 March at 07:00 (Baghdad time)"."""
    city = zone.rpartition("/")[2].replace("_", " ")
    there = instant.astimezone(ZoneInfo(zone))
    return f"{there:%A} {there.day} {there:%B at %H:%M} ({city} time)"
