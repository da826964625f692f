"""Manners: how we speak with a host, and what it has shown to understand. Kept for the life of the process.

A host that says it can take more than one command at a time, and then cannot, is spoken to one by one for good.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Container

import structlog

from mailer import replies
from mailer.transports.route import Route

log = structlog.get_logger()

#: A connection that ends before anything has worked may be bad luck once.
_STRIKES = 2

_Host = tuple[str, int]


class Mode(enum.StrEnum):
    SEQUENTIAL = "sequential"  # every command waits for its reply
    PIPELINING = "pipelining"  # a message's content and the next one's MAIL, RCPT and DATA leave together (RFC 2920)
    CHUNKING = "chunking"  # MAIL, RCPT and BDAT LAST, some messages ahead of the replies (RFC 3030)


class Manners:
    """What is known of hosts; one for all transports of a process."""

    def __init__(self) -> None:
        self._plain: set[_Host] = set()
        self._proven: set[tuple[_Host, Mode]] = set()
        self._strikes: Counter[_Host] = Counter()

    def mode(self, route: Route, offers: Container[str]) -> Mode:
        """How to speak with a host that offers this. Chunks leave ahead of replies, too, and so need both."""
        if not route.pipelining or "pipelining" not in offers or _host(route) in self._plain:
            return Mode.SEQUENTIAL
        return Mode.CHUNKING if route.chunking and "chunking" in offers else Mode.PIPELINING

    def is_proven(self, route: Route, mode: Mode) -> bool:
        """Whether the host has taken a message in this mode."""
        return (_host(route), mode) in self._proven

    def worked(self, route: Route, mode: Mode) -> None:
        """A message was taken."""
        self._proven.add((_host(route), mode))

    def is_suspect(self, route: Route, mode: Mode, why: str) -> None:
        """It fell silent or hung up where one command at a time might have worked; the second time tells."""
        self._strikes[_host(route)] += 1
        if self._strikes[_host(route)] >= _STRIKES:
            self.misbehaved(route, mode, why)

    def misbehaved(self, route: Route, mode: Mode, why: str) -> None:
        """One command at a time from now on."""
        if _host(route) not in self._plain:
            self._plain.add(_host(route))
            told = replies.masked(why)
            log.warning("route_speaks_plainly", route=route.name, host=route.host, instead_of=str(mode), why=told)


def _host(route: Route) -> _Host:
    return route.host, route.port
