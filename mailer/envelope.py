"""Envelopes: the return path and the recipient of one SMTP transaction; not the headers.

The return path is signed (VERP): `b+<delivery id>-<mac>@bounces.example.org`. A report that comes back to it names its
delivery without a guess, and nobody else can make one. Only a-z 0-9 + -, for relays fold case.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass

from ground.tokens import KeyRing, Purpose

_MAC_BYTES = 10  # 80 bits
_LOCAL = re.compile(r"b\+([0-9a-z]{1,13})-([0-9a-f]{20})\Z")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(slots=True)  # not frozen: there is one for each message, and that would triple its cost
class Envelope:
    return_path: str
    recipient: str


def return_path(keys: KeyRing, delivery_id: int, bounce_domain: str) -> str:
    """The signed address that a bounce of this delivery comes back to."""
    name = _base36(delivery_id)
    mac = _mac_text(keys.mac(Purpose.VERP, name.encode()))
    return f"b+{name}-{mac}@{bounce_domain}"


def delivery_of(keys: KeyRing, address: str) -> int | None:
    """The delivery a return path names; None for any address that is not ours or was forged."""
    local = address.strip().strip("<>").rpartition("@")[0].lower()
    found = _LOCAL.match(local)
    if found is None:
        return None
    name, given = found.groups()
    for mac in keys.macs(Purpose.VERP, name.encode()):
        if hmac.compare_digest(given, _mac_text(mac)):
            return int(name, 36)
    return None


def _mac_text(mac: bytes) -> str:
    return mac[:_MAC_BYTES].hex()


def _base36(number: int) -> str:
    text = ""
    while number:
        number, rest = divmod(number, 36)
        text = _DIGITS[rest] + text
    return text or "0"
