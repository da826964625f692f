"""Transports: what carries a message, and the outcome it reports.

An outcome is a value with the stage it happened at. Before DATA nothing is in doubt; once the content has begun, only
a valid reply ends the doubt (otherwise a drop at RCPT, one in mid-DATA and one after the dot all look alike).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    result: Result
    stage: Stage
    code: int | None = None
    enhanced: str | None = None  # RFC 3463: 5.1.1
    reply: str = ""  # the server's words, or ours when it said none; at most 512 characters
    queue_id: str | None = None
    route: str = "default"


class Transport(Protocol):
    """One route's connections. `send` may be awaited by up to `connections` callers at once."""

    name: str
    connections: int

    async def send(self, envelope: Envelope, message: bytes) -> Outcome: ...

    async def close(self) -> None: ...
