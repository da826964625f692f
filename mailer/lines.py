"""Lines: a lane's ways out, which of them a batch takes, and what each has lately been like.

A batch goes over one line. Shares follow the weights, counted in deliveries, among the lines that take mail; what a line
that fails gives back goes over another at once, and waits only when all of them rest.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Collection, Container, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from mailer import replies
from mailer.pacing import BackOff, GroupSize
from mailer.transports import Outcome, Result, Stage, Transport
from mailer.transports.relay import Relay

log = structlog.get_logger()

#: Fewer in a row say nothing about a line, however few its connections are.
_FEWEST_FAILURES = 3
_NO_SESSION = frozenset({Stage.CONNECT, Stage.TLS, Stage.AUTH})
#: A server that never answers the final dot must not be given a whole audience to leave in doubt.
_BROKEN = frozenset({Result.UNREACHABLE, Result.UNCERTAIN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A transport, its share, and what the server behind it does with our mail."""

    transport: Transport
    weight: int = 1
    relay: Relay = field(default_factory=Relay)


@dataclass(slots=True, eq=False)
class Line:
    """One way out of a lane, and what it has lately been like."""

    way: Way
    back_off: BackOff
    rng: random.Random
    others: Lines
    patience: float = 10.0  # seconds; a line that has answered nothing for so long has stalled
    draining: bool = False
    broken: int = 0  # messages, or connections with all they carried, in a row that got no answer
    refused: int = 0  # refusals of our sender address in a row
    credit: int = 0  # deliveries it is owed by its weight
    door: asyncio.Lock = field(default_factory=asyncio.Lock)  # batches are served in the order of asking
    free: asyncio.Semaphore = field(init=False)  # its connections
    group_size: GroupSize = field(init=False)  # what one batch learns of its pace, the next begins with
    _answered_at: float | None = None  # by the loop's clock

    def __post_init__(self) -> None:
        self.free = asyncio.Semaphore(self.transport.connections)
        self.group_size = GroupSize(self.transport.connections)

    @property
    def transport(self) -> Transport:
        return self.way.transport

    def takes_mail(self, now: datetime) -> bool:
        return not self.draining and not self.back_off.is_resting(now)

    def is_stalled(self) -> bool:
        """Whether all connections are taken and nothing has been answered for a while."""
        return self.free.locked() and not self._answered_lately()

    def note(self, outcome: Outcome, *, now: datetime) -> None:
        """Learn from an outcome."""
        self.refused = self.refused + 1 if _refuses_our_sender(outcome) else 0
        if outcome.result not in _BROKEN:
            self.broken = 0
            if outcome.code is not None:  # a server spoke
                self._answered_at = time.monotonic()
                self.back_off.worked()
            return
        if outcome.is_further:
            return
        self.broken += 1
        if outcome.code is None and self._answered_lately() and not self.is_down(outcome):
            return  # one connection broke and the others are answered: no reason to rest
        if self.back_off.failed(outcome, now=now):
            self._tell(outcome)

    def _tell(self, outcome: Outcome) -> None:
        refused = outcome.code is not None and outcome.code >= 500
        # It will say so again until somebody has put it right: another password, another host, a word with the relay.
        tell = log.error if refused else log.warning
        tell(
            "route_refuses_us" if refused else "route_rests",
            route=self.transport.name,
            until=self.back_off.until,
            stage=outcome.stage,
            code=outcome.code,
            reply=replies.clean(outcome.reply),
        )

    def is_down(self, outcome: Outcome) -> bool:
        """Whether the rest of a batch need not try."""
        if outcome.result not in _BROKEN:
            return False
        if self.broken >= max(self.transport.connections, _FEWEST_FAILURES):
            return True
        # Where other messages are answered, one connection more that was not granted is no failure of the line.
        no_session = outcome.result is Result.UNREACHABLE and outcome.stage in _NO_SESSION
        return no_session and not self._answered_lately()

    def _answered_lately(self) -> bool:
        if self._answered_at is None:
            return False
        return time.monotonic() - self._answered_at < self.patience

    def should_be_left(self, now: datetime) -> bool:
        """Whether who waits here had better take another line."""
        return self.is_stalled() and any(
            other.takes_mail(now) and not other.is_stalled() for other in self.others if other is not self
        )

    def back_at(self, outcome: Outcome | None, now: datetime) -> datetime:
        """When a delivery that this line gives back may be tried again."""
        if outcome is not None and not self.is_down(outcome):
            return self.back_off.until or now  # the line lives: it may have been this message that broke the connection
        return self.others.take_mail_at(now)


class Lines:
    """All lines of a lane."""

    def __init__(self, ways: Sequence[Way], rng: random.Random) -> None:
        if not ways:
            raise ValueError("a lane needs a way out")
        self._lines = [Line(way, BackOff(), rng, self) for way in ways]

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines)

    def heed(self, refused: Collection[str]) -> None:
        """The routes whose server refuses us, as far as nobody has lifted that: a line that is not among them may go on."""
        for line in self._lines:
            if line.back_off.is_refused and line.transport.name not in refused:
                line.back_off.worked()

    def choose(self, rows: int, now: datetime, *, among: Container[str] | None = None) -> Line:
        """The line that a batch of so many rows goes over, of those that admit it; one that rests only where all do.

        Smooth weighted round robin: each is owed its share of the rows, and the one that is owed most gets them.
        """
        admitted = [line for line in self._lines if among is None or line.transport.name in among]
        awake = [line for line in admitted if line.takes_mail(now)] or admitted
        able = [line for line in awake if not line.is_stalled()] or awake
        for line in able:
            line.credit += line.way.weight * rows
        chosen = max(able, key=lambda line: line.credit)
        chosen.credit -= rows * sum(line.way.weight for line in able)
        return chosen

    def take_mail_at(self, now: datetime) -> datetime:
        """Now, if any line takes mail; else when the first of them has rested."""
        return min(max(line.back_off.until or now, now) for line in self._lines)


def _refuses_our_sender(outcome: Outcome) -> bool:
    """5xx to MAIL FROM, or a message larger than the server says it takes: the same for every reader."""
    if outcome.stage is not Stage.MAIL or outcome.result not in {Result.REFUSED, Result.DEFERRED}:
        return False
    return outcome.code is None or outcome.code >= 500
