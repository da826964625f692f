"""Limits: how often a visitor may try something. Counted in memory: a restart forgets, a try costs no write.

A web process counts for itself; the service runs one (the scheduler's), whatever the number of workers.
"""

from __future__ import annotations

import ipaddress
import math
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from mailer.address import EmailAddress
from mailer.pacing import domain_group


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most this many tries in any stretch of `per`; `name` keeps the counts of two limits apart."""

    name: str
    most: int
    per: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUpLimits:
    """How often a form may ask for letters. A reader who confirms or leaves is never limited."""

    address: Limit = Limit(name="sign-ups of an address", most=5, per=timedelta(days=1))
    network: Limit = Limit(name="sign-ups of a network", most=60, per=timedelta(hours=1))
    everyone: Limit = Limit(name="sign-ups in all", most=2000, per=timedelta(hours=1))
    again: Limit = Limit(name="letters asked for again", most=3, per=timedelta(days=1))

    @classmethod
    def of(cls, *, address: int, network: int, everyone: int) -> Self:
        """The same with an operator's numbers."""
        own = cls()
        return cls(
            address=replace(own.address, most=address),
            network=replace(own.network, most=network),
            everyone=replace(own.everyone, most=everyone),
        )


class Limits:
    def __init__(self) -> None:
        self._window = MovingWindowRateLimiter(MemoryStorage())

    def allow(self, limit: Limit, who: str) -> bool:
        """Whether `who` may try once more; when so, the try is counted."""
        return self._window.hit(_item(limit), limit.name, who)

    def is_open(self, limit: Limit, who: str) -> bool:
        """Whether `who` might try once more; nothing is counted."""
        return self._window.test(_item(limit), limit.name, who)

    def wait(self, limit: Limit, who: str) -> timedelta:
        """How long until `who` may try once more; a second at least."""
        reset_at = self._window.get_window_stats(_item(limit), limit.name, who).reset_time
        now = time.time()  # noqa: TID251 - the clock that the storage counts by
        return timedelta(seconds=max(1, math.ceil(reset_at - now)))

    def forget(self, limit: Limit, who: str) -> None:
        """Count from nothing again, e.g. after the right password."""
        self._window.clear(_item(limit), limit.name, who)


def network(ip: str | None) -> str:
    """Who a limit means by an IP address: of IPv6 the /64, which is one household's or one rented machine's."""
    try:
        found = ipaddress.ip_address(ip or "")
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False).network_address)
    return str(found)


def mailbox(reader: EmailAddress) -> str:
    """Whose inbox a limit means: what is behind a `+` reaches the same one, and Gmail does not see dots."""
    local, domain = reader.local.casefold().partition("+")[0], reader.domain
    return f"{local.replace('.', '') if domain_group(domain) == 'gmail' else local}@{domain}"


def _item(limit: Limit) -> RateLimitItemPerSecond:
    return RateLimitItemPerSecond(limit.most, math.ceil(limit.per.total_seconds()))
