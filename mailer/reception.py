"""Reception: how a receiving-domain group takes what this process sends it over a route, and what its answers call for.

Counted in memory, message by message; only what they call for is written down: a slower pace, or a breaker.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from mailer import replies
from mailer.breakers import Scope, Trouble
from mailer.pacing import NO_CAP, OTHERS, Cap
from mailer.replies import ReplyClass
from mailer.transports import Outcome, Result, Stage

#: So many refusals of us without an acceptance between them are no chance: the group is paused.
REFUSALS = 10
#: `other` is thousands of servers; one of them that is slow says nothing about the rest.
_PUSH_BACKS_OF_OTHERS = 5
_SLOW_AGAIN_AFTER = timedelta(seconds=30)

#: So many mailboxes of one domain, and this share of what it was sent, within an hour.
DOMAIN_UNKNOWN, DOMAIN_SHARE = 50, 0.05
UNKNOWN_WITHIN = timedelta(hours=1)

_RATE_WINDOW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Slow:
    """They say "slower"."""

    route: str
    domain_group: str
    per_minute: float  # what was accepted in the last minute
    why: str


@dataclass(frozen=True, slots=True)
class Trip:
    """Something must not go on."""

    trouble: Trouble
    scope: Scope
    why: str


@dataclass(frozen=True, slots=True)
class Passed:
    """The probe of a breaker was accepted."""

    breaker_id: int


Signal = Slow | Trip | Passed


class Rate:
    """How much was accepted in about the last minute."""

    def __init__(self, now: datetime) -> None:
        self._since = now
        self._count = 0
        self._before = 0.0

    def accepted(self, now: datetime) -> None:
        if now - self._since >= _RATE_WINDOW:
            self._before = self._count if now - self._since < 2 * _RATE_WINDOW else 0.0
            self._since, self._count = now, 0
        self._count += 1

    def per_minute(self, now: datetime) -> float:
        """By the minute that has begun; while it is young, at least what the one before it had."""
        seconds = max((now - self._since).total_seconds(), 1.0)
        by_this = self._count * 60.0 / seconds
        return max(by_this, self._before) if seconds < 10 else by_this


class Domains:
    """Unknown mailboxes by domain, within an hour; a domain is counted from its first one on."""

    def __init__(self, now: datetime) -> None:
        self._since = now
        self._seen: dict[str, list[int]] = {}

    def accepted(self, address_key: str) -> None:
        if self._seen and (counts := self._seen.get(address_key.rpartition("@")[2])):
            counts[1] += 1

    def unknown(self, address_key: str, now: datetime) -> str | None:
        """The domain, when too many of its mailboxes are unknown."""
        if now - self._since >= UNKNOWN_WITHIN:
            self._since, self._seen = now, {}
        domain = address_key.rpartition("@")[2]
        counts = self._seen.setdefault(domain, [0, 0])
        counts[0] += 1
        counts[1] += 1
        if counts[0] < DOMAIN_UNKNOWN or counts[0] <= DOMAIN_SHARE * counts[1]:
            return None
        del self._seen[domain]
        return domain


class Reception:
    """One group on one route. `accepted_since` tells the budget whether mail is taken."""

    def __init__(self, route: str, domain_group: str, cap: Cap = NO_CAP, *, now: datetime) -> None:
        self.route = route
        self.domain_group = domain_group
        self.cap = cap
        self.busy = 0  # batches of it that are on their way
        self.accepted_since = False
        self._refused = 0  # since the last acceptance
        self._pushed = 0
        self._slowed_at: datetime | None = None
        self._rate = Rate(now)
        self._domains = Domains(now)

    def note(self, outcome: Outcome, address_key: str, *, now: datetime) -> Signal | None:
        """Learn from an outcome; what it calls for, if anything."""
        if outcome.result is Result.ACCEPTED:
            self._refused = self._pushed = 0
            self.accepted_since = True
            self._rate.accepted(now)
            self._domains.accepted(address_key)
            return None
        if outcome.code is None:
            return None
        if replies.is_push_back(outcome.stage, outcome.code, outcome.enhanced, outcome.reply):
            return self._pushed_back(outcome, now)
        if outcome.result is Result.REFUSED and outcome.stage is not Stage.MAIL:
            return self._refusal(outcome, address_key, now)
        return None

    def _pushed_back(self, outcome: Outcome, now: datetime) -> Slow | None:
        self._pushed += 1
        enough = _PUSH_BACKS_OF_OTHERS if self.domain_group == OTHERS else 1
        if self._pushed < enough or (self._slowed_at is not None and now - self._slowed_at < _SLOW_AGAIN_AFTER):
            return None
        self._pushed, self._slowed_at = 0, now
        return Slow(self.route, self.domain_group, self._rate.per_minute(now), told(outcome))

    def _refusal(self, outcome: Outcome, address_key: str, now: datetime) -> Trip | None:
        kind = _class(outcome)
        if kind is ReplyClass.HARD:
            return self._unknown(outcome, address_key, now)
        if kind is not ReplyClass.POLICY:
            return None
        self._refused += 1
        if self._refused < REFUSALS:
            return None
        self._refused = 0
        scope = Scope(route=self.route, domain_group=self.domain_group)
        return Trip(Trouble.GROUP_REFUSES, scope, told(outcome))

    def _unknown(self, outcome: Outcome, address_key: str, now: datetime) -> Trip | None:
        domain = self._domains.unknown(address_key, now)
        if domain is None:
            return None
        return Trip(Trouble.UNKNOWN_DOMAIN, Scope(route=self.route, domain=domain[:255]), told(outcome))

    def refuses_us(self, outcome: Outcome) -> bool:
        """Whether a refusal is about us, and not about its reader or its letter."""
        if outcome.result is not Result.REFUSED or outcome.code is None or outcome.stage is Stage.MAIL:
            return False
        return _class(outcome) is ReplyClass.POLICY


def _class(outcome: Outcome) -> ReplyClass:
    return replies.classify(outcome.stage, outcome.code, outcome.enhanced, outcome.reply)


def told(outcome: Outcome) -> str:
    """A server's words with its code, as ops read them; no reader's address is in them."""
    return replies.masked(f"{outcome.code} {outcome.reply}" if outcome.code is not None else outcome.reply)


#: The first readers of a letter, and how many unknown mailboxes among them hold the rest (2 %).
FIRST_READERS, FIRST_UNKNOWN = 500, 10


class FirstReaders:
    """What the first readers of a letter said, as this process hears it."""

    def __init__(self, letter_id: int) -> None:
        self._letter_id = letter_id
        self._handled = 0
        self._unknown = 0

    def note(self, outcome: Outcome) -> Trip | None:
        if self._handled >= FIRST_READERS or outcome.result not in {Result.ACCEPTED, Result.REFUSED}:
            return None
        self._handled += 1
        if outcome.result is Result.ACCEPTED or outcome.code is None:
            return None
        if _class(outcome) is not ReplyClass.HARD:
            return None
        self._unknown += 1
        if self._unknown != FIRST_UNKNOWN + 1:
            return None
        why = f"{self._unknown} of the first {self._handled}: {told(outcome)}"
        return Trip(Trouble.UNKNOWN_READERS, Scope(letter_id=self._letter_id), why)
