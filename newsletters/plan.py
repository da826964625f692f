"""Plan: what an editor does to schedules. Every act is one line of the audit trail, or is refused in words.

Two editors do not overwrite each other: whoever changes a schedule says which version of it they saw (`changed_at`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from newsletters import ahead, following, holidays, schedules
from newsletters.act import Refused
from newsletters.ahead import Ahead
from newsletters.issues import Issue
from newsletters.layouts import LAYOUTS, Layout
from newsletters.newsletters import Edition
from newsletters.schedule import Schedule as Rule
from newsletters.schedule import ScheduleProblem
from newsletters.schedules import Schedule, Slot, Terms
from staff.members import AuditEntry, audit
from subscribers.subscriptions import Subscription


@dataclass(frozen=True, slots=True)
class Planned:
    """The schedule as it now stands."""

    schedule: Schedule


@dataclass(frozen=True, slots=True)
class Unfit:
    """Nothing was stored, and everything that is wrong with what was wanted."""

    problems: tuple[ScheduleProblem, ...]


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Nothing was stored: somebody changed the schedule after this editor had seen it. None: it was removed."""

    schedule: Schedule | None
    by: str | None


@dataclass(frozen=True, slots=True)
class Removed:
    """The schedule is gone."""

    name: str


def add(
    session: Session,
    edition_id: int,
    rule: Rule,
    terms: Terms,
    *,
    by: str,
    now: datetime,
    among: Sequence[Layout] = LAYOUTS,
) -> Planned | Unfit:
    """Let an edition's issues go out by this rule. Slots up to now are not its own."""
    if session.get(Edition, edition_id, with_for_update=True) is None:
        nowhere = ScheduleProblem("This edition is not there any more.", "Choose another one.", "edition")
        return Unfit((nowhere,))
    problems = [
        *schedules.problems(session, edition_id, terms, among=among),
        *following.problems(session, edition_id, rule, terms),
    ]
    if problems:
        return Unfit(tuple(problems))
    added = schedules.insert(session, edition_id, rule, terms, now=now)
    return _planned(session, added, "schedule.add", by=by, now=now, edition=edition_id, **_said(added))


def change(
    session: Session,
    schedule_id: int,
    rule: Rule,
    terms: Terms,
    *,
    seen: datetime | None,
    by: str,
    now: datetime,
    among: Sequence[Layout] = LAYOUTS,
) -> Planned | Unfit | Overtaken | Refused:
    """Give a schedule another rule and other terms, unless it is no longer the one that was `seen` (None: whichever)."""
    found = _find(session, schedule_id)
    if isinstance(found, Refused):
        return found if seen is None else gone(session, schedule_id)
    if seen is not None and found.changed_at != seen:
        return Overtaken(found, _last_actor(session, schedule_id))
    problems = [
        *schedules.problems(session, found.edition_id, terms, schedule_id=schedule_id, among=among),
        *following.problems(session, found.edition_id, rule, terms, schedule_id=schedule_id),
    ]
    if problems:
        return Unfit(tuple(problems))
    before = _said(found)
    found.starts_at = schedules.begins(session, found, rule, now=now)
    found.rule = rule.rule()
    for name, value in asdict(terms.clean()).items():
        setattr(found, name, value)
    changed = {name: value for name, value in _said(found).items() if before[name] != value}
    if not changed:
        return Planned(found)
    schedules.touch(found, now=now)
    return _planned(session, found, "schedule.change", by=by, now=now, **changed)


def gone(session: Session, schedule_id: int) -> Overtaken:
    """A schedule that somebody was about to change is not there any more, and who removed it."""
    return Overtaken(None, _last_actor(session, schedule_id))


def stop(session: Session, schedule_id: int, *, by: str, now: datetime) -> Planned | Refused:
    """Make no more issues by this schedule; a draft that it made waits for approval."""
    return _switch(session, schedule_id, is_on=False, by=by, now=now)


def start(session: Session, schedule_id: int, *, by: str, now: datetime) -> Planned | Refused:
    """Let a stopped schedule go on from now; what it missed is not made up for."""
    return _switch(session, schedule_id, is_on=True, by=by, now=now)


def remove(session: Session, schedule_id: int, *, by: str, now: datetime) -> Removed | Refused:
    """Take a schedule away that never made an issue and that no reader chose."""
    found = _find(session, schedule_id)
    if isinstance(found, Refused):
        return found
    tie = _tie(session, found)
    if tie is not None:
        return Refused(f"{tie} Stop it instead: it then makes no more issues.")
    audit(session, "schedule.remove", _subject(found), actor=by, now=now, **_said(found))
    session.execute(delete(Slot).where(Slot.schedule_id == schedule_id))
    session.delete(found)
    session.flush()
    return Removed(found.name)


def look_ahead(
    session: Session,
    rule: Rule,
    *,
    schedule_id: int | None,
    now: datetime,
    count: int = 5,
    edition_id: int | None = None,
) -> Ahead:
    """The next dates of a rule, as they will be if it is given to this schedule now, or to a new one of this edition."""
    schedule = session.get(Schedule, schedule_id) if schedule_id is not None else None
    begins = now if schedule is None else max(now, schedules.begins(session, schedule, rule, now=now))
    found = ahead.look(rule, after=begins, count=count)
    edition_id = edition_id if schedule is None else schedule.edition_id
    if edition_id is None:
        return found
    kept = holidays.of_editions(session, [edition_id], since=now.date() - timedelta(days=1))[edition_id]
    named = {slot.local_date: holidays.named(kept, slot.local_date) for slot in found.slots}
    return replace(found, rests={on: name for on, name in named.items() if name is not None})


def _switch(session: Session, schedule_id: int, *, is_on: bool, by: str, now: datetime) -> Planned | Refused:
    found = _find(session, schedule_id)
    if isinstance(found, Refused) or found.enabled == is_on:
        return found if isinstance(found, Refused) else Planned(found)
    schedules.set_enabled(found, enabled=is_on, now=now)
    return _planned(session, found, "schedule.start" if is_on else "schedule.stop", by=by, now=now)


def _find(session: Session, schedule_id: int) -> Schedule | Refused:
    # Locked, so that two changes, or an issue that is made meanwhile, follow one another.
    found = session.get(Schedule, schedule_id, with_for_update=True)
    return Refused(f"There is no schedule {schedule_id}. It may have been removed.") if found is None else found


def _tie(session: Session, schedule: Schedule) -> str | None:
    """Why a schedule has to stay: what belongs to it."""
    made = session.scalar(select(func.count()).select_from(Issue).where(Issue.schedule_id == schedule.id)) or 0
    if made:
        return f"“{schedule.name}” has made {made} issue{'s' if made > 1 else ''}, which the archive keeps."
    if session.scalar(select(Subscription.id).where(Subscription.schedule_id == schedule.id).limit(1)) is not None:
        return f"Readers have chosen “{schedule.name}”."
    return None


def _last_actor(session: Session, schedule_id: int) -> str | None:
    lines = select(AuditEntry.actor).where(AuditEntry.subject == f"schedule:{schedule_id}")
    return session.scalar(lines.order_by(AuditEntry.id.desc()).limit(1))


def _planned(session: Session, schedule: Schedule, act: str, *, by: str, now: datetime, **detail: object) -> Planned:
    audit(session, act, _subject(schedule), actor=by, now=now, **detail)
    session.flush()
    return Planned(schedule)


def _subject(schedule: Schedule) -> str:
    return f"schedule:{schedule.id}"


def _said(schedule: Schedule) -> dict[str, object]:
    """What an editor decided about a schedule, as the audit trail writes it."""
    terms = {
        name: f"PT{value.total_seconds():g}S" if hasattr(value, "total_seconds") else value
        for name, value in asdict(schedules.terms_of(schedule)).items()
    }
    return {"rule": schedule.rule, **terms}
