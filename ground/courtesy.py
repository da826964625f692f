"""Courtesy: what a server asks of those who fetch from it, read from the headers of its answer."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx2

_MAX_AGE = re.compile(r"(?:^|,)\s*max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)


def retry_after(headers: httpx2.Headers) -> timedelta | None:
    """RFC 9110 10.2.3: seconds, or a date, which we read against the server's own clock (its Date header)."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value[:9]), 30 * 86_400))
    until, sent = _http_date(value), _http_date(headers.get("date", ""))
    if until is None or sent is None:
        return None
    return min(max(until - sent, timedelta(0)), timedelta(days=30))


def fresh_for(headers: httpx2.Headers) -> timedelta | None:
    """RFC 9111 5.2.2.1: how long the answer stays new, less the time that a cache has kept it already."""
    found = _MAX_AGE.search(headers.get("cache-control", ""))
    if found is None:
        return None
    age = headers.get("age", "").strip()
    kept = int(age[:9]) if age.isascii() and age.isdigit() else 0
    return timedelta(seconds=max(int(found[1]) - kept, 0))


def _http_date(value: str) -> datetime | None:
    try:
        read = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
