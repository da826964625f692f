"""A sample newsroom on loopback: feeds in six forms and three languages, their pictures and pages, as of right now.

    async with SampleNewsroom(now) as newsroom:
        for title, url, language in newsroom.feeds: ...

The Zagros Courier, its people and its stories are invented. Its files are dated in March 2026 and live under
zagroscourier.example; here every date is moved by one amount, so that the newest story is of this minute, and the
addresses lead to this server.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from types import TracebackType
from typing import NamedTuple, Self

from fastapi import FastAPI, Request, Response

from articles import formats
from articles.entry import ParsedFeed
from broadsheet import serving
from broadsheet.demo import newspages

HOST = "https://zagroscourier.example"
ZONE = "Asia/Baghdad"

_SAMPLE = resources.files("broadsheet.demo") / "sample"
_RFC822 = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} [+-]\d{4}")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:Z|[+-]\d{2}:\d{2})")
_RESIZED = re.compile(r"-\d+x\d+(?=\.png$)")


class SampleFeed(NamedTuple):
    title: str
    url: str
    language: str


class _File(NamedTuple):
    path: str
    name: str
    language: str
    content_type: str


_FEEDS = (
    _File("/feeds/latest.xml", "01-rss-media.xml", "en", "application/rss+xml"),
    _File("/feeds/culture.atom", "02-atom-xhtml.xml", "en", "application/atom+xml"),
    _File("/feeds/business.json", "03-jsonfeed.json", "en", "application/feed+json"),
    _File("/feeds/ar.xml", "05-rss-arabic.xml", "ar", "application/rss+xml"),
    _File("/feeds/ckb.xml", "06-rss-sorani.xml", "ckb", "application/rss+xml"),
    _File("/gulan/feed/", "08-rss-wordpress.xml", "en", "application/rss+xml"),
)
_PAGES = {"/news/tavgah-pumping-station": "seed-shaped-article.html"}


class SampleNewsroom:
    """Serves from 127.0.0.1, on `port` or on a free one. `newsletter_url` is where its pages invite readers to sign up."""

    def __init__(self, now: datetime, *, port: int = 0, newsletter_url: str | None = None) -> None:
        self.newsletter_url = newsletter_url
        self.served: Counter[tuple[str, int]] = Counter()  # by path and status
        self._now = now
        self._port = port
        self._open = AsyncExitStack()

    @property
    def host(self) -> str:
        """What a `Fetcher` must be allowed: "127.0.0.1:<port>"."""
        return f"127.0.0.1:{self._port}"

    @property
    def base_url(self) -> str:
        return f"http://{self.host}"

    @property
    def feeds(self) -> list[SampleFeed]:
        return [
            SampleFeed(self._feeds[feed.path].title or feed.name, self.base_url + feed.path, feed.language)
            for feed in _FEEDS
        ]

    async def __aenter__(self) -> Self:
        bound = self._open.enter_context(serving.listening("127.0.0.1", self._port))
        self._port = bound.getsockname()[1]
        self._print()
        await self._open.enter_async_context(serving.pages(self._app(), bound))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._open.aclose()

    def _print(self) -> None:
        """Today's edition: every file with its dates moved and its addresses leading here."""
        self._shift = _whole_minutes(self._now - _newest())
        self._bodies = {feed.path: self._localised(_sample("feeds", feed.name)).encode() for feed in _FEEDS}
        self._feeds = {feed.path: _parsed(self._bodies[feed.path], self.base_url + feed.path) for feed in _FEEDS}
        told = (newspages.stories(self._feeds[path], body) for path, body in self._bodies.items())
        self._stories = {story.path: story for stories in told for story in stories}

    def _app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        @app.get("/{path:path}")
        async def answer(request: Request) -> Response:
            path = request.url.path if "page" not in request.query_params else "/next-page"  # there is only one
            response = self._answer(path, request.headers.get("if-none-match"))
            self.served[request.url.path, response.status_code] += 1
            return response

        return app

    def _answer(self, path: str, known: str | None) -> Response:
        """One GET. `known` is the ETag that the client has."""
        feed = next((feed for feed in _FEEDS if feed.path == path), None)
        if feed:
            return self._conditional(self._bodies[path], feed.content_type, known)
        picture = _picture(path)
        if picture:
            return self._conditional(picture, "image/png", known)
        page = self._page(path)
        if page is None:
            return Response("There is no such page in the sample newsroom.", status_code=404, media_type="text/plain")
        return Response(page, media_type="text/html")

    def _conditional(self, body: bytes, content_type: str, known: str | None) -> Response:
        headers = {
            "ETag": f'"{hashlib.sha256(body).hexdigest()[:20]}"',
            "Last-Modified": format_datetime(self._now.astimezone(UTC), usegmt=True),
        }
        if known == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=content_type, headers=headers)

    def _page(self, path: str) -> str | None:
        if path in _PAGES:
            return newspages.dressed(self._localised(_sample("pages", _PAGES[path])), self.newsletter_url)
        if path == "/privacy":
            return newspages.privacy(self.newsletter_url)
        story = self._stories.get(path.rstrip("/"))
        if story:
            return newspages.page(story, zone=ZONE, now=self._now, newsletter_url=self.newsletter_url)
        for feed in self._feeds.values():
            if (feed.site_url or "").rstrip("/") == (self.base_url + path).rstrip("/"):
                return newspages.front(feed, self.newsletter_url)
        return None

    def _localised(self, text: str) -> str:
        text = _ISO.sub(lambda found: _moved_iso(found[0], self._shift), text)
        text = _RFC822.sub(lambda found: format_datetime(parsedate_to_datetime(found[0]) + self._shift), text)
        return text.replace(HOST, self.base_url).replace("//zagroscourier.example/", f"//{self.host}/")


def _parsed(body: bytes, url: str) -> ParsedFeed:
    parsed = formats.parse(body, None, url)
    assert isinstance(parsed, ParsedFeed), parsed
    return parsed


@cache
def _newest() -> datetime:
    """When the newest story of all feeds was published, by their own dates."""
    parsed = [_parsed(_sample("feeds", feed.name).encode(), HOST + feed.path) for feed in _FEEDS]
    texts = [entry.published for feed in parsed for entry in feed.entries]
    return max(_written(text) for text in texts if text)


def _written(text: str) -> datetime:
    return datetime.fromisoformat(text) if _ISO.match(text) else parsedate_to_datetime(text)


def _moved_iso(text: str, shift: timedelta) -> str:
    moved = (datetime.fromisoformat(text) + shift).isoformat()
    return moved.replace("+00:00", "Z") if text.endswith("Z") else moved


def _whole_minutes(shift: timedelta) -> timedelta:
    return timedelta(minutes=shift // timedelta(minutes=1))


def _sample(folder: str, name: str) -> str:
    return (_SAMPLE / folder / name).read_text(encoding="utf-8")


def _picture(path: str) -> bytes | None:
    """`/images/snow.png`, and any size of it among the uploads: `…/uploads/2026/03/snow-1024x538.png`."""
    if not path.startswith(("/images/", "/wp-content/uploads/")):
        return None
    name = _RESIZED.sub("", PurePosixPath(path).name)
    found = [file for file in (_SAMPLE / "images").iterdir() if file.name == name]
    return found[0].read_bytes() if found else None
