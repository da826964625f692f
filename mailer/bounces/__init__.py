"""Reports that come back: what a mail in the bounce box says about our deliveries.

`read` takes any bytes and never raises. The delivery is named by the signed return path only; the recipient a report
names is what it says, no more. Pure values: nothing here reads a file or a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from ground.tokens import KeyRing
from mailer import envelope
from mailer.bounces import arf, autoreplies, dsn
from mailer.bounces.parts import MAX_BYTES, Headers, Part, as_text, cut, headers_of
from mailer.events import EventKind, MailEvent

__all__ = ["read"]

_TOKEN = re.compile(r"b\+[0-9a-z]{1,13}-[0-9a-f]{20}@", re.IGNORECASE)
_RETURNED = frozenset({"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"})

#: Where a report's own envelope recipient is noted by the servers that passed it on.
_ARRIVED_AT = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to", "return-path")
#: Where the returned message notes its return path.
_LEFT_FROM = ("return-path", "x-return-path", "x-envelope-from", "sender")

MAX_TOKENS = 8  # each costs an HMAC


def read(raw: bytes, keys: KeyRing | None = None) -> list[MailEvent]:
    """What this mail says, one event a recipient; `[]` for a mail that is no report and names no delivery of ours.

    Without `keys` no event names a delivery.
    """
    parts = list(cut(raw))
    if not parts:
        return []
    top = parts[0].headers
    returned = _returned(parts)
    events = _events(parts, returned, as_text(raw[:MAX_BYTES]))
    delivery_id = _delivery(keys, parts, returned)
    if not events and delivery_id is not None:
        events = [MailEvent(kind=EventKind.OTHER, reason="not_a_report", diagnostic=top.get("subject")[:200] or None)]
    return [replace(event, delivery_id=delivery_id) for event in events]


def _events(parts: list[Part], returned: Headers, whole: str) -> list[MailEvent]:
    notice = _notice(parts)
    reports = [part for part in parts if part.type in dsn.TYPES]
    events = [event for part in reports for event in dsn.read(part, notice)]
    if not events and parts[0].type == "multipart/report":
        events = dsn.read_text(dsn.loose(whole), notice)
    if events:
        return events
    complaints = [part for part in parts if part.type == arf.TYPE]
    if complaints:
        return arf.read(complaints[0], returned)
    return autoreplies.read(parts[0].headers)


def _notice(parts: list[Part]) -> str:
    """The words for people: the first text part. Never the returned message, which may quote anything."""
    return next((part.text for part in parts if part.type == "text/plain"), "")


def _returned(parts: list[Part]) -> Headers:
    part = next((part for part in parts[1:] if part.type in _RETURNED), None)
    return headers_of(part.body) if part is not None else Headers([])


def _delivery(keys: KeyRing | None, parts: list[Part], returned: Headers) -> int | None:
    if keys is None:
        return None
    top = parts[0].headers
    places = [value for name in _ARRIVED_AT for value in top.all(name)]
    places += [value for name in _LEFT_FROM for value in returned.all(name)]
    places += [value for part in parts if part.type == arf.TYPE for value in arf.sender_of(part)]
    for token in _tokens(places):
        found = envelope.delivery_of(keys, token)
        if found is not None:
            return found
    return None


def _tokens(places: Iterable[str]) -> list[str]:
    found = dict.fromkeys(match[0].lower() for place in places for match in _TOKEN.finditer(place))
    return list(found)[:MAX_TOKENS]
