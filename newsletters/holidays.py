"""Holidays: the days on which a newsletter rests. A slot on one of them makes no issue, and says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId
from newsletters.newsletters import Edition

#: Longer is no holiday: the schedule is stopped instead.
LONGEST = timedelta(days=60)


class Holiday(Base):
    __tablename__ = "holidays"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    newsletter_id: Mapped[int] = mapped_column(ForeignKey("newsletters.id"), index=True)
    name: Mapped[str] = mapped_column(String(60))  # "Newroz"
    first_on: Mapped[date]
    last_on: Mapped[date]
    created_at: Mapped[datetime]

    def holds(self, on: date) -> bool:
        return self.first_on <= on <= self.last_on


@dataclass(frozen=True, slots=True)
class HolidayProblem:
    """Why these are no days to rest on, and what to write instead."""

    problem: str

    def __str__(self) -> str:
        return self.problem


def problem(name: str, first_on: date, last_on: date) -> HolidayProblem | None:
    if not 1 <= len(name.strip()) <= 60:
        return HolidayProblem("A holiday needs a name of 1 to 60 letters: it is what skipped issues say. Write one.")
    if last_on < first_on:
        return HolidayProblem(f"It would end on {last_on}, before it begins on {first_on}. Change one of the two.")
    if last_on - first_on > LONGEST:
        return HolidayProblem(f"That is longer than {LONGEST.days} days. Stop the schedules instead.")
    return None


def of_newsletter(session: Session, newsletter_id: int, *, since: date) -> list[Holiday]:
    """Those that are not over, the next first."""
    wanted = select(Holiday).where(Holiday.newsletter_id == newsletter_id, Holiday.last_on >= since)
    return list(session.scalars(wanted.order_by(Holiday.first_on, Holiday.id)))


def by_newsletter(session: Session, *, since: date) -> dict[int, list[Holiday]]:
    """All that are not over; a newsletter without any is not in it."""
    found: dict[int, list[Holiday]] = {}
    for holiday in session.scalars(
        select(Holiday).where(Holiday.last_on >= since).order_by(Holiday.first_on, Holiday.id)
    ):
        found.setdefault(holiday.newsletter_id, []).append(holiday)
    return found


def of_editions(session: Session, edition_ids: Sequence[int], *, since: date) -> dict[int, list[Holiday]]:
    """The same for editions; one question."""
    rows = session.execute(
        select(Edition.id, Holiday)
        .join(Holiday, Holiday.newsletter_id == Edition.newsletter_id)
        .where(Edition.id.in_(edition_ids), Holiday.last_on >= since)
        .order_by(Holiday.first_on, Holiday.id)
    )
    found: dict[int, list[Holiday]] = {edition_id: [] for edition_id in edition_ids}
    for edition_id, holiday in rows:
        found[edition_id].append(holiday)
    return found


def named(holidays: Sequence[Holiday], on: date) -> str | None:
    """What a day is called on which there is no issue; None for a working day."""
    return next((holiday.name for holiday in holidays if holiday.holds(on)), None)


def resting(name: str) -> str:
    """What a skipped slot says."""
    return f"No issue: {name}."
