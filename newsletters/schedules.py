"""Schedules and slots: the editor's rule, and the instants it named, each used once.

The unique slot row decides that an issue is built once, whatever the clock or a second scheduler does.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ForeignKey, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId, insert_new, one_of
from newsletters import layouts, newsletters
from newsletters import schedule as rules
from newsletters.layouts import Layout
from newsletters.schedule import ScheduleProblem, SlotTime


class Autonomy(enum.StrEnum):
    AUTOMATIC = "automatic"  # goes by itself at the slot
    UNLESS_STOPPED = "unless_stopped"  # the desk is told when the draft is ready; goes unless somebody stops it
    APPROVED = "approved"  # goes only when approved


class TooFew(enum.StrEnum):
    """What to do when fewer than `min_articles` were found."""

    SKIP = "skip"
    SHORTEN = "shorten"
    HOLD = "hold"  # wait for a person


#: More is no digest any more.
MOST_ARTICLES = 100
HEAVIEST = 10.0
LONGEST_LEAD = timedelta(days=1)
LONGEST_DELAY = timedelta(days=2)


class Schedule(Base):
    __tablename__ = "schedules"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    edition_id: Mapped[int] = mapped_column(ForeignKey("editions.id"), index=True)
    name: Mapped[str] = mapped_column(String(60))  # "daily", "weekly"
    rule: Mapped[str] = mapped_column(String(200))  # "sun-thu 07:00 Asia/Baghdad": newsletters.schedule reads it
    layout: Mapped[str] = mapped_column(String(40), default="daily")  # a folder in templates/email
    autonomy: Mapped[Autonomy] = mapped_column(one_of(Autonomy, "autonomy"), default=Autonomy.AUTOMATIC)
    min_articles: Mapped[int] = mapped_column(default=3)
    max_articles: Mapped[int] = mapped_column(default=12)
    min_own: Mapped[int] = mapped_column(default=1, server_default="1")  # fewer of a reader's own topics: left out
    section_cap: Mapped[int] = mapped_column(default=4, server_default="4")  # stories of one section at most
    author_cap: Mapped[int] = mapped_column(default=2, server_default="2")
    weights: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")  # of sections: {"Politics": 2}
    too_few: Mapped[TooFew] = mapped_column(one_of(TooFew, "too_few"), default=TooFew.SKIP)
    lead: Mapped[timedelta] = mapped_column(default=timedelta(minutes=30))  # the draft is ready this long before
    late_limit: Mapped[timedelta] = mapped_column(default=timedelta(hours=4))  # later than this: skipped and told
    window: Mapped[timedelta] = mapped_column(default=timedelta(hours=24))  # a first issue looks back this far
    enabled: Mapped[bool] = mapped_column(default=True)
    starts_at: Mapped[datetime]  # slots before it are not ours
    changed_at: Mapped[datetime]

    @property
    def is_follow(self) -> bool:
        return self.layout == layouts.FOLLOW

    @property
    def fewest(self) -> int:
        """So many stories make an issue."""
        return 1 if self.is_follow else self.min_articles


class Slot(Base):
    __tablename__ = "slots"
    __table_args__ = (UniqueConstraint("schedule_id", "local_date", "local_time"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    schedule_id: Mapped[int] = mapped_column(ForeignKey("schedules.id"))
    local_date: Mapped[date]
    local_time: Mapped[time]
    due_at: Mapped[datetime]
    skipped: Mapped[str | None] = mapped_column(String(300))  # why no issue came of it, in words for the editor
    created_at: Mapped[datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an editor sets beside the rule; the columns' meanings."""

    name: str = "daily"
    layout: str = "daily"
    autonomy: Autonomy = Autonomy.AUTOMATIC
    min_articles: int = 3
    max_articles: int = 12
    min_own: int = 1
    section_cap: int = 4
    author_cap: int = 2
    weights: Mapping[str, float] = field(default_factory=dict)
    too_few: TooFew = TooFew.SKIP
    lead: timedelta = timedelta(minutes=30)
    late_limit: timedelta = timedelta(hours=4)
    window: timedelta = timedelta(hours=24)

    def clean(self) -> Terms:
        return replace(self, name=self.name.strip())


def add(
    session: Session, edition_id: int, text: str, *, now: datetime, terms: Terms = Terms()
) -> Schedule | ScheduleProblem:
    """Store what the editor typed, as its canonical rule. Slots up to now are not its own."""
    rule = rules.parse(text, weekend=newsletters.weekend_of(session, edition_id))
    if isinstance(rule, ScheduleProblem):
        return rule
    wrong = problems(session, edition_id, terms)
    return wrong[0] if wrong else insert(session, edition_id, rule, terms, now=now)


def insert(session: Session, edition_id: int, rule: rules.Schedule, terms: Terms, *, now: datetime) -> Schedule:
    """Store a schedule whose terms were found to have no `problems`."""
    added = Schedule(
        edition_id=edition_id, rule=rule.rule(), starts_at=now, changed_at=now, enabled=True, **asdict(terms.clean())
    )
    session.add(added)
    session.flush()
    return added


def problems(
    session: Session,
    edition_id: int,
    terms: Terms,
    *,
    schedule_id: int | None = None,
    among: Sequence[Layout] = layouts.LAYOUTS,
) -> list[ScheduleProblem]:
    """Everything that keeps these terms from being an edition's, or those of its schedule `schedule_id`."""
    found = list(_unfit(terms))
    if layouts.find(terms.layout, among) is None:
        found.append(ScheduleProblem(*layouts.unknown(terms.layout, among), "layout"))
    same = select(Schedule.id).where(Schedule.edition_id == edition_id, Schedule.name == terms.name.strip())
    if session.scalar(same.where(Schedule.id != (schedule_id or 0)).limit(1)) is not None:
        found.append(
            ScheduleProblem(
                f"This edition has a schedule named “{terms.name.strip()}” already.",
                "Readers choose by this name: give this one another.",
                "name",
            )
        )
    return found


def _unfit(terms: Terms) -> Iterator[ScheduleProblem]:
    if not 1 <= terms.min_articles <= terms.max_articles <= MOST_ARTICLES:
        yield ScheduleProblem(
            f"An issue cannot have {terms.min_articles} to {terms.max_articles} articles.",
            f"Choose the fewest from 1, the most from the fewest up to {MOST_ARTICLES}.",
            "fewest" if not 1 <= terms.min_articles <= MOST_ARTICLES else "most",
        )
    if not 1 <= terms.min_own <= MOST_ARTICLES:
        yield ScheduleProblem(
            f"Readers who chose topics cannot be promised {terms.min_own} stories of their own.",
            f"Choose 1 to {MOST_ARTICLES}.",
            "own",
        )
    if not (1 <= terms.section_cap <= MOST_ARTICLES and 1 <= terms.author_cap <= MOST_ARTICLES):
        yield ScheduleProblem("One section or author needs room for a story.", f"Choose 1 to {MOST_ARTICLES}.", "caps")
    if not all(name and 0 < weight <= HEAVIEST for name, weight in terms.weights.items()):
        yield ScheduleProblem(
            "A section cannot count as much as that.",
            f"Write above 0 and up to {HEAVIEST:g}, as: Politics 2.",
            "weights",
        )
    if not timedelta(0) <= terms.lead <= LONGEST_LEAD:
        yield ScheduleProblem(
            f"A draft cannot be ready {terms.lead.total_seconds() / 60:g} minutes before its time.",
            f"Choose 0 to {LONGEST_LEAD.total_seconds() / 60:g} minutes.",
            "lead",
        )
    if not timedelta(0) < terms.late_limit <= LONGEST_DELAY:
        yield ScheduleProblem(
            f"An issue cannot go {terms.late_limit.total_seconds() / 3600:g} hours late.",
            f"Choose 1 to {LONGEST_DELAY.total_seconds() / 3600:g} hours.",
            "late",
        )
    if not 1 <= len(terms.name.strip()) <= 60:
        yield ScheduleProblem("A schedule's name has 1 to 60 characters.", "Choose one, as daily or weekly.", "name")


def terms_of(schedule: Schedule) -> Terms:
    """What an editor has set beside the rule."""
    return Terms(**{each.name: getattr(schedule, each.name) for each in fields(Terms)})


def change_rule(session: Session, schedule: Schedule, text: str, *, now: datetime) -> ScheduleProblem | None:
    """Give a schedule another rule, as an editor types it. Slots that are over stay over."""
    rule = rules.parse(text)
    if isinstance(rule, ScheduleProblem):
        return rule
    schedule.starts_at = begins(session, schedule, rule, now=now)
    schedule.rule = rule.rule()
    touch(schedule, now=now)
    return None


def begins(session: Session, schedule: Schedule, rule: rules.Schedule, *, now: datetime) -> datetime:
    """From when on a schedule's slots are its own, if it is given this rule now.

    Slots of today, or later, that already ran (their draft was made) count as their day's first ones under the new
    rule too: moving 07:00 to 08:00 at half past seven brings no second issue today, moving only the evening's time
    leaves the evening's issue.
    """
    if rule.rule() == schedule.rule:
        return schedule.starts_at
    midnight = datetime.combine(now.astimezone(ZoneInfo(rule.zone)).date(), time(), ZoneInfo(rule.zone))
    taken = select(Slot.local_date).where(Slot.schedule_id == schedule.id, Slot.local_date >= midnight.date())
    ran = Counter(session.scalars(taken))
    used = [now]
    for slot in rule.slots_between(midnight - timedelta(seconds=1), midnight + LONGEST_LEAD + timedelta(days=1)):
        if ran[slot.local_date] > 0:
            ran[slot.local_date] -= 1
            used.append(slot.due_at)
    return max(used)


def touch(schedule: Schedule, *, now: datetime) -> None:
    """Mark a schedule as changed. No two of its versions bear the same moment: an editor is told by it which one they saw."""
    schedule.changed_at = max(now, schedule.changed_at + timedelta(microseconds=1))


def set_enabled(schedule: Schedule, *, enabled: bool, now: datetime) -> None:
    """Stop a schedule, or start it again from now on: the slots in between are not made up for."""
    if enabled and not schedule.enabled:
        schedule.starts_at = max(now, schedule.starts_at)
    schedule.enabled = enabled
    touch(schedule, now=now)


def list_enabled(session: Session) -> list[Schedule]:
    return list(session.scalars(select(Schedule).where(Schedule.enabled).order_by(Schedule.id)))


def rule_of(schedule: Schedule) -> rules.Schedule:
    """The stored rule as a value. Raises ValueError where somebody wrote into the table past `add` and `change_rule`."""
    rule = rules.parse(schedule.rule)
    if isinstance(rule, rules.Schedule):
        return rule
    raise ValueError(f"schedule {schedule.id} holds a rule that cannot be read: {rule}")


def next_slot(schedule: Schedule, *, now: datetime) -> SlotTime:
    """The next slot that is a schedule's own."""
    return rule_of(schedule).next_slots(max(now, schedule.starts_at), 1)[0]


def take_slot(session: Session, schedule: Schedule, slot_time: SlotTime, *, now: datetime) -> Slot | None:
    """Take a slot: None when it has been taken, by whomever. The unique key decides, whatever two clocks think."""
    taken = session.scalar(
        insert_new(Slot, is_sqlite=session.get_bind().dialect.name == "sqlite")
        .values(
            schedule_id=schedule.id,
            local_date=slot_time.local_date,
            local_time=slot_time.local_time,
            due_at=slot_time.due_at,
            created_at=now,
        )
        .returning(Slot.id)
    )
    return None if taken is None else session.get_one(Slot, taken)


def untaken(session: Session, schedule: Schedule, *, since: datetime, until: datetime) -> list[SlotTime]:
    """The slots due later than `since` and not later than `until` that nobody has taken, oldest first."""
    named = rule_of(schedule).slots_between(max(since, schedule.starts_at), until)
    if not named:
        return []
    taken = session.execute(
        select(Slot.local_date, Slot.local_time).where(
            Slot.schedule_id == schedule.id, Slot.local_date >= min(slot.local_date for slot in named)
        )
    )
    known = {(on, at) for on, at in taken}
    return [slot for slot in named if (slot.local_date, slot.local_time) not in known]


def list_schedules(session: Session) -> list[Schedule]:
    """All schedules, stopped ones too."""
    return list(session.scalars(select(Schedule).order_by(Schedule.id)))
