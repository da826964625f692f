"""Signed tokens: short strings that only we can make, each good for one purpose.

    <key id>.<payload>[~<expiry>].<mac>          e.g.  a.1f4.k3J8n0wQzQx1Yk0pC8mT2g

HMAC-SHA256, cut to 128 bits; one key per purpose is derived from the master key, so a confirmation token is no
unsubscribe token. Keys rotate by id; old ones stay in the ring, because an unsubscribe link works for ever.
"""

from __future__ import annotations

import binascii
import enum
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime


class Purpose(enum.StrEnum):
    CONFIRM = "confirm"  # 72 h
    UNSUBSCRIBE = "unsubscribe"  # no end
    COME_BACK = "come-back"  # undoes one leave, 30 days
    PREFERENCES = "preferences"
    MOVE = "move"  # a new address confirms, 72 h
    FEEDBACK = "feedback"  # says whether an issue was useful
    VIEW = "view"  # reading, no more
    FORM = "form"  # shows that a form was fetched from us, and when
    VERP = "verp"  # the return path
    MESSAGE_ID = "message-id"
    SIGN_IN = "sign-in"  # a link that signs in or sets a password, once
    SESSION = "session"  # the cookie of a signed-in browser, until it has rested too long
    STAFF_FORM = "staff-form"  # a form of one sign-in for one path
    KEPT = "kept"  # what was typed when a sign-in had run out; what a page is to say once
    ERASED = "erased"  # recognises the address of somebody who was forgotten


@dataclass(frozen=True, slots=True)
class Valid:
    payload: str


@dataclass(frozen=True, slots=True)
class Expired:
    """Ours, but its time is over: the page can say so and offer a new one."""

    payload: str


@dataclass(frozen=True, slots=True)
class Forged:
    """Not ours, or not for this purpose, or damaged on the way."""


Reading = Valid | Expired | Forged

_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,120}\Z")
_MAC_BYTES = 16


class KeyRing:
    """Master keys by id; the current one signs, all of them verify."""

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        if current not in keys:
            raise ValueError(f"the current key {current!r} is not in the ring ({', '.join(sorted(keys))})")
        for key_id, key in keys.items():
            if not re.fullmatch(r"[a-z0-9]{1,4}", key_id):
                raise ValueError(f"key id {key_id!r}: one to four small letters or digits")
            if len(key) < 32:
                raise ValueError(f"key {key_id!r} has {len(key)} bytes: at least 32 are needed")
        self._keys = dict(keys)
        self._current = current
        self._macs: dict[tuple[str, Purpose], _Mac] = {}

    def __reduce__(self) -> tuple[type[KeyRing], tuple[dict[str, bytes], str]]:
        """A child process is given the keys; what was worked out with them stays here."""
        return KeyRing, (self._keys, self._current)

    @property
    def current(self) -> str:
        """The id of the key that signs."""
        return self._current

    def sign(self, purpose: Purpose, payload: str, *, expires_at: datetime | None = None) -> str:
        """A token for this payload (letters, digits, `_`, `-`). Raises ValueError for any other payload."""
        return self.signer(purpose, expires_at=expires_at)(payload)

    def signer(self, purpose: Purpose, *, expires_at: datetime | None = None) -> Callable[[str], str]:
        """`sign` for many payloads: what their tokens share is worked out once."""
        start, mac = f"{self._current}.", self._mac(self._current, purpose)
        end = "" if expires_at is None else f"~{int(expires_at.timestamp())}"

        def sign(payload: str) -> str:
            if not _PAYLOAD.match(payload):
                raise ValueError(f"token payload {payload!r}: only letters, digits, _ and -, at most 120")
            body = payload + end
            return f"{start}{body}.{_text(mac(body.encode('ascii')))}"

        return sign

    def read(self, purpose: Purpose, token: str, *, now: datetime) -> Reading:
        """What a token says; never raises, whatever it is given."""
        parts = token.split(".") if len(token) <= 200 and token.isascii() else []
        if len(parts) != 3 or parts[0] not in self._keys:
            return Forged()
        key_id, body, mac = parts
        if not hmac.compare_digest(mac, _text(self._mac(key_id, purpose)(body.encode("ascii")))):
            return Forged()
        payload, _, expiry = body.partition("~")
        if expiry and datetime.fromtimestamp(int(expiry), UTC) <= now:
            return Expired(payload)
        return Valid(payload)

    def mac(self, purpose: Purpose, data: bytes) -> bytes:
        """The 32 bytes of HMAC-SHA256 under the current key: for what must be derivable, not readable."""
        return self._mac(self._current, purpose)(data)

    def lasting_mac(self, purpose: Purpose, data: bytes) -> bytes:
        """The same under the ring's first key: for what must not change when keys rotate. New keys are added behind it."""
        return self._mac(next(iter(self._keys)), purpose)(data)

    def macs(self, purpose: Purpose, data: bytes) -> list[bytes]:
        """The same under every key of the ring, the current one first: for reading what an older key made."""
        ids = [self._current, *(key_id for key_id in self._keys if key_id != self._current)]
        return [self._mac(key_id, purpose)(data) for key_id in ids]

    def _mac(self, key_id: str, purpose: Purpose) -> _Mac:
        found = self._macs.get((key_id, purpose))
        if found is None:
            label = f"broadsheet {purpose}".encode()
            found = _Mac(hmac.digest(self._keys[key_id], label, hashlib.sha256))
            self._macs[key_id, purpose] = found
        return found


def _text(mac: bytes) -> str:
    """Base64 for URLs, without the padding (RFC 4648 5)."""
    return binascii.b2a_base64(mac[:_MAC_BYTES], newline=False).translate(_FOR_URLS, b"=").decode("ascii")


_FOR_URLS = bytes.maketrans(b"+/", b"-_")


class _Mac:
    """HMAC-SHA256 under one key of 32 bytes (RFC 2104), with the key's own share done once: four are made for each mail."""

    def __init__(self, key: bytes) -> None:
        block = key.ljust(hashlib.sha256().block_size, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def __call__(self, data: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(data)
        outer.update(inner.digest())
        return outer.digest()
