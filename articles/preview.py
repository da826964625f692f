"""Preview: what an address holds, looked at with the collector's own eyes before anything is stored."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime, timedelta

from articles import dates, discover, feeds, reading
from articles.dates import DateConfidence, Dated
from articles.entry import Entry, Kind, NamedFeed, NotAFeed, ParsedFeed
from ground.fetch import Fetched, Fetcher, FetchFailed
from ground.language import direction

#: So many entries are shown.
SHOWN = 10
_READING_TIME = timedelta(seconds=20)
_STALE = timedelta(days=30)

_ARABIC = re.compile("[\u0621-\u064a\u0671-\u06d3\u06d5]")
_SORANI = re.compile("[ڕڵێۆەڤ]")  # letters that Arabic and Persian do not have
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")


class Doubt(enum.StrEnum):
    """What an editor should know before they take a feed."""

    NO_ENTRIES = "no_entries"
    NO_PICTURES = "no_pictures"  # none has one
    NO_SUMMARIES = "no_summaries"  # so many have none
    NO_DATES = "no_dates"  # so many have none that can be believed
    ASSUMED_ZONE = "assumed_zone"  # so many name no offset: they are read in the feed's zone
    OTHER_LANGUAGE = "other_language"  # the letters of the titles are not those of the language said
    UNUSABLE = "unusable"  # so many have no link or no words
    STALE = "stale"  # nothing new for a month


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One entry as it would be taken in."""

    entry: Entry
    dated: Dated | None
    doubts: tuple[Doubt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    url: str
    title: str | None
    language: str | None  # as the feed says
    letters: str | None  # whose letters the titles are in: ar, ckb, or `latin`
    found: int
    newest: tuple[Seen, ...]
    doubts: dict[Doubt, int]  # of how many entries
    kind: Kind = Kind.FEED
    feeds: tuple[NamedFeed, ...] = ()  # that a page names beside its own story: they bring what comes after it too


@dataclass(frozen=True, slots=True, kw_only=True)
class NoFeed:
    """There is no feed at this address, and why; perhaps the page there names some."""

    url: str
    reason: str
    feeds: tuple[NamedFeed, ...] = ()


class Viewer:
    """Looks at addresses through the guarded fetcher, and reads documents in child processes. Stores nothing."""

    def __init__(self, fetcher: Fetcher, executor: Executor, clock: Callable[[], datetime]) -> None:
        self._fetcher, self._executor, self._clock = fetcher, executor, clock

    async def look(self, url: str, *, zone: str, language: str | None) -> Preview | NoFeed:
        """What is at `url`, its dates without an offset read in `zone`. `language` is what the desk says it is in."""
        address = completed(url)
        refused = feeds.refused_address(address)
        if refused is not None:
            return NoFeed(url=url, reason=refused.reason)
        answer = await self._fetcher.get(address)
        if isinstance(answer, FetchFailed):
            return NoFeed(url=address, reason=answer.detail)
        assert isinstance(answer, Fetched), "nothing was said about what we know"
        parsed = await reading.read(answer, self._executor, at_most=_READING_TIME)
        if isinstance(parsed, NotAFeed):
            named = parsed.feeds
            if parsed.is_page and not named:
                named = await discover.discover(self._fetcher, self._executor, answer.url)
            return NoFeed(url=address, reason=parsed.detail, feeds=named)
        return judge(parsed, address, zone=zone, language=language, now=self._clock())


def completed(url: str) -> str:
    """An address as people type it: without spaces around it, and with its https:// where there is no scheme."""
    text = url.strip()
    return text if "://" in text or not text else f"https://{text}"


def judge(parsed: ParsedFeed, url: str, *, zone: str, language: str | None, now: datetime) -> Preview:
    """A feed's document with everything an editor should doubt about it."""
    letters = letters_of([entry.title for entry in parsed.entries])
    seen = [_seen(entry, zone, now) for entry in parsed.entries]
    newest = sorted(seen, key=lambda one: (one.dated is not None, one.dated.at if one.dated else now), reverse=True)
    said = language or parsed.language
    return Preview(
        url=url,
        title=parsed.title,
        language=parsed.language,
        letters=letters,
        found=len(seen),
        kind=parsed.kind,
        feeds=parsed.feeds,
        newest=tuple(newest[:SHOWN]),
        doubts=_doubts(seen, unusable=parsed.unusable, is_other=_is_other(said, letters), now=now),
    )


def letters_of(titles: Sequence[str]) -> str | None:
    """Whose letters these are: `latin`, `ckb` or `ar`; None when there are too few to say."""
    text = " ".join(titles)
    arabic, latin = len(_ARABIC.findall(text)), len(_LATIN.findall(text))
    if max(arabic, latin) < 10:
        return None
    if latin >= arabic:
        return "latin"
    return "ckb" if len(_SORANI.findall(text)) * 25 > arabic else "ar"


def _is_other(said: str | None, letters: str | None) -> bool:
    if said is None or letters is None:
        return False
    if letters == "latin" or direction(said) == "ltr":
        return (direction(said) == "rtl") == (letters == "latin")
    return {said, letters} == {"ar", "ckb"}


def _seen(entry: Entry, zone: str, now: datetime) -> Seen:
    dated = dates.read(entry.published, zone=zone, now=now)
    doubts = {
        Doubt.NO_PICTURES: entry.picture is None,
        Doubt.NO_SUMMARIES: not entry.summary,
        Doubt.NO_DATES: dated is None,
        Doubt.ASSUMED_ZONE: dated is not None and dated.confidence is DateConfidence.ASSUMED_ZONE,
    }
    return Seen(entry=entry, dated=dated, doubts=tuple(doubt for doubt, holds in doubts.items() if holds))


def _doubts(seen: Sequence[Seen], *, unusable: int, is_other: bool, now: datetime) -> dict[Doubt, int]:
    if not seen:
        return {Doubt.NO_ENTRIES: 0} | ({Doubt.UNUSABLE: unusable} if unusable else {})
    counts = {doubt: sum(doubt in one.doubts for one in seen) for doubt in Doubt}
    if counts[Doubt.NO_PICTURES] < len(seen):
        counts[Doubt.NO_PICTURES] = 0  # a few without one are nothing to doubt
    newest = max((one.dated.at for one in seen if one.dated), default=None)
    counts[Doubt.OTHER_LANGUAGE] = len(seen) if is_other else 0
    counts[Doubt.UNUSABLE] = unusable
    counts[Doubt.STALE] = len(seen) if newest is not None and now - newest > _STALE else 0
    return {doubt: count for doubt, count in counts.items() if count}
