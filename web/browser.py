"""What a browser of staff keeps for us and tells us: its sign-in, a word to say once, and where a post came from.

    Set-Cookie: __Host-broadsheet=a.<random token>~<resting until>.<mac>; Path=/; Secure; HttpOnly; SameSite=Lax

The sign-in's token is opaque; around it stands, signed, how long the browser may rest. Every page sets it anew, so being
idle is known without a write; what ends a sign-in for certain is its row in the table (staff.sign_ins).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from fastapi import Request, Response

from ground.tokens import KeyRing, Purpose, Valid
from web.security import LOOPBACK, host_name

#: Printable ASCII, without what browsers read as another character (the backslash) or HTML does.
_INSIDE = re.compile(r"(?=.{1,1000}\Z)/(?:console|ops)(?:[/?][!#-&(-;=?-\[\]^-~]*)?\Z")
_TOAST_FOR = timedelta(minutes=1)


class Cookies:
    """Our two cookies; over https with the prefix that keeps other hosts from setting them (RFC 6265bis 4.1.3.2)."""

    def __init__(self, keys: KeyRing, base_url: str, idle: timedelta) -> None:
        self._keys, self._idle = keys, idle
        self._secure = base_url.startswith("https://")
        prefix = "__Host-" if self._secure else ""
        self.session, self.toast = f"{prefix}broadsheet", f"{prefix}broadsheet-toast"

    def token(self, request: Request, *, now: datetime) -> str | None:
        """The sign-in's token, unless the browser has rested too long or made it up."""
        reading = self._keys.read(Purpose.SESSION, request.cookies.get(self.session, ""), now=now)
        return reading.payload if isinstance(reading, Valid) else None

    def keep(self, response: Response, token: str, *, now: datetime) -> None:
        """Signed in, and seen now."""
        signed = self._keys.sign(Purpose.SESSION, token, expires_at=now + self._idle)
        self._set(response, self.session, signed, self._idle)

    def drop(self, response: Response) -> None:
        self._set(response, self.session, "", timedelta(0))

    def say_once(self, response: Response, signed: str) -> None:
        self._set(response, self.toast, signed, _TOAST_FOR)

    def said(self, response: Response) -> None:
        self._set(response, self.toast, "", timedelta(0))

    def _set(self, response: Response, name: str, value: str, age: timedelta) -> None:
        response.set_cookie(
            name, value, max_age=int(age.total_seconds()), httponly=True, samesite="lax", secure=self._secure
        )


def is_foreign(request: Request, base_url: str, trusted_hosts: frozenset[str]) -> bool:
    """Whether a post comes from another site. A program that is no browser says nothing of it, and has no cookies to steal.

    `Sec-Fetch-Site` is the browser's own word and cannot be set by a page; where it is missing, `Origin` must be ours.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site != "same-origin"
    origin = request.headers.get("origin")
    if origin is None:
        return False
    if origin.lower() == _origin(base_url):
        return False
    scheme, _, place = origin.partition("://")
    here = scheme == "http" and place == request.headers.get("host")
    return not (here and host_name(place) in trusted_hosts & LOOPBACK)


def fragment(request: Request) -> bool:
    """Whether htmx asks for a piece of a page."""
    return request.headers.get("hx-request") == "true"


def local(path: str | None, *, otherwise: str = "/console") -> str:
    """A path of the console or of ops, which a sign-in may go on to; anything else is answered with `otherwise`."""
    inside = _INSIDE.match(path or "")
    return inside.group() if inside and ".." not in inside.group().partition("?")[0] else otherwise


def came_from(request: Request, base_url: str, trusted_hosts: frozenset[str]) -> str:
    """The page of ours that a post was made on, by its Referer."""
    given = request.headers.get("hx-current-url") or request.headers.get("referer") or ""
    try:
        parts = urlsplit(given)
        ours = parts.hostname in {urlsplit(base_url).hostname, *trusted_hosts} and host_name(parts.netloc) is not None
    except ValueError:
        return "/console"
    return local(parts.path + (f"?{parts.query}" if parts.query else "")) if ours else "/console"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
