"""A site of feeds on this machine, an editor who looks at it, and what both are asked in tests."""

from __future__ import annotations

import html
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import select

from articles.collect import collect
from articles.feeds import Feed
from articles.preview import Viewer
from ground.fetch import Fetcher
from newsletters.newsletters import Edition
from staff.members import Role
from tests.web.conftest import House, SignedIn

CORPUS = Path(__file__).parents[2] / "corpus" / "feeds"
PAGE = "/console/sources"

PLAIN = """<?xml version="1.0"?><rss version="2.0"><channel><title>Zeryan Town News</title>
<link>https://zeryan.example</link><description>News</description><language>en</language>
<item><title>The bridge is open &lt;b&gt;again&lt;/b&gt;</title><link>https://zeryan.example/bridge</link>
<pubDate>Mon, 09 Mar 2026 06:30:00</pubDate></item>
<item><title>Snow closes two passes of the road</title><link>https://zeryan.example/snow</link></item>
</channel></rss>"""
HOSTILE = PLAIN.replace("Zeryan Town News", "&lt;script&gt;alert(1)&lt;/script&gt;&#x202e;evil").replace(
    "The bridge is open", "&lt;img src=x onerror=alert(1)&gt;Bridge"
)
HOME = """<!doctype html><html><head><title>Zeryan</title>
<link rel="alternate" type="application/rss+xml" title="All news" href="/plain.xml?a=1&amp;b=2">
<link href='/sport.xml' type='application/atom+xml' rel='alternate'>
<link rel="alternate" type="application/rss+xml" href="javascript:alert(1)"></head><body>Hello</body></html>"""


class _Site(BaseHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012 - of the one server of a test

    def do_GET(self) -> None:
        self.asked.append(self.path)
        path = self.path.partition("?")[0]
        body = {"/plain.xml": PLAIN, "/hostile.xml": HOSTILE, "/": HOME, "/page": "<html><p>No feed here"}.get(path)
        if path.startswith("/corpus/"):
            body = (CORPUS / path.removeprefix("/corpus/")).read_text(encoding="utf-8")
        self.send_response(503 if body is None else 200)
        self.send_header("Content-Type", "text/html; charset=utf-8" if path in {"/", "/page"} else "application/xml")
        self.end_headers()
        self.wfile.write((body or "").encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    _Site.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def desk(house: House, site: str) -> Iterator[House]:
    """The house, whose viewer may look at the site."""
    fetcher = Fetcher(allowed_hosts=frozenset({site.removeprefix("http://")}))
    with ThreadPoolExecutor(1) as threads:
        viewer = Viewer(fetcher, threads, lambda: house.now)
        yield House(replace(house.parts, viewer=viewer), house.engine, house.compiler, house.now)


@pytest.fixture
def editor(desk: House) -> Iterator[SignedIn]:
    editor = desk.sign_in(Role.EDITOR)
    with editor.client:  # one loop for all of a test's requests, as a server has: the fetcher keeps its connections
        yield editor


def words(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def edition_id(house: House, language: str = "en") -> int:
    with house.database.read() as session:
        return session.scalars(select(Edition.id).where(Edition.language == language)).one()


def look(editor: SignedIn, url: str, **typed: object) -> str:
    answer = editor.post(f"{PAGE}/new", {"url": url, **typed})
    assert answer.status_code == (422 if "No feed there" in answer.text else 200), answer.text
    return str(answer.text)


def take(editor: SignedIn, url: str, **typed: object) -> int:
    answer = editor.post(f"{PAGE}/new", {"url": url, "zone": "Erbil", "act": "save", **typed})
    assert answer.status_code == 303, words(answer.text)
    return int(answer.headers["location"].rpartition("/")[2])


def seen(editor: SignedIn, feed_id: int) -> str:
    """The version of a feed that its page shows now."""
    return seen_in(editor.get(f"{PAGE}/{feed_id}").text)


def seen_in(page: str) -> str:
    return page.split('name="seen" value="')[1].partition('"')[0]


def feed(house: House, feed_id: int) -> Feed:
    with house.database.read() as session:
        return session.get_one(Feed, feed_id)


async def collected(house: House, feed_id: int, site: str) -> None:
    fetcher = Fetcher(allowed_hosts=frozenset({site.removeprefix("http://")}))
    with ThreadPoolExecutor(1) as threads:
        await collect(house.database, fetcher, threads, lambda: house.now, only=[feed_id])
    await fetcher.close()
