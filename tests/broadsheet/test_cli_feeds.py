"""`feeds`: added, given to editions, collected for real from a server on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.broadsheet.conftest import Ask, Run, words

pytestmark = pytest.mark.slow  # each command opens the whole house

FEED = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>The Zagros Courier</title>
<link>https://zagroscourier.example</link><description>News</description>
<item><title>The bridge is open</title><link>https://zagroscourier.example/bridge</link>
<description>After two years.</description></item></channel></rss>"""


class _Feed(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        is_feed = self.path == "/feed.xml"
        self.send_response(200 if is_feed else 503)
        self.send_header("Content-Type", "application/rss+xml")
        self.end_headers()
        self.wfile.write(FEED if is_feed else b"")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A site with a feed at /feed.xml, which may be fetched although it is private."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Feed) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        host = f"127.0.0.1:{server.server_port}"
        monkeypatch.setenv("BROADSHEET_FETCH_ALLOWED_HOSTS", host)
        yield f"http://{host}"
        server.shutdown()
        thread.join()


def test_a_feed_is_added_and_listed(run: Run, ask: Ask) -> None:
    assert "feeds add https://" in run("feeds", "list").stdout
    url = "https://zagroscourier.example/feed"
    added = ask("feeds", "add", url, "--language", "ckb", "--zone", "Asia/Baghdad")
    assert added == {"id": 1, "url": url, "language": "ckb", "zone": "Asia/Baghdad", "new": True}
    (listed,) = ask("feeds", "list")
    assert (listed["id"], listed["url"], listed["failures"], listed["last_success"]) == (1, url, 0, None)
    assert url in run("feeds", "list").stdout


@pytest.mark.usefixtures("desk")
def test_adding_a_known_feed_gives_it_to_an_edition(ask: Ask) -> None:
    url = "https://zagroscourier.example/feed"
    assert ask("feeds", "add", url)["new"] is True
    assert ask("feeds", "add", url, "--edition", "morning/en")["new"] is False
    assert ask("newsletter", "list")[0]["feeds"] == [1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nonsense",), "https://"),
        (("ftp://zagroscourier.example/feed",), "https://"),
        (("https://desk:secret@zagroscourier.example/feed",), "password"),
        (("https://zagroscourier.example/feed", "--zone", "Mars/Base"), "Asia/Baghdad"),
        (("https://zagroscourier.example/feed", "--language", "the language of the Klingons"), "ckb"),
        (("https://zagroscourier.example/feed", "--edition", "evening/en"), "newsletter list"),
    ],
)
def test_a_feed_that_cannot_be_is_refused(run: Run, ask: Ask, arguments: tuple[str, ...], told: str) -> None:
    assert told in words(run("feeds", "add", *arguments, code=2))
    assert ask("feeds", "list") == []


def test_what_is_due_is_collected(run: Run, ask: Ask, site: str) -> None:
    run("feeds", "add", f"{site}/feed.xml")
    assert ask("feeds", "collect") == [
        {"id": 1, "title": "The Zagros Courier", "found": 1, "new": 1, "changed": 0, "problem": None}
    ]
    assert run("feeds", "collect").stdout == "No feed is due.\n"
    assert "The Zagros Courier" in run("feeds", "collect", "1").stdout


def test_a_feed_that_fails_is_bad_news(run: Run, ask: Ask, site: str) -> None:
    run("feeds", "add", f"{site}/broken.xml")
    (report,) = ask("feeds", "collect", "1", code=1)
    assert "503" in report["problem"]
    assert ask("feeds", "list")[0]["failures"] == 1


def test_an_unknown_feed_is_not_silently_left_out(run: Run) -> None:
    assert "feeds list" in words(run("feeds", "collect", "77", code=2))
    run("feeds", "collect", "first", code=2)
