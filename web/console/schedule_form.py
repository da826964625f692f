"""The form of a schedule: what was typed, kept as it was typed, and what it means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from starlette.datastructures import FormData, QueryParams

from newsletters import layouts, schedule, schedules
from newsletters.occasion import EVERY_WEEK
from newsletters.schedule import FRIDAY_SATURDAY, Day, ScheduleProblem
from newsletters.schedule import Schedule as Rule
from newsletters.schedules import Autonomy, Schedule, Terms, TooFew

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_LONGEST = 400
_NUMBERS = ("fewest", "most", "own", "section_cap", "author_cap", "lead", "late")
_NEVER = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """Every field as a person left it. `words` count before the days, times and zone that were picked."""

    name: str = "daily"
    layout: str = layouts.DAILY
    days: tuple[str, ...] = ("0", "1", "2", "3", "4")
    times: str = "07:00"
    zone: str = ""
    words: str = ""
    fewest: str = "3"
    most: str = "12"
    own: str = "1"
    section_cap: str = "4"
    author_cap: str = "2"
    weights: str = ""
    lead: str = "30"
    late: str = "4"
    autonomy: str = Autonomy.UNLESS_STOPPED
    too_few: str = TooFew.SKIP
    seen: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    rule: Rule
    terms: Terms


@dataclass(frozen=True, slots=True)
class Wrong:
    """What keeps the form from meaning anything, by field; the first of each counts."""

    problems: Mapping[str, str] = field(default_factory=dict)


def typed(form: FormData | QueryParams) -> Typed:
    """What a form brought. A field that did not come is empty, and so is no tick at all."""
    blank = Typed()
    texts = {name: str(form.get(name, "")).strip()[:_LONGEST] for name in blank.__dataclass_fields__ if name != "days"}
    days = tuple(str(each)[:1] for each in form.getlist("days"))
    return Typed(days=days, **texts)


def of(row: Schedule) -> Typed:
    """The form that says what a schedule is."""
    rule = schedules.rule_of(row)
    return Typed(
        name=row.name,
        layout=row.layout,
        days=tuple(str(int(day)) for day in sorted(rule.days)),
        times=", ".join(f"{at:%H:%M}" for at in rule.times),
        zone=rule.zone,
        words="" if rule.occasion == EVERY_WEEK else rule.rule(),  # the ticks have no word for a month
        fewest=str(row.min_articles),
        most=str(row.max_articles),
        own=str(row.min_own),
        section_cap=str(row.section_cap),
        author_cap=str(row.author_cap),
        weights=", ".join(f"{section} {weight:g}" for section, weight in sorted(row.weights.items())),
        lead=f"{row.lead / _MINUTE:g}",
        late=f"{row.late_limit / _HOUR:g}",
        autonomy=row.autonomy,
        too_few=row.too_few,
        seen=row.changed_at.isoformat(),
    )


def seen(typed: Typed) -> datetime:
    """The version that the editor saw; one that never was where the form does not say."""
    try:
        at = datetime.fromisoformat(typed.seen)
    except ValueError:
        return _NEVER
    return at if at.tzinfo else _NEVER


def rule(typed: Typed, *, weekend: frozenset[Day] = FRIDAY_SATURDAY) -> Rule | Wrong:
    """When it goes out: by the words, where there are any, otherwise by what was picked."""
    if typed.words:
        read = schedule.parse(typed.words, zone=typed.zone or None, weekend=weekend)
        return Wrong({"words": str(read)}) if isinstance(read, ScheduleProblem) else read
    days = {Day(int(day)) for day in typed.days if day in "0123456"}
    picked = schedule.pick(days, typed.times, typed.zone)
    return picked if isinstance(picked, Rule) else told(picked)


def read(typed: Typed, known: Terms, *, weekend: frozenset[Day] = FRIDAY_SATURDAY) -> Wanted | Wrong:
    """What the whole form means. `known` are the terms that the page does not show."""
    typed = replace(
        typed,
        own=typed.own or str(known.min_own),
        section_cap=typed.section_cap or str(known.section_cap),
        author_cap=typed.author_cap or str(known.author_cap),
    )
    weights = _weights(typed.weights)
    found = rule(typed, weekend=weekend)
    numbers = {name: _number(getattr(typed, name)) for name in _NUMBERS}
    problems = dict(found.problems) if isinstance(found, Wrong) else {}
    problems |= {
        name: f"“{getattr(typed, name)}” is no whole number. Write it in digits."
        for name, number in numbers.items()
        if number is None
    }
    if weights is None:
        problems["weights"] = (
            f"“{typed.weights}” is no list of weights. Write sections with a number each: Politics 2, Sport 0.5."
        )
    if isinstance(found, Wrong) or weights is None or problems:
        return Wrong(problems)
    given = {name: number or 0 for name, number in numbers.items()}
    terms = replace(
        known,
        name=typed.name,
        layout=typed.layout or known.layout,
        autonomy=Autonomy(typed.autonomy) if typed.autonomy in set(Autonomy) else known.autonomy,
        too_few=TooFew(typed.too_few) if typed.too_few in set(TooFew) else known.too_few,
        min_articles=given["fewest"],
        max_articles=given["most"],
        min_own=given["own"],
        section_cap=given["section_cap"],
        author_cap=given["author_cap"],
        weights=weights,
        lead=given["lead"] * _MINUTE,
        late_limit=given["late"] * _HOUR,
    )
    return Wanted(rule=found, terms=terms)


def told(problems: tuple[ScheduleProblem, ...]) -> Wrong:
    """Problems of a room, each beside its field."""
    by_field: dict[str, str] = {}
    for problem in problems:
        by_field.setdefault(problem.about, str(problem))
    return Wrong(by_field)


def _weights(text: str) -> dict[str, float] | None:
    """`Politics 2, Sport 0.5` as what it means; None for any other text."""
    found: dict[str, float] = {}
    for part in filter(None, (each.strip() for each in text.replace("،", ",").split(","))):
        section, _, number = part.rpartition(" ")
        if not section or not re.fullmatch(r"\d{1,3}(\.\d{1,3})?", number):
            return None
        found[section.strip()] = float(number)
    return found


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= 6 else None
