"""The console's sources: what an address holds before it is taken, how feeds do, and what an editor does to them.

The site is a real server on this machine; the fetcher may go there because its host and port are let in by name."""

from __future__ import annotations

import html
import re

import pytest
from sqlalchemy import event, select

from articles import feeds
from articles.feeds import Feed, Said
from newsletters import draw, newsletters
from staff.members import AuditEntry, Role
from tests.web.conftest import House, SignedIn
from tests.web.sources.conftest import (
    PAGE,
    _Site,
    collected,
    edition_id,
    feed,
    look,
    take,
    words,
)


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
