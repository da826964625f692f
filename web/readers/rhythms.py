"""Rhythms, as a reader sees them: a name, and the days and hours that it means, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ground.language import Texts
from newsletters import schedules
from newsletters.occasion import EVERY_WEEK
from newsletters.schedule import Day
from newsletters.schedule import Schedule as Rule
from newsletters.schedules import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """One schedule of an edition. `value` is what a form posts: its id, or "own" for the edition's own rhythm."""

    value: str
    name: str
    when: str
    is_chosen: bool
    is_follow: bool = False  # brings only what the reader follows


def of(choices: list[Schedule], followed: int | None, texts: Texts) -> list[Rhythm]:
    """What there is to choose between; nothing for who follows the only one. A rhythm that was stopped is not chosen."""
    if not choices or (len(choices) == 1 and followed in (None, choices[0].id)):
        return []
    own = choices[0].id
    return [
        Rhythm(
            value="own" if schedule.id == own else str(schedule.id),
            name=_name(schedule.name, texts),
            when=_when_followed(texts) if schedule.is_follow else when(schedule, texts),
            is_chosen=schedule.id == (followed or own),
            is_follow=schedule.is_follow,
        )
        for schedule in choices
    ]


def _when_followed(texts: Texts) -> str:
    return texts.gettext("when the sections and authors you follow have something new; at most once a day")


def when(schedule: Schedule, texts: Texts) -> str:
    """ "Sunday to Thursday · 07:00"."""
    rule = schedules.rule_of(schedule)
    hours = texts.listing([texts.time(at) for at in rule.times])
    days = _days(rule.rule().partition(" ")[0], texts) if rule.occasion == EVERY_WEEK else _monthly(rule, texts)
    return f"{days} {texts.dot} {hours}"


def _monthly(rule: Rule, texts: Texts) -> str:
    dates = len(rule.occasion.numbers) or len(rule.occasion.weeks) * len(rule.days)
    return texts.gettext("once a month") if dates == 1 else texts.gettext("several times a month")


def _days(written: str, texts: Texts) -> str:
    """The days of a canonical rule: `daily`, `sun-thu` or `mon,wed`."""
    if written == "daily":
        return texts.gettext("every day")
    if "-" in written:
        first, last = written.split("-")
        return texts.gettext("{first} to {last}").format(first=_day(first, texts), last=_day(last, texts))
    return texts.listing([_day(word, texts) for word in written.split(",")])


def _day(word: str, texts: Texts) -> str:
    return texts.weekday((Day[word.upper()] - 1) % 7)


def _name(name: str, texts: Texts) -> str:
    """What the newsroom calls it; the names that most choose are known in every language."""
    known: Mapping[str, Callable[[], str]] = {
        "daily": lambda: texts.gettext("Daily"),
        "weekly": lambda: texts.gettext("Weekly"),
        "monthly": lambda: texts.gettext("Monthly"),
        "morning": lambda: texts.gettext("Mornings"),
        "evening": lambda: texts.gettext("Evenings"),
        "following": lambda: texts.gettext("Only what you follow"),
    }
    told = known.get(name.strip().lower())
    return told() if told else name
