"""What was typed into a form whose sign-in had run out: carried through the sign-in page, signed, and offered again.

Also the word that a page is to say once. Both travel through the browser, so both are signed; neither is secret from it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from starlette.datastructures import FormData

from ground.tokens import KeyRing, Purpose, Valid

#: What fits, with the rest of the sign-in form, into the longest body that is read.
MOST = 60_000
_FOR = timedelta(hours=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """The fields of one form, where they were going, and which sign-in had asked for the form."""

    path: str
    back: str  # the page that the form stood on
    sign_in_id: int
    fields: tuple[tuple[str, str], ...]

    @property
    def shown(self) -> list[tuple[str, str]]:
        """What there is to read again: the fields that hold something, named as well as their names allow."""
        return [(name.replace("_", " ").capitalize(), value) for name, value in self.fields if value.strip()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Toast:
    text: str
    undo: str | None  # a path that takes a POST


def form_token(keys: KeyRing, sign_in_id: int, action: str) -> str:
    """For a form of this sign-in that posts to this path; good for no other."""
    return keys.sign(Purpose.STAFF_FORM, f"{sign_in_id}-{_digest(unquote(action.partition('?')[0]))}")


def form_holder(keys: KeyRing, token: str, path: str, *, now: datetime) -> int | None:
    """The sign-in that this form was made for, or None when it was not made by us for this path."""
    reading = keys.read(Purpose.STAFF_FORM, token, now=now)
    if not isinstance(reading, Valid):
        return None
    sign_in_id, _, digest = reading.payload.partition("-")
    return int(sign_in_id) if hmac.compare_digest(digest, _digest(path)) else None


def fields(posted: FormData) -> tuple[tuple[str, str], ...]:
    """What a person typed. Never a password, and no file: those must be chosen again."""
    return tuple(
        (name, value)
        for name, value in posted.multi_items()
        if isinstance(value, str) and name != "form" and "password" not in name.lower()
    )


def pack(keys: KeyRing, typed: Typed, *, now: datetime) -> str | None:
    """For a hidden field; None when it is too long for one."""
    facts = [typed.path, typed.back, typed.sign_in_id, typed.fields]
    packed = _pack(keys, "typed", facts, until=now + _FOR)
    return packed if len(packed.encode()) <= MOST else None


def unpack(keys: KeyRing, packed: str, *, now: datetime) -> Typed | None:
    facts = _unpack(keys, "typed", packed, now=now)
    if facts is None:
        return None
    path, back, sign_in_id, pairs = facts
    return Typed(path=path, back=back, sign_in_id=sign_in_id, fields=tuple((name, value) for name, value in pairs))


def pack_toast(keys: KeyRing, toast: Toast, *, now: datetime) -> str:
    packed = _pack(keys, "toast", [toast.text[:300], toast.undo], until=now + timedelta(minutes=1))
    return base64.urlsafe_b64encode(packed.encode()).decode()


def unpack_toast(keys: KeyRing, cookie: str, *, now: datetime) -> Toast | None:
    try:
        packed = base64.urlsafe_b64decode(cookie.encode()).decode()
    except ValueError:
        return None
    facts = _unpack(keys, "toast", packed, now=now)
    return Toast(text=facts[0], undo=facts[1]) if facts else None


def _pack(keys: KeyRing, kind: str, facts: list[Any], *, until: datetime) -> str:
    text = json.dumps([kind, int(until.timestamp()), *facts], ensure_ascii=False, separators=(",", ":"))
    return f"{keys.mac(Purpose.KEPT, text.encode(errors='surrogatepass')).hex()}:{text}"


def _unpack(keys: KeyRing, kind: str, packed: str, *, now: datetime) -> list[Any] | None:
    mac, _, text = packed.partition(":")
    good = [made.hex() for made in keys.macs(Purpose.KEPT, text.encode(errors="surrogatepass"))]
    if not any(hmac.compare_digest(mac.encode(errors="replace"), made.encode()) for made in good):
        return None
    found_kind, until, *facts = json.loads(text)
    return facts if found_kind == kind and now.timestamp() < until else None


def _digest(path: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(path.encode()).digest()[:16]).rstrip(b"=").decode()
