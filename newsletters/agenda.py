"""Agenda: what goes out in the coming days, what became of today's, and where a person is needed.

Six queries, however many editions and schedules there are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from newsletters import flight, holidays, issues, newsletters, schedules
from newsletters.flight import Course
from newsletters.holidays import Holiday
from newsletters.issues import NEXT, Issue, IssueState, Item
from newsletters.newsletters import Edition, Newsletter
from newsletters.schedule import SlotTime
from newsletters.schedules import Schedule, Slot

#: So near to its time a draft that waits for a person is news.
SOON = timedelta(hours=2)
#: Open issues that are shown; more than these no desk has.
_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line: an issue, a slot whose draft is still to come, or one that was skipped."""

    at: datetime
    newsletter: Newsletter
    edition: Edition
    issue: Issue | None = None
    course: Course | None = None
    waits: bool = False  # held, in case somebody takes it back
    stories: int = 0
    draft_at: datetime | None = None  # when the draft of a slot is ready
    skipped: str | None = None  # why no issue came of a slot
    needs: str | None = None  # what a person must look at, in words; empty where the state says it


def agenda(session: Session, *, since: datetime, until: datetime, now: datetime) -> list[Entry]:
    """What is due from `since` to `until`, and whatever is under way, in the order of time."""
    editions = {edition.id: (newsletter, edition) for newsletter, edition in newsletters.list_editions(session)}
    rules = {schedule.id: schedule for schedule in schedules.list_schedules(session)}
    under_way = [state for state in IssueState if NEXT[state]]
    found = session.scalars(
        select(Issue)
        .where(or_(Issue.state.in_(under_way), and_(Issue.scheduled_for >= since, Issue.scheduled_for <= until)))
        .order_by(Issue.scheduled_for, Issue.id)
        .limit(_MOST)
    ).all()
    stories = count_stories(session, [issue.id for issue in found])
    slots = session.scalars(select(Slot).where(Slot.due_at >= since).order_by(Slot.due_at)).all()
    entries = [_of_issue(issue, rules, editions, stories, now) for issue in found]
    entries += [
        Entry(at=slot.due_at, newsletter=newsletter, edition=edition, skipped=slot.skipped)
        for slot in slots
        if slot.skipped
        for newsletter, edition in [editions[rules[slot.schedule_id].edition_id]]
    ]
    rests = holidays.of_editions(session, list(editions), since=now.date() - timedelta(days=1))
    entries += [
        _resting(entry, schedule, slot.local_date, rests)
        for schedule, slot, entry in _to_come(rules.values(), slots, editions, now=now, until=until)
    ]
    return sorted(entries, key=lambda entry: (entry.at, entry.edition.id))


_Editions = dict[int, tuple[Newsletter, Edition]]


def _of_issue(
    issue: Issue, rules: dict[int, Schedule], editions: _Editions, stories: dict[int, int], now: datetime
) -> Entry:
    newsletter, edition = editions[issue.edition_id]
    course = flight.course_of(issue, rules.get(issue.schedule_id or 0))
    return Entry(
        at=issue.scheduled_for,
        newsletter=newsletter,
        edition=edition,
        issue=issue,
        course=course,
        waits=issues.waits(issue, now=now),
        stories=stories.get(issue.id, 0),
        needs=_needs(issue, course, now),
    )


def _needs(issue: Issue, course: Course, now: datetime) -> str | None:
    if course is Course.OVER:
        return None
    if issue.reason is not None:
        return issue.reason  # paused, too few stories, changed after approval, a template that is broken
    is_late = course is Course.WAITS and issue.scheduled_for - now < SOON
    return "" if is_late else None


def _to_come(
    rules: Iterable[Schedule], slots: Iterable[Slot], editions: _Editions, *, now: datetime, until: datetime
) -> list[tuple[Schedule, SlotTime, Entry]]:
    taken = {(slot.schedule_id, slot.local_date, slot.local_time) for slot in slots}
    return [
        (
            schedule,
            slot,
            Entry(at=slot.due_at, newsletter=newsletter, edition=edition, draft_at=slot.due_at - schedule.lead),
        )
        for schedule in rules
        if schedule.enabled
        for newsletter, edition in [editions[schedule.edition_id]]
        for slot in schedules.rule_of(schedule).slots_between(max(now, schedule.starts_at), until)
        if (schedule.id, slot.local_date, slot.local_time) not in taken
    ]


def _resting(entry: Entry, schedule: Schedule, on: date, rests: dict[int, list[Holiday]]) -> Entry:
    """A slot to come as it will be: none, where the newsletter rests on its day."""
    name = holidays.named(rests[schedule.edition_id], on)
    return entry if name is None else replace(entry, draft_at=None, skipped=holidays.resting(name))


def count_stories(session: Session, issue_ids: Collection[int]) -> dict[int, int]:
    """How many stories stand in each of these issues."""
    standing = select(Item.issue_id, func.count()).where(Item.issue_id.in_(issue_ids), Item.dropped_at.is_(None))
    return dict(session.execute(standing.group_by(Item.issue_id)).all())
