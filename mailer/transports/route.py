"""A route: one way out, as the settings describe it."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from pathlib import Path


class Tls(enum.StrEnum):
    NONE = "none"  # clear text: only for a server on this machine or in a network you trust
    STARTTLS = "starttls"  # required: a server that does not offer it gets nothing (RFC 3207, RFC 8314)
    IMPLICIT = "implicit"  # TLS from the first byte, usually port 465


#: What a crash leaves in doubt is at most this on each connection. At 20 ms to the server 8 fill the wait for its replies
#: only half (20 times what waits for each reply sends), 12 fill it (27 times), and 16 are no better.
WINDOW = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds to wait at each stage (RFC 5321 4.5.3.2). A shorter `dot` manufactures duplicates: the server may be busy.

    Each is for a whole reply, however slowly it comes, so that their sum bounds a message.
    """

    greeting: float = 300.0  # and each further step until the session is open
    opening: float = 600.0  # all these steps together
    mail: float = 300.0
    rcpt: float = 300.0
    data: float = 120.0
    dot: float = 600.0
    noop: float = 10.0


_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_FULL_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.(?!\d+\Z){_LABEL}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A way out. Raises ValueError, in words that continue "the route", for what cannot or must not be used."""

    host: str
    port: int
    helo: str  # our own full name (RFC 5321 4.1.1.1)
    name: str = "default"
    tls: Tls = Tls.STARTTLS
    trusted_ca: Path | None = None  # certificates of a private authority; None trusts the system's
    username: str | None = None
    password: str | None = None
    connections: int = 4
    max_messages: int = 100  # in one connection; servers often allow no more
    pipelining: bool = True  # where it is offered and works; False never tries it
    chunking: bool = True
    window: int = WINDOW  # messages that may be unanswered in one connection, where chunking is used
    idle_seconds: float = 30.0  # then the connection is closed
    timeouts: Timeouts = Timeouts()

    def __post_init__(self) -> None:
        if self.username is not None and self.tls is Tls.NONE:
            raise ValueError(
                "has a username but no TLS, so its password would travel in clear text: set tls to starttls or "
                "implicit, or leave the username away"
            )
        if self.password is not None and self.username is None:
            raise ValueError("has a password but no username: set both, or neither")
        if self.trusted_ca is not None and self.tls is Tls.NONE:
            raise ValueError("has a trusted_ca but no TLS to use it for: set tls to starttls or implicit, or remove it")
        if not _FULL_NAME.fullmatch(self.helo):
            raise ValueError(
                f"would greet its server as {self.helo!r}, which is no full host name: "
                "set helo to the name of this machine, like mail.example.org"
            )
        if min(self.connections, self.max_messages, self.window) < 1:
            raise ValueError("needs connections, max_messages and a window of 1 or more")
