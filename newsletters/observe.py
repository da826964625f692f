"""Observe: what an editor says of a newsletter's calendar, its holidays and its weekend. Every act is audited or refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from newsletters import holidays, schedule
from newsletters.act import Refused
from newsletters.holidays import Holiday, HolidayProblem
from newsletters.newsletters import Edition, Newsletter
from newsletters.schedule import Day, ScheduleProblem
from staff.members import audit


@dataclass(frozen=True, slots=True)
class Removed:
    """The newsletter works on these days again; slots that were skipped stay skipped."""

    name: str


def rest(
    session: Session, newsletter_id: int, name: str, first_on: date, last_on: date, *, by: str, now: datetime
) -> Holiday | HolidayProblem:
    """Make no issue of a newsletter on these days. Twice is harmless."""
    if session.get(Newsletter, newsletter_id, with_for_update=True) is None:
        return HolidayProblem("This newsletter is not there any more. Choose another one.")
    wrong = holidays.problem(name, first_on, last_on)
    if wrong is not None:
        return wrong
    name = name.strip()
    for known in holidays.of_newsletter(session, newsletter_id, since=first_on):
        if (known.name, known.first_on, known.last_on) == (name, first_on, last_on):
            return known
    added = Holiday(newsletter_id=newsletter_id, name=name, first_on=first_on, last_on=last_on, created_at=now)
    session.add(added)
    session.flush()
    audit(session, "holiday.add", _subject(newsletter_id), actor=by, now=now, **_said(added))
    return added


def work(session: Session, holiday_id: int, *, by: str, now: datetime) -> Removed | Refused:
    """Take a holiday away."""
    found = session.get(Holiday, holiday_id, with_for_update=True)
    if found is None:
        return Refused("This holiday is not there any more.")
    audit(session, "holiday.remove", _subject(found.newsletter_id), actor=by, now=now, **_said(found))
    session.delete(found)
    session.flush()
    return Removed(found.name)


def keep_weekend(
    session: Session, newsletter_id: int, text: str, *, by: str, now: datetime
) -> frozenset[Day] | ScheduleProblem:
    """Say which days "weekdays" leaves out, for schedules that are typed from now on: `fri,sat`; `none` has none."""
    newsletter = session.get_one(Newsletter, newsletter_id, with_for_update=True)
    days = schedule.read_weekend(text)
    if isinstance(days, ScheduleProblem):
        return days
    before, newsletter.weekend = newsletter.weekend, schedule.weekend_text(days)
    if before != newsletter.weekend:
        audit(session, "newsletter.weekend", _subject(newsletter_id), actor=by, now=now, weekend=newsletter.weekend)
    return days


def promise(session: Session, edition_id: int, most: int, *, by: str, now: datetime) -> None:
    """Say how many alerts a day an edition's readers get at most. Those who asked for them keep their wish at 0, too."""
    edition = session.get_one(Edition, edition_id, with_for_update=True)
    if edition.alerts_a_day == most:
        return
    edition.alerts_a_day = most
    audit(session, "edition.alerts", f"edition:{edition_id}", actor=by, now=now, most=most)
    session.flush()


def _subject(newsletter_id: int) -> str:
    return f"newsletter:{newsletter_id}"


def _said(holiday: Holiday) -> dict[str, object]:
    return {"name": holiday.name, "first": holiday.first_on.isoformat(), "last": holiday.last_on.isoformat()}
