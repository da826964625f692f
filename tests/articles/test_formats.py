"""Every feed of the corpus is read as `expected.json` says."""

from __future__ import annotations

import json
import pickle
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from articles import dates
from articles.entry import Entry, ParsedFeed
from articles.formats import parse
from articles.identity import url_key

CORPUS = Path(__file__).parent.parent / "corpus" / "feeds"
EXPECTED: dict[str, Any] = json.loads((CORPUS / "expected.json").read_text(encoding="utf-8"))
WITH_ENTRIES = {name: feed for name, feed in EXPECTED["feeds"].items() if "entries" in feed}
CASES = [(name, number) for name, feed in WITH_ENTRIES.items() for number in range(len(feed["entries"]))]


def read(name: str) -> ParsedFeed:
    parsed = parse((CORPUS / name).read_bytes(), "application/xml", f"https://zagroscourier.example/feeds/{name}")
    assert isinstance(parsed, ParsedFeed)
    return parsed


@pytest.fixture(scope="module")
def corpus() -> dict[str, ParsedFeed]:
    return {name: read(name) for name in WITH_ENTRIES}


def instant(text: str | None, zone: str, now: datetime) -> str | None:
    dated = dates.read(text, zone=zone, now=now)
    return f"{dated.at:%Y-%m-%dT%H:%M:%SZ}" if dated else None


def as_expected(entry: Entry, expected: dict[str, Any], zone: str, now: datetime) -> dict[str, Any]:
    """What we read, in the words of expected.json, as far as it states them."""
    picture = entry.picture
    read = {
        "id": entry.guid,
        "title": entry.title,
        "canonical_url": url_key(entry.url),
        "section": entry.section,
        "authors": [one.name for one in entry.signatures],
        "published_at": instant(entry.published, zone, now),
        "updated_at": instant(entry.updated, zone, now),
        "language": entry.language,
        "image": picture.url if picture else None,
        "image_alt": picture.alt if picture else None,
        "tags": list(entry.tags),
        "summary": entry.summary,
        "paywalled": entry.paywalled,
    }
    return {key: value for key, value in read.items() if key in expected}


@pytest.mark.parametrize(("name", "number"), CASES, ids=[f"{name[:2]}-{number}" for name, number in CASES])
def test_an_entry_is_read_as_expected(corpus: dict[str, ParsedFeed], name: str, number: int, now: datetime) -> None:
    feed = WITH_ENTRIES[name]
    expected = dict(feed["entries"][number])
    if expected["id"] is None:  # no guid: the address stands in for it
        expected["id"] = expected["canonical_url"]
    if feed["language"] is None:  # no language in the feed: its row in the database has one
        del expected["language"]
    known = {key: expected[key] for key in expected if key not in ("note", "direction", "translation_of")}
    assert as_expected(corpus[name].entries[number], known, feed.get("default_timezone", "UTC"), now) == known


@pytest.mark.parametrize("name", WITH_ENTRIES)
def test_a_feed_says_what_it_is_called_and_loses_no_entry(corpus: dict[str, ParsedFeed], name: str) -> None:
    feed = corpus[name]
    assert feed.title == WITH_ENTRIES[name]["title"]
    assert (len(feed.entries), feed.unusable) == (len(WITH_ENTRIES[name]["entries"]), 0)
    assert pickle.loads(pickle.dumps(feed)) == feed  # noqa: S301 - it travels between our own processes


def test_what_was_escaped_once_too_often_is_read_as_it_was_meant() -> None:
    feed = b"""<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>T</title><item>
    <title><![CDATA[Q&amp;A: the dam]]></title><link>https://zagroscourier.example/dam</link>
    <category><![CDATA[Arts &amp; Culture]]></category><category><![CDATA[R&amp;B]]></category>
    <dc:creator><![CDATA[Rojan O&#8217;Neill]]></dc:creator></item></channel></rss>"""
    parsed = parse(feed, "application/rss+xml", "https://zagroscourier.example/feed")
    assert isinstance(parsed, ParsedFeed)
    (entry,) = parsed.entries
    assert (entry.title, entry.section, entry.tags) == ("Q&A: the dam", "Arts & Culture", ("R&B",))
    assert [one.name for one in entry.signatures] == ["Rojan O’Neill"]
