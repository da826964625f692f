"""A schedule, as a value: on which days, at what times, in which zone; and the slots it names.

    Sunday to Thursday at 07:00 Erbil time          what an editor types
    daily except Friday at 07:00 Asia/Baghdad
    first Sunday of the month at 09:00 Erbil time
    sun-thu 07:00 Asia/Baghdad                      what is stored (`Schedule.rule`)

A slot is due at the first instant at which the zone's wall clock shows its time or a later one. So a time that a
spring change skips comes at the end of the gap, and one that an autumn change repeats comes once, the first time.
"""

from __future__ import annotations

import enum
import heapq
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

from newsletters import occasion as occasions
from newsletters import zones
from newsletters.occasion import EVERY_WEEK, Occasion


class Day(enum.IntEnum):
    """A day of the week; the number is cron's."""

    SUN = 0
    MON = 1
    TUE = 2
    WED = 3
    THU = 4
    FRI = 5
    SAT = 6

    @property
    def word(self) -> str:
        return self.name.lower()


EVERY_DAY = frozenset(Day)
#: Iraq's weekend (CLDR, ar_IQ and ckb_IQ). "Weekdays" is not Monday to Friday everywhere: the newsroom says what it is.
FRIDAY_SATURDAY = frozenset({Day.FRI, Day.SAT})

_NAMES = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_DAY_WORDS = {
    word: Day(number)
    for number, name in enumerate(_NAMES)
    for word in {name, name + "s", name[:3], *({"tues"} if number == 2 else {"thur", "thurs"} if number == 4 else ())}
}
_EVERY_DAY_WORDS = frozenset({"daily", "every day", "everyday", "all days", "each day"})

#: What is stored fits its column, and nobody gets a letter every hour.
MOST_TIMES = 12
LONGEST_TEXT = 200

EXAMPLE = "Sunday to Thursday at 07:00 Asia/Baghdad"

_TIME = re.compile(r"(\d{1,2}):(\d{1,2})\Z")
_LOOKS_LIKE_TIME = re.compile(r"\d")
_RANGE = re.compile(r"([a-z]+)\s*(?:-|–|\bto\b|\bthrough\b)\s*([a-z]+)\Z")
_LIST = re.compile(r"\s*(?:,|\band\b|&)\s*")
_EXCEPT = re.compile(r"(?:^|\s)(?:except(?: for| on)?|but not(?: on)?|not on|without)\s+")
_DATE = re.compile(
    r"(?<![\w:])(\d{1,2}(?:st|nd|rd|th)?\.?\s+)?"
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\b(?!/)(\s+\d{1,2}(?:st|nd|rd|th)?\b(?!:))?|\b\d{4}-\d\d-\d\d\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class SlotTime:
    """One instant that a schedule names. `local_date` and `local_time` are what the rule says and name the slot."""

    local_date: date
    local_time: time
    due_at: datetime  # UTC
    moved: bool  # the clocks skip that time on that day: due at the end of the gap


@dataclass(frozen=True, slots=True)
class ScheduleProblem:
    """Why a text is no schedule, and what to write instead."""

    problem: str
    remedy: str
    about: str = "rule"  # which part of a schedule: days, times, zone, or one of its terms

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    days: frozenset[Day]
    times: tuple[time, ...]  # ascending, each once
    zone: str  # IANA
    occasion: Occasion = EVERY_WEEK

    def rule(self) -> str:
        """The canonical text: `sun-thu 07:00 Asia/Baghdad`. `parse` reads it back to an equal schedule."""
        days = self.occasion.text(_days_text(self.days))
        return f"{days} {','.join(f'{at:%H:%M}' for at in self.times)} {self.zone}"

    def next_slots(self, after: datetime, count: int) -> list[SlotTime]:
        """The next `count` slots due later than `after`."""
        return list(islice(self._slots(after), count))

    def slots_between(self, start: datetime, end: datetime) -> list[SlotTime]:
        """The slots due later than `start` and not later than `end`."""
        return list(takewhile(lambda slot: slot.due_at <= end, self._slots(start)))

    def _slots(self, after: datetime) -> Iterator[SlotTime]:
        return heapq.merge(
            *(self._slots_at(at, after) for at in self.times), key=lambda slot: (slot.due_at, slot.local_time)
        )

    def _slots_at(self, at: time, after: datetime) -> Iterator[SlotTime]:
        days = "*" if self.days == EVERY_DAY else ",".join(str(int(day)) for day in sorted(self.days))
        due: datetime
        for due in CronSim(f"{at.minute} {at.hour} * * {days}", after.astimezone(ZoneInfo(self.zone))):
            due_at = due.astimezone(UTC)
            # Begun within a repeated hour, cronsim names the first pass of it again: an instant that is over.
            if due_at <= after:
                continue
            wall = due.time()
            # A gap across midnight ends on the next day; the slot keeps the date it was meant for.
            on = due.date() - timedelta(days=1) if wall < at else due.date()
            if self.occasion.holds(on):
                yield SlotTime(on, at, due_at, moved=wall != at)


def parse(
    text: str, *, zone: str | None = None, weekend: frozenset[Day] = FRIDAY_SATURDAY
) -> Schedule | ScheduleProblem:
    """Read what an editor typed or a row holds: days, then times, then a zone (or the one given here). Never raises."""
    if len(text) > LONGEST_TEXT:
        return ScheduleProblem(f"That is {len(text)} characters long.", f"Write it as short as: {EXAMPLE}.")
    dated = _DATE.search(text)
    if dated is not None and any(char.isdigit() for char in dated[0]):
        return ScheduleProblem(
            f"“{dated[0].strip()}” is a date, and a schedule goes by days of the week.",
            f"Write for example: {EXAMPLE}.",
            "days",
        )
    occasion, text = occasions.take(text)
    if occasion is None:
        return ScheduleProblem("Not every month has such a day, and some have none.", "Choose from 1 to 31.", "days")
    words = text.split()
    first_time = next((n for n, word in enumerate(words) if _LOOKS_LIKE_TIME.match(word)), None)
    if first_time is None:
        return ScheduleProblem(
            f"There is no time of day in “{text.strip()}”.", f"Write for example: {EXAMPLE}.", "times"
        )
    last_time = max(n for n, word in enumerate(words) if _LOOKS_LIKE_TIME.match(word))
    days = _days(" ".join(words[:first_time]).lower().removesuffix(" at").removesuffix(" on").strip(), weekend)
    if isinstance(days, ScheduleProblem):
        return days
    times = _times(" ".join(words[first_time : last_time + 1]))
    if isinstance(times, ScheduleProblem):
        return times
    place = _zone(" ".join(words[last_time + 1 :]).strip(" ,()") or zone)
    if isinstance(place, ScheduleProblem):
        return place
    return Schedule(days=days, times=times, zone=place, occasion=occasion)


def pick(days: Collection[Day], times: str, zone: str) -> Schedule | tuple[ScheduleProblem, ...]:
    """The schedule of what was picked part by part, or everything that is wrong with it."""
    read_days: frozenset[Day] | ScheduleProblem = frozenset(days)
    if not days:
        read_days = ScheduleProblem("No day is chosen, so nothing would ever go out.", "Choose at least one.", "days")
    read_times, read_zone = _times(times[:LONGEST_TEXT]), _zone(zone.strip()[:LONGEST_TEXT])
    if isinstance(read_days, frozenset) and isinstance(read_times, tuple) and isinstance(read_zone, str):
        return Schedule(days=read_days, times=read_times, zone=read_zone)
    return tuple(part for part in (read_days, read_times, read_zone) if isinstance(part, ScheduleProblem))


def read_weekend(text: str) -> frozenset[Day] | ScheduleProblem:
    """The days of a weekend: `fri,sat`, "Saturday and Sunday", `none`."""
    if text.strip().lower() in {"", "none"}:
        return frozenset()
    days = _named_days(text.strip().lower()[:LONGEST_TEXT], FRIDAY_SATURDAY)
    if isinstance(days, frozenset) and days == EVERY_DAY:
        return ScheduleProblem("A weekend of seven days leaves no weekday.", "Name one or two days.", "days")
    return days


def weekend_text(days: Collection[Day]) -> str:
    """As it is stored."""
    return ",".join(day.word for day in sorted(days)) or "none"


def _days(text: str, weekend: frozenset[Day]) -> frozenset[Day] | ScheduleProblem:
    """The days that a text names, without those that follow an "except"."""
    named, *excepted = _EXCEPT.split(text, maxsplit=1)
    chosen = _named_days(named.rstrip(" ,"), weekend)
    left_out = _named_days(excepted[0], weekend) if excepted else frozenset[Day]()
    if isinstance(chosen, ScheduleProblem) or isinstance(left_out, ScheduleProblem):
        return chosen if isinstance(chosen, ScheduleProblem) else left_out
    if not chosen - left_out:
        return ScheduleProblem(
            f"“{text}” leaves no day, so nothing would ever go out.", "Take out fewer days, or name the days.", "days"
        )
    return chosen - left_out


def _named_days(text: str, weekend: frozenset[Day]) -> frozenset[Day] | ScheduleProblem:
    text = text.removeprefix("on ").strip()
    if text in _EVERY_DAY_WORDS or not text:
        return EVERY_DAY
    days: set[Day] = set()
    for part in _LIST.split(text.removeprefix("every ").rstrip(",")):
        if part in {"weekday", "weekdays"}:
            days |= EVERY_DAY - weekend
        elif part in {"weekend", "weekends"}:
            days |= weekend
        elif span := _RANGE.match(part):
            first, last = _day(span[1]), _day(span[2])
            if isinstance(first, ScheduleProblem):
                return first
            if isinstance(last, ScheduleProblem):
                return last
            days |= {Day((first + step) % 7) for step in range((last - first) % 7 + 1)}
        else:
            day = _day(part)
            if isinstance(day, ScheduleProblem):
                return day
            days.add(day)
    return frozenset(days)


def _day(word: str) -> Day | ScheduleProblem:
    found = _DAY_WORDS.get(word)
    if found is not None:
        return found
    close = get_close_matches(word, _NAMES, n=1)
    remedy = f"Did you mean {close[0].title()}?" if close else "Write days as Sunday or sun, and ranges as sun-thu."
    return ScheduleProblem(f"“{word}” is no day of the week.", remedy, "days")


def _times(text: str) -> tuple[time, ...] | ScheduleProblem:
    times: set[time] = set()
    for part in _LIST.split(text.strip(" ,")):
        found = _TIME.match(part)
        if found is None:
            return ScheduleProblem(
                f"“{part}” is no time of day.", "Write it with 24 hours, as 07:00 or 18:30.", "times"
            )
        hour, minute = int(found[1]), int(found[2])
        if hour > 23 or minute > 59 or len(found[2]) != 2:
            remedy = "Hours go from 00 to 23, minutes from 00 to 59."
            return ScheduleProblem(f"There is no time {part}.", remedy, "times")
        times.add(time(hour, minute))
    if len(times) > MOST_TIMES:
        return ScheduleProblem(f"That is {len(times)} times a day.", f"Choose at most {MOST_TIMES}.", "times")
    return tuple(sorted(times))


def _zone(name: str | None) -> str | ScheduleProblem:
    if not name:
        return ScheduleProblem("The time zone is missing.", f"Add one such as Asia/Baghdad: {EXAMPLE}.", "zone")
    found = zones.find(name)
    if found is not None:
        return found
    close = zones.near(name)
    remedy = f"Did you mean {' or '.join(close)}?" if close else "Zones are named as Asia/Baghdad, or by a city."
    return ScheduleProblem(f"“{name}” is no time zone that is known here.", remedy, "zone")


def _days_text(days: Iterable[Day]) -> str:
    chosen = set(days)
    if chosen == EVERY_DAY:
        return "daily"
    starts = [day for day in sorted(chosen) if Day((day - 1) % 7) not in chosen]
    if len(starts) == 1 and len(chosen) > 2:
        return f"{starts[0].word}-{Day((starts[0] + len(chosen) - 1) % 7).word}"
    return ",".join(day.word for day in sorted(chosen))
