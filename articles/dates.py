"""What a feed's date means.

Feeds write dates in every way there is, and a lenient parser is silently wrong where it hurts: "4:10 PM" read as 04:10,
a local time taken as UTC, epoch seconds read as the year 1772. This chain knows its forms exactly, assumes the feed's
zone only where the feed gave none, and believes nothing outside a window around now.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

EARLIEST = timedelta(days=3653)  # ten years back
LATEST = timedelta(days=2)  # ahead: embargoed stories are announced, the year 2062 is a mistake


class DateConfidence(enum.StrEnum):
    """How sure we are of `published_at`."""

    EXACT = "exact"  # the feed gave an instant with its offset
    ASSUMED_ZONE = "assumed_zone"  # the feed gave a local time; the feed's zone was assumed
    FIRST_SEEN = "first_seen"  # no usable date: never outranks a dated article


@dataclass(frozen=True, slots=True)
class Dated:
    at: datetime  # UTC
    confidence: DateConfidence
    offset: timedelta | None = field(default=None, compare=False)  # of the clock it was written by, where one is named


_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d+)?)?\s*(?P<half>[ap]\.?m\.?)?"
_ZONE = r"\s*(?P<zone>[A-Z]{1,5}|(?:GMT|UTC|UT)?\s*[+-]\d{1,2}(?::?\d\d)?)?"
_AT = rf"(?:(?:\s*[-,•|T]\s*|\s+at\s+|\s+){_CLOCK}{_ZONE})?"
_BASIC = r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)T(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?(?P<half>(?!))?"
_WEEKDAY = r"(?:[a-z]{3,9}\.?,?\s+)?"

_FORMS = tuple(
    re.compile(rf"^{form}$", re.IGNORECASE)
    for form in (
        rf"(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d){_AT}",  # RFC 3339, SQL
        rf"{_BASIC}{_ZONE}",  # ISO 8601, basic
        rf"{_WEEKDAY}(?P<day>\d{{1,2}})[\s-]+(?P<name>[a-z]{{3,9}})\.?,?[\s-]+(?P<year>\d{{4}}|\d\d){_AT}",  # RFC 822
        rf"{_WEEKDAY}(?P<name>[a-z]{{3,9}})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}}){_AT}",
        rf"(?P<day>\d{{1,2}})\.(?P<month>\d{{1,2}})\.(?P<year>\d{{4}}){_AT}",
        rf"(?P<first>\d{{1,2}})/(?P<second_>\d{{1,2}})/(?P<year>\d{{4}}){_AT}",
    )
)
_EPOCH = re.compile(r"^\d{10}(?:\d{3})?$")

#: Months as Arabic and Sorani papers print them; each has several spellings.
_NAMES = {
    1: "يناير|كانون الثاني|کانوونی دووەم", 2: "فبراير|شباط|شوبات", 3: "مارس|آذار|اذار|ئازار",
    4: "أبريل|ابريل|إبريل|نيسان|نیسان", 5: "مايو|أيار|ايار|ئایار", 6: "يونيو|يونيه|حزيران|حوزەیران",
    7: "يوليو|يوليه|تموز|تەممووز|تەمموز", 8: "أغسطس|اغسطس|آب|ئاب", 9: "سبتمبر|أيلول|ايلول|ئەیلوول|ئەیلول",
    10: "أكتوبر|اكتوبر|تشرين الأول|تشرینی یەکەم", 11: "نوفمبر|تشرين الثاني|تشرینی دووەم",
    12: "ديسمبر|كانون الأول|کانوونی یەکەم",
}  # fmt: skip
_PRINTED = re.compile(
    r"^(?:[\u0621-\u06d5]+\s?[\u0621-\u06d5]*[،,]?\s+)?(?P<day>\d{1,2})ی?\s+(?:"
    + "|".join(f"(?P<m{number}>{names})" for number, names in _NAMES.items())
    + r")ی?[،,]?\s+(?P<year>\d{4})\b"
)

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

#: RFC 822 section 5.1. Other names are not guessed: AST is Atlantic in Halifax and Arabian in Baghdad.
_ZONES = {
    "Z": 0, "UT": 0, "UTC": 0, "GMT": 0,
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
}  # fmt: skip

_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")


def read(text: str | None, *, zone: str, now: datetime) -> Dated | None:
    """The instant that `text` names, or None when it names none that is believable at `now`.

    `zone` is the feed's: what a date without an offset means there. An impossible date (31 February) is none. A date
    that can be read two ways (03/06/2026) counts only when just one of them is believable.
    """
    if not text or len(text) > 100:
        return None
    text = _plain(text)
    readings = [dated for dated in _readings(text, ZoneInfo(zone)) if now - EARLIEST <= dated.at <= now + LATEST]
    return readings[0] if len({dated.at for dated in readings}) == 1 else None


def is_written_like_one(text: str) -> bool:
    """Whether a text has the shape of a date, whatever day it names."""
    plain = _plain(text[:100])
    return 5 < len(plain) <= 60 and any(form.match(plain) for form in _FORMS)


def _plain(text: str) -> str:
    """Western digits, single spaces, no comments in brackets (RFC 5322 3.2.2), English months."""
    text = " ".join(re.sub(r"\([^()]*\)", " ", text.translate(_DIGITS)).split())
    found = _PRINTED.match(text)
    if found is None:
        return text
    month = next(number for number in _NAMES if found[f"m{number}"])
    return f"{found['day']} {_MONTHS[month - 1]} {found['year']}{text[found.end() :].replace('،', ',')}"


def _readings(text: str, local: tzinfo) -> Iterator[Dated]:
    if _EPOCH.match(text):
        yield Dated(datetime.fromtimestamp(int(text[:10]), UTC), DateConfidence.EXACT)
        return
    for form in _FORMS:
        found = form.match(text)
        if found:
            yield from _from_parts(found.groupdict(), local)
            return


def _from_parts(parts: dict[str, str | None], local: tzinfo) -> Iterator[Dated]:
    offset = _offset(parts["zone"])
    for year, month, day in _days(parts):
        try:
            at = datetime(year, month, day, tzinfo=offset or local) + _time_of_day(parts)
            confidence = DateConfidence.EXACT if offset else DateConfidence.ASSUMED_ZONE
            yield Dated(at.astimezone(UTC), confidence, at.utcoffset())
        except (ValueError, OverflowError):
            continue


def _days(parts: dict[str, str | None]) -> Iterator[tuple[int, int, int]]:
    year = int(parts["year"] or 0)
    if year < 100:
        year += 2000 if year < 50 else 1900  # RFC 5322 4.3
    if parts.get("first"):
        first, second = int(parts["first"] or 0), int(parts["second_"] or 0)
        yield year, second, first
        if first != second:
            yield year, first, second
        return
    name = (parts.get("name") or "").lower()
    if name:
        if name[:3] in _MONTHS:
            yield year, _MONTHS.index(name[:3]) + 1, int(parts["day"] or 0)
        return
    yield year, int(parts["month"] or 0), int(parts["day"] or 0)


def _time_of_day(parts: dict[str, str | None]) -> timedelta:
    hour, minute, second = (int(parts[unit] or 0) for unit in ("hour", "minute", "second"))
    half = (parts["half"] or "").lower()
    if half and not 1 <= hour <= 12:
        raise ValueError("no such hour")
    if half:
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    if hour > 24 or minute > 59 or second > 60 or (hour == 24 and (minute or second)):
        raise ValueError("no such time")
    return timedelta(hours=hour, minutes=minute, seconds=min(second, 59))


def _offset(zone: str | None) -> timezone | None:
    """None for a zone we do not know: then the feed's own zone is assumed, and said so."""
    if not zone:
        return None
    zone = zone.upper().replace(" ", "")
    if zone in _ZONES:
        return timezone(timedelta(hours=_ZONES[zone]))
    found = re.match(r"^(?:GMT|UTC|UT)?([+-])(\d{1,2}):?(\d\d)?$", zone)
    if not found:
        return None
    away = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    if away > timedelta(hours=14):
        return None
    return timezone(-away if found[1] == "-" else away)
