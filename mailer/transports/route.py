"""A route: one way out, as the settings describe it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Tls(enum.StrEnum):
    NONE = "none"  # clear text: only for a server on this machine or in a network you trust
    STARTTLS = "starttls"  # required: a server that does not offer it gets nothing (RFC 3207, RFC 8314)
    IMPLICIT = "implicit"  # TLS from the first byte, usually port 465


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds to wait at each stage (RFC 5321 4.5.3.2). A shorter `dot` manufactures duplicates: the server may be busy."""

    greeting: float = 300.0
    mail: float = 300.0
    rcpt: float = 300.0
    data: float = 120.0
    dot: float = 600.0
    noop: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A way out. Raises ValueError for a password without TLS: it would cross the network in clear text."""

    host: str
    port: int
    name: str = "default"
    tls: Tls = Tls.STARTTLS
    username: str | None = None
    password: str | None = None
    connections: int = 4
    max_messages: int = 100  # in one connection; servers often allow no more
    idle_seconds: float = 30.0  # then the connection is closed
    helo: str | None = None  # our own full name; None asks the system
    timeouts: Timeouts = Timeouts()

    def __post_init__(self) -> None:
        if self.username is not None and self.tls is Tls.NONE:
            raise ValueError(
                f"route {self.name!r} has a username but no TLS, so its password would travel in clear text: "
                "set tls to starttls or implicit, or leave the username away"
            )
        if self.connections < 1 or self.max_messages < 1:
            raise ValueError(f"route {self.name!r}: connections and max_messages must be 1 or more")
