"""`feeds`: added, given to editions, collected for real from a server on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.broadsheet.conftest import Ask, Run, words

pytestmark = pytest.mark.slow  # each command opens the whole house

FEED = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>The Zagros Courier</title>
<link>https://zagroscourier.example</link><description>News</description>
<item><title>The bridge is open</title><link>https://zagroscourier.example/bridge</link>
<description>After two years.</description></item></channel></rss>"""


STORY = """<html lang=en><div class=section>Town</div><h1>The bridge is open</h1><div class=byline>Hanar Dolan</div>
<p class=meta>March 9, 2026 • 2 min read</p><p>The bridge over the river is open again after two years of work, the town
council said on Monday. It took longer than was planned.</p></html>""".encode()


class _Feed(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = {"/feed.xml": FEED, "/story.html": STORY}.get(self.path)
        self.send_response(200 if body else 503)
        self.send_header("Content-Type", "application/rss+xml")
        self.end_headers()
        self.wfile.write(body or b"")

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
    added = ask("feeds", "add", url, "--language", "ckb", "--zone", "Asia/Baghdad", "--ranking")
    read = {"reads_pages": True, "is_ranking": True}
    assert added == {"id": 1, "url": url, "language": "ckb", "zone": "Asia/Baghdad", **read, "new": True}
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
        {"id": 1, "title": "The Zagros Courier", "found": 1, "new": 1, "changed": 0, "completed": 0, "problem": None}
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


def test_an_address_is_checked_without_storing_anything(run: Run, ask: Ask, site: str) -> None:
    found = ask("feeds", "check", f"{site}/feed.xml", "--zone", "Erbil")
    assert (found["title"], found["found"]) == ("The Zagros Courier", 1)
    assert found["newest"][0]["title"] == "The bridge is open"
    assert "No images: none of its 1 stories has one." in found["warnings"]
    assert "! No dates" in run("feeds", "check", f"{site}/feed.xml").stdout
    assert ask("feeds", "list") == []


def test_an_address_without_a_feed_is_bad_news(ask: Ask, site: str) -> None:
    assert "503" in ask("feeds", "check", f"{site}/broken.xml", code=1)["problem"]
    assert "127.0.0.1:1" in ask("feeds", "check", "http://127.0.0.1:1/feed", code=1)["url"]


@pytest.mark.usefixtures("desk")
def test_a_feed_is_edited_where_it_is_told_to(ask: Ask) -> None:
    ask("feeds", "add", "https://zagroscourier.example/feed", "--language", "en", "--edition", "morning/en")
    edited = ask("feeds", "edit", "1", "--name", "The Courier", "--zone", "Erbil", "--section", "Town")
    assert edited == {
        "id": 1,
        "name": "The Courier",
        "language": "en",
        "zone": "Asia/Baghdad",
        "section": "Town",
        "reads_pages": True,
        "is_ranking": False,
        "editions": ["morning/en"],
    }
    assert ask("feeds", "edit", "1", "--name", "")["name"] == "zagroscourier.example"


def test_a_feeds_pages_are_left_alone_where_the_desk_says_so(ask: Ask) -> None:
    added = ask("feeds", "add", "https://zeryan.example/feed", "--no-pages")
    assert added["reads_pages"] is False
    number = str(added["id"])
    assert ask("feeds", "edit", number, "--name", "Zeryan")["reads_pages"] is False
    assert ask("feeds", "edit", number, "--pages")["reads_pages"] is True


def test_a_feed_is_paused_resumed_and_removed(run: Run, ask: Ask) -> None:
    ask("feeds", "add", "https://zagroscourier.example/feed")
    assert ask("feeds", "pause", "1") == {"id": 1, "collected": False}
    assert ask("feeds", "list")[0]["collected"] is False
    assert "collected again" in run("feeds", "resume", "1").stdout
    assert ask("feeds", "remove", "1") == {"id": 1, "url": "https://zagroscourier.example/feed"}
    assert ask("feeds", "list") == []


def test_a_feed_that_something_hangs_on_stays(run: Run, ask: Ask, site: str) -> None:
    run("feeds", "add", f"{site}/feed.xml")
    run("feeds", "collect")
    assert "Pause it instead" in words(run("feeds", "remove", "1", code=2))
    assert len(ask("feeds", "list")) == 1


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("edit", "7", "--name", "x"), "no feed 7"),
        (("pause", "7"), "no feed 7"),
        (("resume", "7"), "no feed 7"),
        (("remove", "7"), "no feed 7"),
        (("edit", "1", "--zone", "Asia/Arbil"), "Did you mean Asia/Baghdad?"),
        (("edit", "1", "--language", "the language of the Klingons"), "ckb"),
        (("edit", "1", "--edition", "evening/en"), "newsletter list"),
        (("check", "https://zagroscourier.example/", "--zone", "Mars/Base"), "no time zone"),
    ],
)
def test_what_cannot_be_done_to_a_feed_is_refused(run: Run, command: tuple[str, ...], told: str) -> None:
    run("feeds", "add", "https://zagroscourier.example/feed")
    assert told in words(run("feeds", *command, code=2))


def test_a_list_of_feeds_comes_in_and_goes_out(run: Run, ask: Ask) -> None:
    told = (
        '<opml version="2.0"><body><outline text="Town"><outline text="Zeryan" xmlUrl="https://zeryan.example/feed"/>'
    )
    told += '<outline xmlUrl="ftp://zeryan.example/"/></outline></body></opml>'
    Path("list.opml").write_text(told, encoding="utf-8")
    brought = ask("feeds", "import-opml", "list.opml", "--zone", "Erbil", code=1)
    assert (brought["added"], brought["known"], [one["url"] for one in brought["refused"]]) == (
        1,
        0,
        ["ftp://zeryan.example/"],
    )
    run("feeds", "export-opml", "out.opml")
    written = run("feeds", "export-opml").stdout
    assert written == Path("out.opml").read_text(encoding="utf-8")
    assert 'xmlUrl="https://zeryan.example/feed"' in written
    assert 'zone="Asia/Baghdad"' in written
    assert ask("feeds", "import-opml", "out.opml")["known"] == 1
    Path("list.opml").write_text("hello", encoding="utf-8")
    assert "OPML" in words(run("feeds", "import-opml", "list.opml", code=2))


def test_a_storys_page_is_checked_with_all_that_was_read(ask: Ask, site: str) -> None:
    found = ask("feeds", "check", f"{site}/story.html", "--zone", "Erbil")
    (story,) = found["newest"]
    assert (found["kind"], story["title"], story["section"]) == ("page", "The bridge is open", "Town")
    assert (story["published"], story["date_confidence"]) == ("2026-03-08T21:00:00+00:00", "assumed_zone")
    assert (story["reading_minutes"], story["authors"][0]["name"]) == (2, "Hanar Dolan")
