"""The console's sources: what an address holds before it is taken, how feeds do, and what an editor does to them.

The site is a real server on this machine; the fetcher may go there because its host and port are let in by name.
"""

from __future__ import annotations

import html
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import event, select

from articles import feeds
from articles.collect import collect
from articles.feeds import Feed, Said
from articles.preview import Viewer
from ground.fetch import Fetcher
from newsletters import draw, newsletters
from newsletters.newsletters import Edition
from staff.members import AuditEntry, Role
from tests.web.conftest import House, SignedIn

CORPUS = Path(__file__).parent.parent / "corpus" / "feeds"
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


# --- looking before taking ----------------------------------------------------------------------------------------------
def test_an_address_is_looked_at_and_nothing_is_stored(desk: House, editor: SignedIn, site: str) -> None:
    before = desk.dump()
    page = look(editor, f"{site}/plain.xml")
    told = words(page)
    for said in (
        "Zeryan Town News",
        "The bridge is open again",
        "06:30 Baghdad",  # read in the edition's zone
        "No images: none of its 2 stories has one.",
        "No summaries: 2 of 2 stories have none.",
        "No dates: 1 of 2 stories name none",
        "Dates without zone: 1 of 2 are read as Asia/Baghdad.",
    ):
        assert said in told
    assert desk.dump() == before
    assert desk.engine.submitted == []


def test_another_zone_reads_the_same_dates_differently(editor: SignedIn, site: str) -> None:
    told = words(look(editor, f"{site}/plain.xml", zone="Europe/Berlin", act="look"))
    assert "06:30 Berlin" in told
    assert "are read as Europe/Berlin" in told


def test_the_collectors_own_eyes_see_ten_of_a_long_feed(editor: SignedIn, site: str) -> None:
    page = look(editor, f"{site}/corpus/01-rss-media.xml")
    assert page.count('rel="noopener noreferrer"') == 10


@pytest.mark.parametrize(
    ("name", "said", "told"),
    [
        ("05-rss-arabic.xml", "en", "said is en, their letters are ar"),
        ("06-rss-sorani.xml", "ar", "said is ar, their letters are ckb"),
        ("01-rss-media.xml", "ckb", "said is ckb, their letters are Latin letters"),
    ],
)
def test_titles_in_another_language_than_said_are_pointed_out(
    editor: SignedIn, site: str, name: str, said: str, told: str
) -> None:
    assert told in words(look(editor, f"{site}/corpus/{name}", language=said, zone="Erbil", act="look"))


@pytest.mark.parametrize(
    ("name", "language"), [("05-rss-arabic.xml", "ar"), ("06-rss-sorani.xml", "ckb"), ("01-rss-media.xml", "en")]
)
def test_the_form_suggests_the_language_and_its_editions(
    desk: House, editor: SignedIn, site: str, name: str, language: str
) -> None:
    page = look(editor, f"{site}/corpus/{name}")
    assert "another language" not in page
    assert f'name="language" type="text" value="{language}"' in page
    assert f'name="editions" value="{edition_id(desk, language)}" checked' in page
    assert page.count(" checked") == 1


def test_a_page_that_names_feeds_offers_them(editor: SignedIn, site: str) -> None:
    page = look(editor, site)
    assert "The address answers with a web page, not with a feed." in words(page)
    assert f'value="{site}/plain.xml?a=1&amp;b=2">All news</button>' in page
    assert f'value="{site}/sport.xml"' in page
    assert "javascript" not in page
    offered = html.unescape(re.findall(r'name="url" value="([^"]+)">All news', page)[0])
    assert "Zeryan Town News" in look(editor, offered)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("/page", "Look for the site's feed address"),
        ("/broken.xml", "answered 503"),
    ],
)
def test_what_is_no_feed_is_said_and_the_address_kept(editor: SignedIn, site: str, url: str, told: str) -> None:
    page = look(editor, site + url)
    assert told in words(page)
    assert f'value="{site}{url}"' in page


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://127.0.0.1:1/feed", "127.0.0.1"),
        ("http://10.0.0.1/feed", "10.0.0.1"),
        ("http://[::1]/", "::1"),
        ("http://169.254.169.254/latest/meta-data", "169.254.169.254"),
        ("ftp://zeryan.example/feed", "it must begin with https:// or http://"),
        ("https://desk:secret@zeryan.example/", "without a password"),
        ("javascript://alert(1)", "it must begin with"),
        ("", "it must begin with"),
        ("https://" + "a" * 2500, "it must begin with"),
    ],
)
def test_what_may_not_be_fetched_is_refused_in_words(house: House, url: str, told: str) -> None:
    editor = house.sign_in()
    before = house.dump()
    answer = editor.post(f"{PAGE}/new", {"url": url})
    assert answer.status_code == 422
    assert told in words(answer.text)
    assert house.dump() == before


def test_what_a_feed_says_is_never_markup(editor: SignedIn, site: str) -> None:
    pages = [look(editor, f"{site}/hostile.xml")]
    feed_id = take(editor, f"{site}/hostile.xml", name="<b>bold</b>", section="<i>it</i>")
    pages += [editor.get(f"{PAGE}/{feed_id}").text, editor.get(PAGE).text]
    for page in pages:
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "<b>bold" not in page
        assert "<i>it" not in page


# --- taking -------------------------------------------------------------------------------------------------------------
def test_a_feed_is_taken_with_what_was_said_and_collected_at_once(desk: House, editor: SignedIn, site: str) -> None:
    editions = [str(edition_id(desk, "en")), str(edition_id(desk, "ckb"))]
    feed_id = take(editor, f"{site}/plain.xml", name="Zeryan", language="en", section="Town", editions=editions)
    taken = feed(desk, feed_id)
    assert (taken.name, taken.language, taken.zone, taken.section) == ("Zeryan", "en", "Asia/Baghdad", "Town")
    assert [(task, lane.value) for task, _, lane in desk.engine.submitted] == [("collect", "collect")]
    with desk.database.read() as session:
        assert draw.editions_drawing(session, [feed_id])[feed_id] == sorted(map(int, editions))
        assert [line.act for line in session.scalars(select(AuditEntry))] == ["feed.add"]
    assert "“Zeryan” is taken" in words(editor.get(f"{PAGE}/{feed_id}").text)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"zone": "Asia/Arbil"}, "“Asia/Arbil” is no time zone that is known here. Did you mean Asia/Baghdad?"),
        ({"language": "the language of the Klingons"}, "is not a language; write a tag like en, ar or ckb."),
        ({"name": "x" * 121}, "The name has 121 characters"),
        ({"editions": ["99"]}, "One of these editions is not there any more."),
    ],
)
def test_what_cannot_be_said_is_told_and_what_was_typed_is_kept(
    desk: House, editor: SignedIn, site: str, typed: dict[str, object], told: str
) -> None:
    answer = editor.post(
        f"{PAGE}/new", {"url": f"{site}/plain.xml", "zone": "UTC", "section": "Town", "act": "save", **typed}
    )
    assert answer.status_code == 422
    assert told in words(answer.text)
    assert 'value="Town"' in answer.text
    for name, value in typed.items():
        assert name == "editions" or f'value="{value}"' in answer.text
    with desk.database.read() as session:
        assert feeds.list_feeds(session) == []


def test_a_known_feed_is_said_to_be_known_and_only_gets_editions(desk: House, editor: SignedIn, site: str) -> None:
    first = take(editor, f"{site}/plain.xml", name="Zeryan")
    assert f'href="{PAGE}/{first}"' in look(editor, f"{site}/plain.xml")
    again = take(editor, f"{site}/plain.xml", name="Other", editions=[str(edition_id(desk))])
    assert again == first
    assert feed(desk, first).name == "Zeryan"
    with desk.database.read() as session:
        assert draw.editions_drawing(session, [first])[first] == [edition_id(desk)]


# --- the list -----------------------------------------------------------------------------------------------------------
async def test_feeds_are_listed_with_how_they_do(desk: House, site: str) -> None:
    with desk.database.write() as session:
        for path, zone in (
            ("/corpus/07-rss-updates.xml", "Asia/Baghdad"),
            ("/broken.xml", "UTC"),
            ("/plain.xml", "UTC"),
        ):
            added = feeds.add_feed(session, site + path, now=desk.now, said=Said(zone=zone))
            assert isinstance(added, Feed)
        newsletters.draw_from(session, edition_id(desk), [1])
    await collected(desk, 1, site)
    for _ in range(3):
        await collected(desk, 2, site)
    told = words(desk.sign_in().get(PAGE).text)
    assert "well" in told
    assert "Morning briefing (courier/en)" in told
    assert "failing failed 3 times in a row: 127.0.0.1 answered 503 Service Unavailable." in told
    assert "not collected yet" in told


def test_a_long_list_takes_as_many_questions_as_a_short_one_and_has_pages(house: House) -> None:
    editor = house.sign_in()

    def add(count: int, name: str) -> None:
        with house.database.write() as session:
            for number in range(count):
                feeds.add_feed(session, f"https://{name}{number}.example/feed", now=house.now)

    def questions() -> int:
        asked: list[str] = []

        def note(*given: object) -> None:
            asked.append(str(given[2]))

        event.listen(house.database.reader, "before_cursor_execute", note)
        editor.get(PAGE)
        event.remove(house.database.reader, "before_cursor_execute", note)
        return len(asked)

    add(1, "a")
    few = questions()
    add(55, "b")
    assert questions() == few
    first, second = editor.get(PAGE).text, editor.get(f"{PAGE}?after=50").text
    assert (first.count('id="feed-'), second.count('id="feed-')) == (50, 6)
    assert f'href="{PAGE}?after=50"' in first


# --- one source ---------------------------------------------------------------------------------------------------------
async def test_a_source_shows_what_it_brought_and_follows_its_collecting(desk: House, site: str) -> None:
    with desk.database.write() as session:
        feeds.add_feed(session, f"{site}/plain.xml", now=desk.now, said=Said(zone="Asia/Baghdad", section="Town"))
    editor = desk.sign_in()
    assert 'hx-trigger="every 2s"' in editor.get(f"{PAGE}/1/state").text  # it is due
    await collected(desk, 1, site)
    piece = editor.get(f"{PAGE}/1/state").text
    assert "every 2s" not in piece
    assert "<html" not in piece
    told = words(editor.get(f"{PAGE}/1").text)
    for said in ("Zeryan Town News", "The bridge is open again", "Town", "Asked every 15 min"):
        assert said in told


def test_a_source_is_changed_and_keeps_its_name_over_its_title(desk: House, editor: SignedIn, site: str) -> None:
    feed_id = take(editor, f"{site}/plain.xml", editions=[str(edition_id(desk))])
    answer = editor.post(
        f"{PAGE}/{feed_id}",
        {
            "name": "Zeryan",
            "language": "en",
            "zone": "Sulaymaniyah",
            "section": "",
            "editions": [edition_id(desk, "ar")],
            "seen": seen(editor, feed_id),
        },
    )
    assert answer.status_code == 303
    changed = feed(desk, feed_id)
    assert (feeds.shown_name(changed), changed.zone, changed.section) == ("Zeryan", "Asia/Baghdad", None)
    with desk.database.read() as session:
        assert draw.editions_drawing(session, [feed_id])[feed_id] == [edition_id(desk, "ar")]
        acts = [line.act for line in session.scalars(select(AuditEntry).order_by(AuditEntry.id))]
    assert acts == ["feed.add", "feed.change", "feed.draw"]
    wrong = editor.post(f"{PAGE}/{feed_id}", {"name": "Kept", "zone": "Asia/Arbil", "seen": seen(editor, feed_id)})
    assert wrong.status_code == 422
    assert 'value="Kept"' in wrong.text
    assert feed(desk, feed_id).name == "Zeryan"


def test_a_source_whose_stories_pages_are_left_alone_says_so_and_takes_them_up_again(
    desk: House, editor: SignedIn, site: str
) -> None:
    feed_id = take(editor, f"{site}/plain.xml", feed_only="1")
    assert not feed(desk, feed_id).reads_pages
    assert re.search('name="feed_only" value="1" checked', editor.get(f"{PAGE}/{feed_id}").text)
    said = {"zone": "UTC", "seen": seen(editor, feed_id)}
    assert editor.post(f"{PAGE}/{feed_id}", said).status_code == 303
    assert feed(desk, feed_id).reads_pages
    assert not re.search('name="feed_only" value="1" checked', editor.get(f"{PAGE}/{feed_id}").text)


def test_of_two_editors_of_a_source_the_second_is_told_and_keeps_what_they_typed(
    desk: House, editor: SignedIn, site: str
) -> None:
    feed_id = take(editor, f"{site}/plain.xml")
    other = desk.sign_in(Role.EDITOR, "karo@news.example.org")
    mine = theirs = {"zone": "UTC", "seen": seen(editor, feed_id)}
    assert other.post(f"{PAGE}/{feed_id}", {**theirs, "name": "Karo's name"}).status_code == 303
    answer = editor.post(f"{PAGE}/{feed_id}", {**mine, "name": "My name", "section": "Town"})
    assert answer.status_code == 409
    assert "karo@news.example.org changed this after you had opened it." in words(answer.text)
    assert "Karo’s name" in words(answer.text).replace("'", "’")
    assert 'value="My name"' in answer.text
    assert feed(desk, feed_id).name == "Karo's name"
    again = {"zone": "UTC", "name": "My name", "section": "Town", "seen": seen_in(answer.text)}
    assert editor.post(f"{PAGE}/{feed_id}", again).status_code == 303  # now knowing what they overwrite
    assert feed(desk, feed_id).name == "My name"


def test_a_form_of_a_source_that_does_not_say_what_was_seen_overwrites_nothing(
    desk: House, editor: SignedIn, site: str
) -> None:
    feed_id = take(editor, f"{site}/plain.xml")
    before = feed(desk, feed_id).name
    assert editor.post(f"{PAGE}/{feed_id}", {"zone": "UTC", "name": "Unseen"}).status_code == 409
    assert feed(desk, feed_id).name == before


def test_collecting_is_paused_and_taken_up_again(desk: House, editor: SignedIn, site: str) -> None:
    feed_id = take(editor, f"{site}/plain.xml")
    editor.post(f"{PAGE}/{feed_id}/pause")
    page = editor.get(f"{PAGE}/{feed_id}").text
    assert f'action="{PAGE}/{feed_id}/resume"' in page.split('class="toast"')[1].split("</form>")[0]
    assert not feed(desk, feed_id).enabled
    editor.post(f"{PAGE}/{feed_id}/collect")
    assert "Collecting this feed is paused. Resume it first." in words(editor.get(f"{PAGE}/{feed_id}").text)
    editor.post(f"{PAGE}/{feed_id}/resume")
    assert feed(desk, feed_id).enabled


def test_collect_now_asks_the_engine_but_not_twice_within_half_a_minute(
    desk: House, editor: SignedIn, site: str
) -> None:
    feed_id = take(editor, f"{site}/plain.xml")
    with desk.database.write() as session:
        feeds.succeeded(session.get_one(Feed, feed_id), now=desk.now, pause=timedelta(minutes=15))
    desk.engine.submitted.clear()
    editor.post(f"{PAGE}/{feed_id}/collect")
    assert desk.engine.submitted == []
    assert "not asked twice within half a minute" in words(editor.get(f"{PAGE}/{feed_id}").text)
    desk.now += timedelta(minutes=1)
    editor.post(f"{PAGE}/{feed_id}/collect")
    assert [task for task, _, _ in desk.engine.submitted] == ["collect"]
    assert feed(desk, feed_id).next_fetch_at == desk.now


async def test_a_source_is_removed_only_if_nothing_hangs_on_it(desk: House, site: str) -> None:
    editor = desk.sign_in()
    with desk.database.write() as session:
        for path in ("/plain.xml", "/other.xml"):
            feeds.add_feed(session, site + path, now=desk.now)
        newsletters.draw_from(session, edition_id(desk), [2])
    await collected(desk, 1, site)
    editor.post(f"{PAGE}/1/remove")
    assert "Articles were collected from this feed" in words(editor.get(f"{PAGE}/1").text)
    editor.post(f"{PAGE}/2/remove")
    assert "1 edition draws from this feed. Take it out there first, or pause it." in words(
        editor.get(f"{PAGE}/2").text
    )
    editor.post(f"{PAGE}/2", {"zone": "UTC", "seen": seen(editor, 2)})
    assert editor.post(f"{PAGE}/2/remove").headers["location"] == PAGE
    assert editor.get(f"{PAGE}/2").status_code == 404


# --- who may ------------------------------------------------------------------------------------------------------------
def test_ops_read_sources_and_change_none(desk: House, editor: SignedIn, site: str) -> None:
    feed_id = take(editor, f"{site}/plain.xml")
    ops = desk.sign_in(Role.OPS, "ops@news.example.org")
    before = desk.dump()
    for path in (PAGE, f"{PAGE}/{feed_id}", f"{PAGE}/{feed_id}/state"):
        page = ops.get(path)
        assert page.status_code == 200
        assert "/pause" not in page.text
    for path in ("new", f"{feed_id}", *(f"{feed_id}/{act}" for act in ("pause", "resume", "collect", "remove"))):
        assert ops.post(f"{PAGE}/{path}", {"url": f"{site}/plain.xml"}).status_code == 403
    assert desk.dump() == before


def test_looking_fetches_nothing_and_changes_nothing(desk: House, editor: SignedIn, site: str) -> None:
    feed_id = take(editor, f"{site}/plain.xml")
    before, asked = desk.dump(), list(_Site.asked)
    for path in (PAGE, f"{PAGE}/{feed_id}", f"{PAGE}/{feed_id}/state"):
        assert editor.get(path).status_code == 200
    for act in ("pause", "collect", "remove"):
        assert editor.get(f"{PAGE}/{feed_id}/{act}").status_code == 405
    assert editor.get(f"{PAGE}/99").status_code == 404
    assert (desk.dump(), _Site.asked) == (before, asked)


def test_what_was_typed_about_a_source_that_somebody_removed_is_kept(desk: House, editor: SignedIn, site: str) -> None:
    feed_id = take(editor, f"{site}/plain.xml")
    assert editor.post(f"{PAGE}/{feed_id}/remove", {}).status_code == 303
    typed = {"url": f"{site}/plain.xml", "name": "My <b>name</b>", "zone": "Paris", "section": "Town", "seen": "x"}
    answer = editor.post(f"{PAGE}/{feed_id}", typed)
    assert answer.status_code == 409
    assert "What you typed is kept" in words(answer.text)
    assert all(f'value="{html.escape(text)}"' in answer.text for text in ("My <b>name</b>", "Paris", "Town"))
    again = editor.post(f"{PAGE}/new", {**typed, "act": "save"})
    assert again.status_code == 303
    with desk.database.read() as session:
        feed = session.scalars(select(Feed)).one()
        assert (feed.name, feed.zone) == ("My <b>name</b>", "Europe/Paris")


def test_a_list_of_sources_is_handed_in_and_saved(desk: House, editor: SignedIn, site: str) -> None:
    told = (
        f'<opml version="2.0"><body><outline text="Town"><outline xmlUrl="{site}/plain.xml"/></outline></body></opml>'
    )
    for said in ("1 new source", "1 was there already"):
        answer = editor.client.post(
            f"{PAGE}/feeds.opml",
            data={"form": editor.form(f"{PAGE}/feeds.opml")},
            files={"file": ("feeds.opml", told, "text/x-opml")},
        )
        assert answer.status_code == 303, words(answer.text)
        assert said in words(editor.get(PAGE).text)
    saved = editor.get(f"{PAGE}/feeds.opml")
    assert saved.headers["content-type"].startswith("text/x-opml")
    assert f'xmlUrl="{site}/plain.xml"' in saved.text
    with desk.database.read() as session:
        assert [feed.section for feed in session.scalars(select(Feed))] == ["Town"]
