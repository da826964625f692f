"""Gather: one source is fetched and read. What has not changed is not read again, and a host that asks for quiet gets it."""

from __future__ import annotations

import hashlib
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urljoin, urlsplit

from articles import reading
from articles.entry import Kind, NotAFeed, ParsedFeed
from ground.fetch import Fetched, Fetcher, FetchFailed, NotModified, Reason

_LEAVE_ALONE = frozenset({429, 503})


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One feed to be fetched, with what is known of it."""

    feed_id: int
    url: str
    title: str | None
    etag: str | None
    last_modified: str | None
    body_hash: str | None
    kind: Kind | None
    is_first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Catch:
    """What came of one errand, before it is written down."""

    answer: Fetched | NotModified | FetchFailed | None = None
    parsed: ParsedFeed | None = None
    body_hash: str | None = None
    problem: str | None = None


class Gatherer:
    """One object per round of collecting: it knows which hosts asked this round to be left alone."""

    def __init__(self, fetcher: Fetcher, executor: Executor, *, at_most: timedelta, more_pages: int) -> None:
        self._fetcher, self._executor = fetcher, executor
        self._at_most, self._more_pages = at_most, more_pages
        self._closed: dict[str, timedelta] = {}

    async def gather(self, errand: Errand) -> Catch:
        closed = self._closed.get(host(errand.url))
        if closed is not None:
            return _turned_away(errand.url, closed)
        answer = await self._fetcher.get(errand.url, etag=errand.etag, last_modified=errand.last_modified)
        if isinstance(answer, FetchFailed):
            if answer.status in _LEAVE_ALONE and answer.retry_after:
                self._closed[host(errand.url)] = answer.retry_after
            return Catch(answer=answer, problem=answer.detail)
        if isinstance(answer, NotModified):
            return Catch(answer=answer)
        return await self._read(errand, answer)

    async def _read(self, errand: Errand, answer: Fetched) -> Catch:
        body_hash = hashlib.sha256(answer.body).hexdigest()
        if body_hash == errand.body_hash:
            return Catch(answer=answer, body_hash=body_hash)
        parsed = await reading.read(answer, self._executor, at_most=self._at_most)
        if isinstance(parsed, ParsedFeed) and parsed.kind is Kind.PAGE and errand.kind not in (None, Kind.PAGE):
            parsed = NotAFeed(
                detail="The address answers with a web page now, and no longer with a feed. Check the address."
            )
        if isinstance(parsed, NotAFeed):
            return Catch(answer=answer, problem=parsed.detail)
        if errand.is_first and parsed.next_url:
            parsed = await self._with_more(parsed, answer.url)
        return Catch(answer=answer, parsed=parsed, body_hash=body_hash)

    async def _with_more(self, parsed: ParsedFeed, at: str) -> ParsedFeed:
        """A feed with the pages it goes on with, from the same host; they may be missing without harm."""
        entries, next_url = parsed.entries, parsed.next_url
        for _ in range(self._more_pages):
            more = await self._page(next_url, at)
            if more is None:
                break
            entries, next_url = (*entries, *more.entries), more.next_url
        return replace(parsed, entries=entries)

    async def _page(self, next_url: str | None, at: str) -> ParsedFeed | None:
        try:
            there = urljoin(at, next_url or "")
        except ValueError:
            return None
        if not next_url or host(there) != host(at):
            return None
        answer = await self._fetcher.get(there)
        if not isinstance(answer, Fetched):
            return None
        more = await reading.read(answer, self._executor, at_most=self._at_most)
        return more if isinstance(more, ParsedFeed) and more.kind is not Kind.PAGE else None


def host(url: str) -> str:
    """Who is asked: the name and the port."""
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


def _turned_away(url: str, closed: timedelta) -> Catch:
    detail = f"{urlsplit(url).hostname} asked to be left alone a moment ago, for another feed; this one was not asked."
    answer = FetchFailed(url=url, reason=Reason.STATUS, detail=detail, retry_after=closed)
    return Catch(answer=answer, problem=detail)
