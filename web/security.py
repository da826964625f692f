"""What every answer carries and every request must pass, as one plain ASGI layer around the app.

Unknown Host: refused before any route sees it. HEAD: answered as GET without the body. Headers: a policy that runs no
script and loads nothing from elsewhere. Log lines: the route's pattern, never the path, for a path may hold a token.

A route that answers with a header of its own keeps it: what shows a letter sets `letter_policy` as its
Content-Security-Policy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, MutableMapping
from urllib.parse import urlsplit

import structlog
from fastapi import Request, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = structlog.get_logger()

_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
#: The console's and the ops pages run our own script files and show letters in frames; nothing inline, nothing else's.
_CONSOLE_CSP = f"{_CSP}; script-src 'self'; connect-src 'self'; frame-src 'self'"
_SCRIPTED = frozenset({"console", "ops"})
_EVERYWHERE = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_ON_TOKEN_PAGES = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}
_TOKEN_PATHS = ("/confirm/", "/u/", "/back/", "/p/", "/f/", "/move/", "/sign-in/")

#: What staff see is kept by no cache. The policy lets our own posts name their origin: `no-referrer` would make it null.
_ON_STAFF_PAGES = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "same-origin"}
_STAFF_PATHS = ("/console/", "/ops/")
_STAFF_DOORS = frozenset({"/console", "/ops", "/sign-in", "/sign-out"})

_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

#: No form of ours is longer; what is longer is not read.
MAX_BODY = 64 * 1024
#: But for these paths, where staff hand in files.
LARGER = {"/console/readers/import": 50 * 1024 * 1024, "/console/sources/feeds.opml": 2 * 1024 * 1024}


def letter_policy(image_sources: tuple[str, ...], *, framed: bool) -> str:
    """The Content-Security-Policy of a letter that is shown as a page. Links open, nothing runs.

    `framed`: a preview, which our own pages may show in a frame; otherwise no page may.
    """
    ancestors, steering = ("'self'", "") if framed else ("'none'", " allow-top-navigation-by-user-activation")
    return (
        f"default-src 'none'; img-src {' '.join(image_sources)}; style-src 'unsafe-inline'; base-uri 'none'; "
        f"form-action 'none'; frame-ancestors {ancestors}; "
        f"sandbox allow-popups allow-popups-to-escape-sandbox{steering}"
    )


class Guard:
    """The layer. `refuse(scope, status)` makes the page for a request that may not pass."""

    def __init__(
        self, app: ASGIApp, *, base_url: str, trusted_hosts: frozenset[str], refuse: Callable[[Scope, int], Response]
    ) -> None:
        self._app = app
        self._hosts = {(urlsplit(base_url).hostname or "localhost").lower(), *(host.lower() for host in trusted_hosts)}
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        answer = _Answer(send, scope, headless=scope["method"] == "HEAD")
        if answer.headless:
            scope["method"] = "GET"
        problem = self._problem(scope)
        try:
            if problem is None:
                await self._app(scope, _capped(receive, _most(scope)), answer.send)
            else:
                await self._refuse(scope, problem)(scope, receive, answer.send)
        except Exception:
            if answer.status is None:
                await self._refuse(scope, 500)(scope, receive, answer.send)
            raise
        finally:
            _log.info(
                "request",
                method="HEAD" if answer.headless else scope["method"],
                route=_route(scope),
                status=answer.status,
                ms=round((time.perf_counter() - begun) * 1000, 1),
            )

    def _problem(self, scope: Scope) -> int | None:
        headers = Headers(scope=scope)
        given = headers.getlist("host")
        name = host_name(given[0]) if len(given) == 1 else None
        known = name in self._hosts or (name in LOOPBACK and scope["path"] in _PROBES)
        if not known:
            return 400
        if b"%00" in scope["query_string"]:  # no text of ours has such a character, and PostgreSQL knows none
            return 400
        length = headers.get("content-length", "0")
        return 413 if not length.isdecimal() or int(length) > _most(scope) else None


def host_name(host: str) -> str | None:
    """The name in a Host header without its port; None where it is none. A final dot makes another name, on purpose."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises for a port that is none
    except ValueError:
        return None
    return parts.hostname if parts.path == "" and parts.username is None else None


class _Answer:
    """The way out: adds the headers, drops a HEAD's body, remembers the status."""

    def __init__(self, send: Send, scope: Scope, *, headless: bool) -> None:
        self._send = send
        self._path: str = scope["path"]
        self.headless = headless
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._dress(message)
        elif message["type"] == "http.response.body" and self.headless:
            message = {**message, "body": b""}
        await self._send(message)

    def _dress(self, message: MutableMapping[str, object]) -> None:
        headers = MutableHeaders(scope=message)
        if self._path.split("/", 2)[1] in _SCRIPTED:
            headers.setdefault("Content-Security-Policy", _CONSOLE_CSP)
        if self._path.startswith(_TOKEN_PATHS):
            headers.update(_ON_TOKEN_PAGES)
        elif self._path in _STAFF_DOORS or self._path.startswith(_STAFF_PATHS):
            headers.update(_ON_STAFF_PAGES)
        for name, value in _EVERYWHERE.items():
            headers.setdefault(name, value)


def is_upload(request: Request) -> bool:
    """Whether this body may be longer than any form: only where staff hand in files, and when it does not say it is short."""
    length = request.headers.get("content-length", "")
    return request.url.path in LARGER and not (length.isdecimal() and int(length) <= MAX_BODY)


def _most(scope: Scope) -> int:
    """How long this request's body may be."""
    return LARGER.get(scope["path"], MAX_BODY)


def _capped(receive: Receive, most: int) -> Receive:
    """Ends a body that grows over the limit without having announced its length."""
    seen = 0

    async def capped() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return {"type": "http.disconnect"} if seen > most else message

    return capped


def _route(scope: Scope) -> str:
    route = scope.get("route")
    pattern = getattr(route, "path", None)
    return pattern if isinstance(pattern, str) else "(none)"
