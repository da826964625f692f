"""Limits: how often a visitor may try something. Counted in memory: a restart forgets, a try costs no write.

A web process counts for itself; the service runs one (the scheduler's), whatever the number of workers.
"""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass
from datetime import timedelta

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most this many tries in any stretch of `per`; `name` keeps the counts of two limits apart."""

    name: str
    most: int
    per: timedelta


class Limits:
    def __init__(self) -> None:
        self._window = MovingWindowRateLimiter(MemoryStorage())

    def allow(self, limit: Limit, who: str) -> bool:
        """Whether `who` may try once more; when so, the try is counted."""
        return self._window.hit(_item(limit), limit.name, who)

    def is_open(self, limit: Limit, who: str) -> bool:
        """Whether `who` might try once more; nothing is counted."""
        return self._window.test(_item(limit), limit.name, who)

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


def _item(limit: Limit) -> RateLimitItemPerSecond:
    return RateLimitItemPerSecond(limit.most, math.ceil(limit.per.total_seconds()))
