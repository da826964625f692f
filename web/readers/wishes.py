"""Wishes, as a reader's page shows them: the topics of an edition with those that are ticked, and the hour it comes at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time

from ground.language import Texts
from newsletters import zones
from subscribers.own_hour import OwnHour
from subscribers.preferences import Taken
from subscribers.topics import Topics

HOURS = tuple(time(hour) for hour in range(24))
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One name that can be ticked."""

    name: str
    is_ticked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    sections: list[Box]
    authors: list[Box]
    topics: Topics | None  # None: everything
    hour: OwnHour | None  # None: as soon as it is out
    zone: str  # the reader's own, or else the edition's
    alerts: bool = False

    @property
    def has_topics(self) -> bool:
        """Whether there is anything to choose between."""
        return len(self.sections) + len(self.authors) > 1 or self.topics is not None

    def brief(self, texts: Texts) -> str:
        """The first few topics, and how many more there are."""
        names = [*self.topics.sections, *self.topics.authors] if self.topics else []
        more = len(names) - _NAMED
        return texts.listing(names[:_NAMED]) + (f" +{texts.number(more)}" if more > 0 else "")

    def clock(self, texts: Texts) -> str:
        """ "20:00 · Berlin"."""
        if self.hour is None:
            return ""
        return f"{texts.time(time(self.hour.hour))} {texts.dot} {texts.apart(zones.place(self.hour.zone))}"


def of(offered: Topics, taken: Taken | None, *, zone: str) -> Wishes:
    """What is on offer, with what was chosen before, be it still used or not."""
    chosen, hour = (taken.topics, taken.hour) if taken else (None, None)
    return Wishes(
        sections=_boxes(offered.sections, chosen.sections if chosen else ()),
        authors=_boxes(offered.authors, chosen.authors if chosen else ()),
        topics=chosen,
        hour=hour,
        zone=hour.zone if hour else zone,
        alerts=taken is not None and taken.alerts,
    )


def _boxes(offered: Sequence[str], chosen: Sequence[str]) -> list[Box]:
    return [Box(name=name, is_ticked=name in chosen) for name in dict.fromkeys((*chosen, *offered))]
