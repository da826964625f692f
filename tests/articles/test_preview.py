"""What an editor is told about an address before it becomes a feed."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from articles import preview
from articles.entry import Entry, NamedFeed, NotAFeed, ParsedFeed, Picture
from articles.formats import parse
from articles.preview import Doubt, Preview

CORPUS = Path(__file__).parent.parent / "corpus" / "feeds"


def entry(number: int, published: str | None, *, picture: bool = True, title: str = "The bridge is open") -> Entry:
    return Entry(
        guid=str(number),
        url=f"https://zeryan.example/{number}",
        title=title,
        summary="After two years.",
        picture=Picture(url="https://zeryan.example/a.jpg") if picture else None,
        published=published,
    )


def judge(entries: list[Entry], now: datetime, *, language: str | None = None, unusable: int = 0) -> Preview:
    parsed = ParsedFeed(title="Zeryan", site_url=None, language=None, entries=tuple(entries), unusable=unusable)
    return preview.judge(parsed, "https://zeryan.example/feed", zone="Asia/Baghdad", language=language, now=now)


def test_a_good_feed_leaves_no_doubt(now: datetime) -> None:
    found = judge([entry(n, (now - timedelta(hours=n)).isoformat()) for n in range(12)], now)
    assert (found.found, len(found.newest), found.doubts) == (12, 10, {})
    assert [each.entry.guid for each in found.newest][:2] == ["0", "1"]


def test_each_doubt_is_counted(now: datetime) -> None:
    entries = [
        entry(1, None, picture=False),
        entry(2, "2026-03-09 06:30", picture=False),
        entry(3, now.isoformat(), picture=False),
    ]
    found = judge(entries, now, unusable=2)
    assert found.doubts == {Doubt.NO_PICTURES: 3, Doubt.NO_DATES: 1, Doubt.ASSUMED_ZONE: 1, Doubt.UNUSABLE: 2}
    assert [each.entry.guid for each in found.newest] == ["3", "2", "1"]  # what has no date comes last
    dated = found.newest[1].dated
    assert dated is not None
    assert dated.at.hour == 3  # half past six in Baghdad


def test_a_few_without_an_image_are_nothing_to_doubt(now: datetime) -> None:
    assert judge([entry(1, now.isoformat()), entry(2, now.isoformat(), picture=False)], now).doubts == {}


def test_a_feed_without_stories_or_without_new_ones_is_pointed_out(now: datetime) -> None:
    assert Doubt.NO_ENTRIES in judge([], now).doubts
    assert Doubt.STALE in judge([entry(1, (now - timedelta(days=31)).isoformat())], now).doubts


@pytest.mark.parametrize(
    ("name", "letters"),
    [("01-rss-media.xml", "latin"), ("05-rss-arabic.xml", "ar"), ("06-rss-sorani.xml", "ckb")],
)
def test_letters_tell_arabic_from_sorani(name: str, letters: str) -> None:
    parsed = parse((CORPUS / name).read_bytes(), None, "https://zagroscourier.example/feed")
    assert isinstance(parsed, ParsedFeed)
    assert preview.letters_of([each.title for each in parsed.entries]) == letters


@pytest.mark.parametrize(
    ("title", "said", "is_other"),
    [
        ("The bridge is open", "en", False),
        ("The bridge is open", "ar", True),
        ("Pira Zêriyan vebû", "ku-Latn", False),
        ("الجسر مفتوح من جديد", "ar", False),
        ("الجسر مفتوح من جديد", "en", True),
        ("الجسر مفتوح من جديد", "ckb", True),
        ("پردی زێریان دوای نۆ مانگ", "ckb", False),
        ("پردی زێریان دوای نۆ مانگ", "ar", True),
        ("الجسر مفتوح من جديد", "fa", False),  # Persian letters are not told apart
        ("2026", "ar", False),  # too few letters to say
    ],
)
def test_titles_in_another_language_than_said(now: datetime, title: str, said: str, is_other: bool) -> None:  # noqa: FBT001
    found = judge([entry(1, now.isoformat(), title=title)], now, language=said)
    assert (Doubt.OTHER_LANGUAGE in found.doubts) == is_other


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (" zeryan.example/feed ", "https://zeryan.example/feed"),
        ("http://zeryan.example", "http://zeryan.example"),
        ("javascript:alert(1)", "https://javascript:alert(1)"),
        ("", ""),
    ],
)
def test_an_address_is_completed_as_people_type_it(typed: str, meant: str) -> None:
    assert preview.completed(typed) == meant


def test_a_page_names_its_feeds_whatever_the_order_and_quotes_of_its_attributes() -> None:
    page = b"""<html><head><link href=/a.xml rel=alternate type=application/rss+xml>
    <LINK TYPE='application/atom+xml' TITLE='Sport &amp; more' HREF='../b.xml?x=1&amp;y=2'>
    <link rel="alternate" type="application/rss+xml" href="/a.xml"><link rel="stylesheet" href="/c.css">
    <link type="application/rss+xml" href="javascript:alert(1)"><link type="application/rss+xml"></head>"""
    found = parse(page, "text/html", "https://zeryan.example/town/today")
    assert isinstance(found, NotAFeed)
    assert found.feeds == (
        NamedFeed(url="https://zeryan.example/a.xml"),
        NamedFeed(url="https://zeryan.example/b.xml?x=1&y=2", title="Sport & more"),
    )


def test_a_page_made_to_take_long_is_read_in_no_time() -> None:
    page = b"<html>" + b"<link " * 40_000 + b"<link type=a href='" * 10_000
    assert isinstance(parse(page, "text/html", "https://zeryan.example/"), NotAFeed)
