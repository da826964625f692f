"""Lists of feeds: what other programs write, what we write, and what is no list."""

from __future__ import annotations

from datetime import datetime

import pytest

from articles import feeds, opml
from articles.feeds import Feed, Said
from articles.opml import NotOpml, Outline
from ground.database import Database
from newsletters import bring_feeds

LIST = """<?xml version="1.0" encoding="UTF-8"?>
<opml version="1.0"><head><title>My feeds</title></head><body>
<outline text="Town"><outline type="rss" text="Zeryan &amp; Kanispi" xmlUrl="https://zeryan.example/feed"/>
  <outline text="Sport"><outline title="Derby" xmlUrl="https://zeryan.example/sport"/></outline></outline>
<outline text="A note"/><outline xmlUrl=" https://zeryan.example/feed " text="Twice"/>
<outline xmlUrl="javascript:alert(1)" text="&lt;script&gt;"/></body></opml>"""


def test_folders_become_sections_and_an_address_counts_once() -> None:
    found = opml.read(LIST.encode(), zone="Asia/Baghdad")
    assert isinstance(found, list)
    assert {one.url: (one.said.name, one.said.section, one.said.zone) for one in found} == {
        "https://zeryan.example/feed": ("Zeryan & Kanispi", "Town", "Asia/Baghdad"),
        "https://zeryan.example/sport": ("Derby", "Sport", "Asia/Baghdad"),
        "javascript:alert(1)": ("<script>", None, "Asia/Baghdad"),
    }


MANY = b"".join(b'<outline xmlUrl="https://%d.example/"/>' % n for n in range(2001))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not XML"),
        (b"<opml><body><outline text='x'/></body></opml>", "no OPML"),
        (b"<rss><outline xmlUrl='https://a.example/'/></rss>", "no OPML"),
        (
            b'<!DOCTYPE o [<!ENTITY a "b">]><opml><body><outline xmlUrl="https://&a;.example/"/></body></opml>',
            "entities",
        ),
        (b"<opml>" + b" " * 1_100_000, "larger than 1 MB"),
        (
            b"<opml><body>" + MANY + b"</body></opml>",
            "2001",
        ),
    ],
)
def test_what_is_no_list_is_refused_with_the_reason(body: bytes, says: str) -> None:
    found = opml.read(body)
    assert isinstance(found, NotOpml)
    assert says in str(found)


def test_a_list_that_we_wrote_brings_back_all_that_the_desk_said(database: Database, now: datetime) -> None:
    said = Said(
        name='The "Courier" & <co>',
        language="ckb",
        zone="Asia/Baghdad",
        section="شار",
        reads_pages=False,
        is_ranking=True,
    )
    with database.write() as session:
        feed = feeds.add_feed(session, "https://zeryan.example/feed?a=1&b=2", now=now, said=said)
        plain = feeds.add_feed(session, "https://zeryan.example/plain", now=now)
        assert isinstance(feed, Feed)
        assert isinstance(plain, Feed)
        plain.title = "Plain title"
        written = opml.write([feed, plain], title="Broadsheet")
    assert opml.read(written) == [
        Outline(url="https://zeryan.example/feed?a=1&b=2", said=said),
        Outline(url="https://zeryan.example/plain", said=Said(name=None)),
    ]


def test_a_list_is_taken_as_far_as_it_can_be_and_again_changes_nothing(database: Database, now: datetime) -> None:
    outlines = opml.read(LIST.encode())
    assert isinstance(outlines, list)
    for added, known in ((2, 0), (0, 2)):
        with database.write() as session:
            brought = bring_feeds.bring(session, outlines, [], by="desk", now=now)
            assert (brought.added, brought.known) == (added, known)
            assert [url for url, _ in brought.refused] == ["javascript:alert(1)"]
            assert len(feeds.list_feeds(session)) == 2
