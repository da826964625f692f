"""A reader's own hour: "at eight in the evening, where I live", as a value and as it is stored: `20 Europe/Berlin`.

A letter that is out earlier waits until the reader's clock next shows that hour; one that is out during it goes at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

_STORED = re.compile(r"([01]\d|2[0-3]) ([A-Za-z0-9_+\-/]{1,64})\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnHour:
    hour: int  # 0 to 23
    zone: str  # IANA

    @property
    def is_sound(self) -> bool:
        return 0 <= self.hour <= 23 and self.zone in _zones()

    def __str__(self) -> str:
        return f"{self.hour:02} {self.zone}"

    def next_at(self, out_at: datetime) -> datetime:
        """When a letter that is out at `out_at` may come, in UTC: at once during that hour, else at most 25 hours later.

        An hour that the clocks skip begins where they jump to, and one that comes twice is the first.
        """
        here = out_at.astimezone(ZoneInfo(self.zone))
        if here.hour == self.hour:
            return out_at
        days = (here.date() + timedelta(days=ahead) for ahead in range(3))
        hours = (datetime.combine(day, time(self.hour), here.tzinfo).astimezone(UTC) for day in days)
        return next(at for at in hours if at > out_at)


def parse(stored: str | None) -> OwnHour | None:
    """What a row holds; None where there is nothing, or a zone that is no longer known here."""
    found = _STORED.match(stored or "")
    read = None if found is None else OwnHour(hour=int(found[1]), zone=found[2])
    return read if read is not None and read.is_sound else None


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - {"localtime", "Factory"})
