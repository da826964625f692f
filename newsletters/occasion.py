"""An occasion: which days of a month a schedule keeps to, where it does not come every week. A value.

first Sunday of the month        1st and 15th of the month         last day of the month       what an editor types
first sun                        monthly 1,15                      monthly last                what is stored
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

LAST = -1

_WEEKS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": LAST}
_ORDINALS = _WEEKS | {"1st": 1, "2nd": 2, "3rd": 3, "4th": 4}
_AND = r"(?:\s*,\s*(?:and\s+)?|\s+and\s+|\s*&\s*)"
_LEAD_IN = r"\s*(?:(?:on|every|each|the|monthly|at)\s+)*"
_OF_MONTH = r"\s+of\s+(?:the|each|every|a)\s+month\b"
_WEEK = rf"(?:{'|'.join(_ORDINALS)})"
_NUMBER = r"(?:\d{1,2}(?:st|nd|rd|th)?|last(?:\s+day)?)"
#: Days of the month. Without "of the month" only in the stored form, for "1 and 15" alone could be anything.
_NUMBERS = re.compile(
    rf"{_LEAD_IN}(?:days?\s+)?((?:the\s+)?{_NUMBER}(?:{_AND}(?:the\s+)?{_NUMBER})*){_OF_MONTH}", re.IGNORECASE
)
_STORED_NUMBERS = re.compile(rf"monthly\s+({_NUMBER}(?:,{_NUMBER})*)(?=\s)", re.IGNORECASE)
#: A day of the week by its place in the month; what follows names the day.
_WEEKDAYS = re.compile(rf"{_LEAD_IN}({_WEEK}(?:{_AND}{_WEEK})*)\s+(?=[a-z])(?!days?\b)", re.IGNORECASE)
_TRAILING = re.compile(_OF_MONTH, re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Days of the month by their number, or days of the week by their place in it; neither is every week."""

    numbers: frozenset[int] = frozenset()  # 1 to 31, LAST
    weeks: frozenset[int] = frozenset()  # 1 to 4, LAST

    def holds(self, on: date) -> bool:
        if self.numbers:
            is_last = (on + timedelta(days=1)).day == 1
            return on.day in self.numbers or (is_last and LAST in self.numbers)
        if self.weeks:
            is_last = (on + timedelta(days=7)).month != on.month
            return (on.day - 1) // 7 + 1 in self.weeks or (is_last and LAST in self.weeks)
        return True

    def text(self, days: str) -> str:
        """As it is stored, with the days of the week that go with it."""
        if self.numbers:
            return "monthly " + ",".join("last" if number == LAST else str(number) for number in _sorted(self.numbers))
        if self.weeks:
            names = {number: name for name, number in _WEEKS.items()}
            return f"{','.join(names[number] for number in _sorted(self.weeks))} {days}"
        return days


EVERY_WEEK = Occasion()


def take(text: str) -> tuple[Occasion | None, str]:
    """The occasion that a text begins with, and the rest of it; None for a day that no month has."""
    for pattern in (_NUMBERS, _STORED_NUMBERS):
        if found := pattern.match(text):
            numbers = frozenset(_number(word) for word in re.findall(_NUMBER, found[1], re.IGNORECASE))
            sound = all(number == LAST or 1 <= number <= 31 for number in numbers)
            return (Occasion(numbers=numbers) if sound else None), "daily" + text[found.end() :]
    if found := _WEEKDAYS.match(text):
        words = re.findall(_WEEK, found[1], re.IGNORECASE)
        weeks = frozenset(_ORDINALS[word.lower()] for word in words)
        return Occasion(weeks=weeks), _TRAILING.sub("", text[found.end() :], count=1)
    return EVERY_WEEK, text


def _number(word: str) -> int:
    return LAST if word.lower().startswith("last") else int(re.sub(r"\D", "", word))


def _sorted(numbers: frozenset[int]) -> list[int]:
    return sorted(numbers, key=lambda number: (number == LAST, number))
