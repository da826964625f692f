"""Guarded fetching: one GET at a time, from public hosts only, bounded in size, time and redirects.

    answer = await fetcher.get("https://courier.example/feeds/latest.xml", etag=feed.etag)

The answer is a value: `Fetched`, `NotModified` or `FetchFailed`. Nothing a server does raises.
"""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus

import httpcore2
import httpx2

from ground.courtesy import fresh_for, retry_after
from ground.guard import GuardedNetwork, Refused, Resolver, check_host, resolve
from ground.unpack import TooLargeError, Unpacker, UnpackError

_PORTS = frozenset({80, 443})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FOR_GOOD = frozenset({301, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """How much of anything one fetch may take."""

    max_bytes: int = 5 * 1024 * 1024  # after decompression
    deadline: timedelta = timedelta(seconds=30)  # for everything, redirects included
    connect_timeout: timedelta = timedelta(seconds=10)
    redirects: int = 5
    connections: int = 50


class Reason(enum.StrEnum):
    """Why a fetch failed, in one word."""

    REFUSED = "refused"  # by our own guard: scheme, port, credentials, a private address
    UNREACHABLE = "unreachable"  # no such name, nobody listens, the connection broke
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    REDIRECTS = "redirects"
    STATUS = "status"  # the server answered with an error
    GARBLED = "garbled"  # not HTTP, or compressed in a way that cannot be undone


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    url: str  # where the body came from, after redirects
    status: int
    body: bytes
    content_type: str | None = None  # without parameters, lower case
    charset: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    retry_after: timedelta | None = None
    fresh_for: timedelta | None = None  # by Cache-Control: asking sooner brings the same
    moved_to: str | None = None  # where the address is now, by permanent redirects alone


@dataclass(frozen=True, slots=True, kw_only=True)
class NotModified:
    """The server says that our copy is the newest (RFC 9110 15.4.5)."""

    url: str
    etag: str | None = None
    last_modified: str | None = None
    retry_after: timedelta | None = None
    fresh_for: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchFailed:
    url: str
    reason: Reason
    detail: str  # a sentence that names the host and what it did
    status: int | None = None
    retry_after: timedelta | None = None


class Fetcher:
    """Fetches by GET, or looks by HEAD. One per process; `close()` it at the end.

    `allowed_hosts` ("host:port") is the setting by which a private host is let in on purpose.
    """

    def __init__(
        self,
        limits: FetchLimits | None = None,
        *,
        allowed_hosts: frozenset[str] = frozenset(),
        user_agent: str = "Broadsheet/0.1",
        resolver: Resolver = resolve,
    ) -> None:
        self.limits = limits or FetchLimits()
        self._allowed_hosts = allowed_hosts
        network = GuardedNetwork(allowed_hosts=allowed_hosts, resolver=resolver)
        self._client = httpx2.AsyncClient(
            transport=_GuardedTransport(network, connections=self.limits.connections),
            headers={"User-Agent": user_agent, "Accept-Encoding": "gzip, deflate"},
            timeout=httpx2.Timeout(
                self.limits.deadline.total_seconds(), connect=self.limits.connect_timeout.total_seconds()
            ),
            trust_env=False,  # a proxy from the environment would connect where our guard cannot look
            follow_redirects=False,
        )

    async def get(
        self, url: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> Fetched | NotModified | FetchFailed:
        """Fetch `url`, or learn that it has not changed since `etag` / `last_modified` (as last answered)."""
        return await self._guarded("GET", url, _conditions(etag, last_modified))

    async def head(self, url: str) -> Fetched | NotModified | FetchFailed:
        """Learn whether `url` is there, without its body. Some servers answer this otherwise than a GET."""
        return await self._guarded("HEAD", url, {})

    async def _guarded(self, method: str, url: str, headers: dict[str, str]) -> Fetched | NotModified | FetchFailed:
        try:
            async with asyncio.timeout(self.limits.deadline.total_seconds()):
                return await self._follow(method, url, headers)
        except Refused as refusal:
            return FetchFailed(url=url, reason=Reason.REFUSED, detail=str(refusal))
        except (TimeoutError, httpx2.TimeoutException):
            seconds = f"{self.limits.deadline.total_seconds():g}"
            return FetchFailed(
                url=url,
                reason=Reason.TIMEOUT,
                detail=f"{_host(url)} did not finish answering within {seconds} seconds.",
            )
        except UnpackError as problem:
            reason = Reason.TOO_LARGE if isinstance(problem, TooLargeError) else Reason.GARBLED
            return FetchFailed(url=url, reason=reason, detail=f"{_host(url)} {problem}")
        except (httpx2.ProtocolError, httpx2.DecodingError) as problem:
            return FetchFailed(
                url=url, reason=Reason.GARBLED, detail=f"{_host(url)} answered in a way that is not HTTP: {problem}"
            )
        except httpx2.TransportError as problem:
            return FetchFailed(
                url=url,
                reason=Reason.UNREACHABLE,
                detail=f"{_host(url)} could not be reached: {str(problem) or 'no answer'}",
            )

    async def close(self) -> None:
        await self._client.aclose()

    async def _follow(self, method: str, url: str, headers: dict[str, str]) -> Fetched | NotModified | FetchFailed:
        at, moved_to, is_for_good = url, None, True
        for _ in range(self.limits.redirects + 1):
            answer = await self._ask(method, self._checked(at), headers)
            if isinstance(answer, Fetched):
                return replace(answer, moved_to=moved_to)
            if not isinstance(answer, _Redirected):
                return answer
            at, is_for_good = answer.to, is_for_good and answer.is_for_good
            moved_to = at if is_for_good else moved_to
        return FetchFailed(
            url=url, reason=Reason.REDIRECTS, detail=f"{_host(url)} redirects more than {self.limits.redirects} times."
        )

    def _checked(self, url: str) -> httpx2.URL:
        try:
            parsed = httpx2.URL(url)
        except (httpx2.InvalidURL, ValueError, TypeError) as problem:
            raise Refused(f"{url[:200]!r} is not an address that can be fetched: {problem}") from problem
        if parsed.scheme not in ("http", "https"):
            raise Refused(f"Only http and https are fetched, not {parsed.scheme or 'an address without a scheme'}.")
        if parsed.userinfo:
            raise Refused(f"The address of {parsed.host} carries a user name or password; take it out.")
        port = parsed.port or (443 if parsed.scheme == "https" else 80)
        if f"{parsed.host}:{port}" not in self._allowed_hosts:
            check_host(parsed.host)
            if port not in _PORTS:
                raise Refused(f"{parsed.host}:{port} is not fetched: only ports 80 and 443 are.")
        return parsed

    async def _ask(
        self, method: str, url: httpx2.URL, headers: dict[str, str]
    ) -> Fetched | NotModified | FetchFailed | _Redirected:
        """One request."""
        async with self._client.stream(method, url, headers=headers) as response:
            self._client.cookies.clear()  # one feed's cookie is no other feed's business
            if response.status_code in _REDIRECTS and "location" in response.headers:
                to = _location(url, response.headers["location"])
                return _Redirected(to=to, is_for_good=response.status_code in _FOR_GOOD)
            if response.status_code == HTTPStatus.NOT_MODIFIED:
                return NotModified(
                    url=str(url),
                    etag=response.headers.get("etag"),
                    last_modified=response.headers.get("last-modified"),
                    retry_after=retry_after(response.headers),
                    fresh_for=fresh_for(response.headers),
                )
            if not response.is_success:
                return _failed_status(url, response)
            return await self._read(url, response)

    async def _read(self, url: httpx2.URL, response: httpx2.Response) -> Fetched:
        # The answer to a HEAD names an encoding and has no body: nothing is unpacked then.
        packed = response.headers.get("content-encoding", "") if response.request.method == "GET" else ""
        unpacker = Unpacker(packed, max_bytes=self.limits.max_bytes)
        async for chunk in response.aiter_raw():
            unpacker.feed(chunk)
        content_type = response.headers.get("content-type", "").split(";")[0].strip().lower()
        return Fetched(
            url=str(url),
            status=response.status_code,
            body=unpacker.finish(),
            content_type=content_type or None,
            charset=response.charset_encoding,
            etag=response.headers.get("etag"),
            last_modified=response.headers.get("last-modified"),
            retry_after=retry_after(response.headers),
            fresh_for=fresh_for(response.headers),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Redirected:
    to: str
    is_for_good: bool


class _GuardedTransport(httpx2.AsyncHTTPTransport):
    """httpx2's transport over a pool whose sockets the guard opens (httpx2 has no argument for that)."""

    def __init__(self, network: GuardedNetwork, *, connections: int) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=httpx2.create_ssl_context(trust_env=False),
            max_connections=connections,
            max_keepalive_connections=connections // 5,
            keepalive_expiry=5.0,
            network_backend=network,
        )


def _conditions(etag: str | None, last_modified: str | None) -> dict[str, str]:
    # Stored header values are a server's words. One that could not travel in a header again is left out.
    conditions = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    return {name: value for name, value in conditions.items() if value and value.isascii() and value.isprintable()}


def _location(url: httpx2.URL, location: str) -> str:
    try:
        return str(url.join(location))
    except (httpx2.InvalidURL, ValueError) as problem:
        raise Refused(f"{url.host} redirects to something that is not an address.") from problem


def _failed_status(url: httpx2.URL, response: httpx2.Response) -> FetchFailed:
    return FetchFailed(
        url=str(url),
        reason=Reason.STATUS,
        status=response.status_code,
        detail=f"{url.host} answered {response.status_code} {_phrase(response.status_code)}".rstrip() + ".",
        retry_after=retry_after(response.headers),
    )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _host(url: str) -> str:
    try:
        return httpx2.URL(url).host or "The server"
    except (httpx2.InvalidURL, ValueError, TypeError):
        return "The server"
