"""Transports: what carries a message, and the outcome it reports.

An outcome is a value with the stage it happened at. Before DATA nothing is in doubt; once the content has begun, only
a valid reply ends the doubt (otherwise a drop at RCPT, one in mid-DATA and one after the dot all look alike).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from mailer.envelope import Envelope


class Stage(enum.StrEnum):
    CONNECT = "connect"
    TLS = "tls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"  # the command; nothing of the content has been sent
    DOT = "dot"  # the content has begun to leave


class Result(enum.StrEnum):
    ACCEPTED = "accepted"  # 250 after the final dot
    DEFERRED = "deferred"  # 4xx about this message or recipient
    REFUSED = "refused"  # 5xx about this message or recipient
    UNREACHABLE = "unreachable"  # no session, or it broke before the content: nothing was sent, no attempt counts
    UNCERTAIN = "uncertain"  # the content had begun and no valid reply came


@dataclass(slots=True, kw_only=True)  # not frozen: there is one for each message, and that would triple its cost
class Outcome:
    result: Result
    stage: Stage
    code: int | None = None
    enhanced: str | None = None  # RFC 3463: 5.1.1
    reply: str = ""  # the server's words, or ours when it said none; at most 512 characters
    queue_id: str | None = None
    route: str = "default"
    #: One of several messages that one connection took with it: the break is told by the first.
    is_further: bool = False


@dataclass(slots=True, eq=False)
class Parcel:
    """A message on its way, whose intent is committed."""

    envelope: Envelope
    #: It is put together when it leaves. Hundreds that wait in one piece each take memory that no cache holds, and that
    #: costs more than all the rest of their making.
    pieces: Sequence[bytes]
    #: Whether it is ASCII, its lines end with CRLF, the last one too, and none begins with a dot, by the way it was made.
    is_canonical: bool = False

    @property
    def message(self) -> bytes:
        return b"".join(self.pieces)


P = TypeVar("P", bound=Parcel)


class Feed(Protocol[P]):
    """What connections take their messages from, and where they tell what became of each."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""

    async def next(self) -> P | None:
        """The next message, as soon as there is one; None when there will be no more."""

    def take(self) -> P | None:
        """The next message, if one waits."""

    def settle(self, parcel: P, outcome: Outcome) -> None:
        """What became of a message that was taken. Said once for each."""

    def listen(self, wake: Callable[[int], bool]) -> None:
        """Call `wake` with its share when messages have come, in turn with others, for as long as it says that it took any."""

    def leave(self, wake: Callable[[int], bool]) -> None:
        """Listen no longer."""


class Transport(Protocol):
    """One route's connections. `send` may be awaited by up to `connections` callers at once."""

    name: str
    connections: int

    async def send(self, envelope: Envelope, message: bytes) -> Outcome: ...

    async def close(self) -> None: ...


@runtime_checkable
class Carrier(Protocol):
    """A transport that takes its messages from a feed itself, so that a connection need not wait for anybody."""

    async def carry(self, feed: Feed[P]) -> None:
        """Hand over what the feed has, over one connection, until it is over; up to `connections` of these at once."""
