"""Choices as forms post them, and back: what the preference page's buttons and its "Undo" carry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from newsletters import zones as places
from subscribers import topics
from subscribers.own_hour import OwnHour
from subscribers.preferences import BeAlerted, Choice, ComeAt, Follow, Narrow, Pause, Speak, TurnOff, TurnOn

#: A pause ends with a day in the edition's own place: its issue of that day comes again.
Zones = Mapping[int, str]

_MOST = 50  # editions in one form
_MOST_ID = 1_000_000_000


def read(posted: Mapping[str, str], zones: Zones) -> Choice | None:
    """The choice that was pressed; None for a form that is none of ours. `zones` are the editions on offer."""
    editions = _editions(posted.get("edition", ""))
    one = editions[0] if len(editions) == 1 else None
    match posted.get("set"):
        case "on" if editions:
            return _on(posted, editions, zones)
        case "off" if editions:
            return TurnOff(edition_ids=editions)
        case "off-all":
            return TurnOff(edition_ids=None)
        case "rhythm" if one is not None:
            return _rhythm(posted, one)
        case "pause" if one is not None:
            return _pause(posted, one, zones)
        case "topics" if one is not None:
            return _topics(posted, one)
        case "hour" if one is not None:
            return _hour(posted, one)
        case "alerts" if one is not None:
            return BeAlerted(edition_id=one, is_on=posted.get("on") == "1")
        case "language" if posted.get("language"):
            return Speak(language=posted["language"])
    return None


def fields(choice: Choice, zones: Zones) -> dict[str, str]:
    """The fields that `read` makes this choice of."""
    match choice:
        case TurnOn():
            own = {"set": "on", "edition": _listed(choice.edition_ids)}
            rhythm = {"rhythm": _named(choice.rhythm)} if choice.rhythm else {}
            return own | rhythm | ({"until": _day(choice.pause, zones)} if choice.pause else {})
        case TurnOff(edition_ids=None):
            return {"set": "off-all"}
        case TurnOff(edition_ids=editions):
            return {"set": "off", "edition": _listed(editions or ())}
        case Follow():
            return {"set": "rhythm", "edition": str(choice.edition_id), "rhythm": _named(choice)}
        case Pause():
            return {"set": "pause", "edition": str(choice.edition_id), "until": _day(choice, zones)}
        case Narrow():
            wanted = choice.topics
            own = {"section": "\n".join(wanted.sections), "author": "\n".join(wanted.authors)} if wanted else {}
            return {"set": "topics", "edition": str(choice.edition_id)} | own
        case ComeAt():
            hour, zone = (str(choice.hour.hour), choice.hour.zone) if choice.hour else ("", "")
            return {"set": "hour", "edition": str(choice.edition_id), "hour": hour, "zone": zone}
        case BeAlerted():
            return {"set": "alerts", "edition": str(choice.edition_id), "on": "1" if choice.is_on else "0"}
        case Speak():
            return {"set": "language", "language": choice.language}


def midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone))


def _on(posted: Mapping[str, str], editions: tuple[int, ...], zones: Zones) -> Choice | None:
    rhythm = pause = None
    if posted.get("rhythm"):
        rhythm = _rhythm(posted, editions[0])
    if posted.get("until"):
        pause = _pause(posted, editions[0], zones)
    whole = (rhythm is not None or not posted.get("rhythm")) and (pause is not None or not posted.get("until"))
    return TurnOn(edition_ids=editions, rhythm=rhythm, pause=pause) if whole else None


def _rhythm(posted: Mapping[str, str], edition_id: int) -> Follow | None:
    named = posted.get("rhythm", "")
    schedule_id = None if named == "own" else _number(named)
    return Follow(edition_id=edition_id, schedule_id=schedule_id) if named == "own" or schedule_id else None


def _pause(posted: Mapping[str, str], edition_id: int, zones: Zones) -> Pause | None:
    day, zone = posted.get("until", ""), zones.get(edition_id)
    if not day:
        return Pause(edition_id=edition_id, until=None)
    try:
        parsed = date.fromisoformat(day)
    except ValueError:
        return None
    sane = zone is not None and date(2000, 1, 1) < parsed < date(9000, 1, 1)
    return Pause(edition_id=edition_id, until=midnight(parsed, zone or "UTC")) if sane else None


def _topics(posted: Mapping[str, str], edition_id: int) -> Narrow | None:
    """The boxes that were ticked, a name a line; none of them is everything."""
    sections, authors = posted.get("section", "").splitlines(), posted.get("author", "").splitlines()
    wanted = None if posted.get("all") else topics.of(sections, authors)
    is_read = wanted is not None or posted.get("all") or not (sections or authors)
    return Narrow(edition_id=edition_id, topics=wanted) if is_read else None


def _hour(posted: Mapping[str, str], edition_id: int) -> ComeAt | None:
    named = posted.get("hour", "")
    if not named:
        return ComeAt(edition_id=edition_id, hour=None)
    if not (named.isascii() and named.isdecimal() and len(named) <= 2 and int(named) < 24):
        return None
    # A place that is not known is refused in words that say so.
    return ComeAt(
        edition_id=edition_id, hour=OwnHour(hour=int(named), zone=places.find(posted.get("zone", "")[:64]) or "")
    )


def _editions(text: str) -> tuple[int, ...]:
    numbers = [_number(part) for part in text[:600].split(",")][:_MOST]
    return tuple(dict.fromkeys(number for number in numbers if number)) if all(numbers) else ()


def _number(text: str) -> int | None:
    sound = text.isascii() and text.isdecimal() and len(text) <= 10
    return int(text) if sound and 0 < int(text) < _MOST_ID else None


def _listed(editions: tuple[int, ...]) -> str:
    return ",".join(map(str, editions))


def _named(choice: Follow) -> str:
    return "own" if choice.schedule_id is None else str(choice.schedule_id)


def _day(choice: Pause, zones: Zones) -> str:
    if choice.until is None:
        return ""
    return choice.until.astimezone(ZoneInfo(zones[choice.edition_id])).date().isoformat()
