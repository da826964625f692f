"""Pacing: receiving-domain groups and their caps, when to try again, how long a broken route rests, intent groups' size."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailer import replies
from mailer.transports import Outcome

#: Domains that one operator serves; what one of them says about our rate holds for all of them.
_GROUPS = {
    "gmail": ("gmail.com", "googlemail.com"),
    "microsoft": ("outlook.com", "hotmail.com", "live.com", "msn.com"),
    "yahoo": ("yahoo.com", "ymail.com", "rocketmail.com", "aol.com"),
    "apple": ("icloud.com", "me.com", "mac.com"),
}
_GROUP_OF = {domain: group for group, domains in _GROUPS.items() for domain in domains}
#: The same brands under national domains: yahoo.co.uk, hotmail.fr, outlook.com.br, live.nl.
_BRANDS = {"yahoo": "yahoo", "hotmail": "microsoft", "outlook": "microsoft", "live": "microsoft", "msn": "microsoft"}
#: Whoever is in no group.
OTHERS = "other"
GROUPS = (*_GROUPS, OTHERS)
_SECOND_LEVEL = frozenset({"co", "com"})

#: After the first, second, ... attempt. Greylisting wants five minutes before the first retry.
RETRY_AFTER = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 45, 2 * 60, 4 * 60, 8 * 60, 12 * 60, 24 * 60))
JITTER = 0.2

_REST_FIRST = timedelta(seconds=5)
_REST_LONGEST = timedelta(minutes=5)
#: A server that says "no service here" or "wrong password" will say so again: an operator must look.
REST_REFUSED = timedelta(minutes=15)

LARGEST_GROUP = 500
_GROUP_SECONDS = 0.010


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """The most that an operator allows for a receiving-domain group; None: as much as goes."""

    per_minute: int | None = None  # over one route, whatever the number of processes
    connections: int | None = None  # of one process


NO_CAP = Cap()


def domain_group(domain: str) -> str:
    """The receiving-domain group of an ASCII domain: gmail, microsoft, yahoo, apple or other."""
    domain = domain.lower()
    if group := _GROUP_OF.get(domain):
        return group
    labels = domain.split(".")
    national = len(labels) == 2 or (len(labels) == 3 and labels[1] in _SECOND_LEVEL)
    last = labels[-1]
    if national and len(last) == 2 and labels[0] in _BRANDS:
        return _BRANDS[labels[0]]
    return OTHERS


def retry_delay(attempt: int, rng: random.Random) -> timedelta:
    """How long to wait after attempt number `attempt` (from 1), +-20 %, so that a storm does not come back as a storm."""
    planned = RETRY_AFTER[min(max(attempt, 1), len(RETRY_AFTER)) - 1]
    return planned * rng.uniform(1 - JITTER, 1 + JITTER)


class BackOff:
    """One route's rest after a failure of its own: 5 s, doubled up to 5 min; 15 min when the server refused us.

    Ten connections that fail at the same moment are one failure.
    """

    def __init__(self) -> None:
        self.until: datetime | None = None
        self.is_refused = False  # by words that do not pass by themselves; a breaker tells ops
        self._rest = _REST_FIRST

    def is_resting(self, now: datetime) -> bool:
        return self.until is not None and now < self.until

    def failed(self, outcome: Outcome, *, now: datetime) -> bool:
        """Note a failure; True when it begins a new rest (and is worth a line in the log).

        What a receiving-domain group pushes back is about that group's pace (mailer.reception), not about the route.
        """
        if (self.until is not None and now < self.until) or replies.is_push_back(
            outcome.stage, outcome.code, outcome.enhanced, outcome.reply
        ):
            return False
        self.is_refused = outcome.code is not None and outcome.code >= 500
        self.until = now + (REST_REFUSED if self.is_refused else self._rest)
        self._rest = min(self._rest * 2, _REST_LONGEST)
        return True

    def worked(self) -> None:
        self.until = None
        self.is_refused = False
        self._rest = _REST_FIRST


#: A first group says little about the next: growing goes by steps.
_GROWTH = 4
#: How much of what was learnt is kept with each group: outcomes come in bursts, and one group is one burst or none.
_KEPT = 0.8


class GroupSize:
    """How many deliveries are intended in one commit: what 10 ms of the line's traffic are, from `connections` to 500."""

    def __init__(self, connections: int) -> None:
        self._least = max(1, min(connections, LARGEST_GROUP))
        self._sent = self._seconds = 0.0
        self.now = self._least

    def measured(self, sent: int, seconds: float) -> None:
        """`sent` outcomes came within `seconds` of sending; what the commits took is not among them.

        (It was once: then a slow disk made groups small, which made commits many, which made them slower still.)
        """
        if not sent:
            return
        self._sent = _KEPT * self._sent + sent
        self._seconds = _KEPT * self._seconds + seconds
        by_rate = int(self._sent / max(self._seconds, 1e-6) * _GROUP_SECONDS)
        self.now = max(self._least, min(by_rate, _GROWTH * self.now, LARGEST_GROUP))
