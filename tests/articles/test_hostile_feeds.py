"""Documents that are no feeds, broken feeds, and feeds made to hurt: each gives a value, quickly."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from articles.entry import NotAFeed, ParsedFeed
from articles.formats import parse
from tests.bounded import processor_time

URL = "https://courier.example/feed"
BOMB = b"""<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa">%s]><rss version="2.0"><channel><item>
<title>&h;</title><link>https://courier.example/a</link></item></channel></rss>""" % b"".join(
    b'<!ENTITY %c "%s">' % (ord("b") + step, b"&%c;" % (ord("a") + step) * 10) for step in range(7)
)


def rss(item: str) -> bytes:
    return f'<rss version="2.0"><channel><title>T</title><item>{item}</item></channel></rss>'.encode()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "nothing at all"),
        (b"Not found", "neither XML nor JSON"),
        (b"\x89PNG\r\n\x1a\n", "neither XML nor JSON"),
        (b"<!DOCTYPE html><html><body>Hi</body></html>", "a web page"),
        (b"<!-- hello --><html></html>", "a web page"),
        (
            b'<html><link rel="alternate" type="application/rss+xml" href="/rss.xml"></html>',
            "use https://courier.example/rss.xml",
        ),
        (b"<?xml version='1.0'?><sitemap/>", "not a feed"),
        (b"{}", "not a JSON Feed"),
        (b'{"version": 1', "broken"),
        (b'{"a":' * 100_000, "broken"),
        (b"<rss>" + b"<a>" * 50_000, "nested"),
    ],
)
def test_a_document_that_is_no_feed_is_named_with_the_remedy(body: bytes, says: str) -> None:
    parsed = parse(body, "text/html", URL)
    assert isinstance(parsed, NotAFeed)
    assert says in parsed.detail


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        BOMB,
        b'<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        + rss("<title>&x;</title><link>https://courier.example/a</link>"),
        rss("<title>A</title><link>https://courier.example/a</link>" * 3000),
        rss("<title>A</title>" + "<description>" + "&lt;div&gt;" * 50_000 + "</description>"),
        rss("<title>cut off"),
    ],
    ids=["entity bomb", "external entity", "repeats", "deep markup", "cut off"],
)
def test_a_feed_made_to_hurt_is_read_quickly_and_leaks_nothing(body: bytes) -> None:
    with processor_time(4):
        parsed = parse(body, None, URL)
    assert "root:" not in repr(parsed)
    assert len(repr(parsed)) < 100_000


def test_a_path_or_an_address_is_never_opened() -> None:
    for body in (b"/etc/passwd", b"file:///etc/passwd", b"http://127.0.0.1/"):
        assert isinstance(parse(body, None, URL), NotAFeed)


def test_an_entry_without_a_link_or_words_is_counted_and_left_out() -> None:
    parsed = parse(rss("<title>No link</title>"), None, URL)
    assert isinstance(parsed, ParsedFeed)
    assert (parsed.entries, parsed.unusable) == ((), 1)
    script = parse(rss("<title>x</title><link>javascript:alert(1)</link>"), None, URL)
    assert isinstance(script, ParsedFeed)
    assert script.unusable == 1


def test_an_old_charset_is_read_by_the_header_or_the_declaration() -> None:
    item = "<title>جسر</title><link>https://courier.example/a</link>"
    text = f'<rss version="2.0"><channel><item>{item}</item></channel></rss>'
    declared = parse(b'<?xml version="1.0" encoding="windows-1256"?>' + text.encode("windows-1256"), None, URL)
    by_header = parse(text.encode("windows-1256"), "application/xml; charset=windows-1256", URL)
    wide = parse(text.encode("utf-16"), None, URL)
    wide_declared = parse(("<?xml version='1.0' encoding='utf-16'?>" + text).encode("utf-16"), None, URL)
    for parsed in (declared, by_header, wide, wide_declared):
        assert isinstance(parsed, ParsedFeed)
        assert parsed.entries[0].title == "جسر"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
    )
)
@settings(max_examples=50)
def test_a_json_feed_with_the_wrong_types_is_read_as_far_as_it_goes(odd: object) -> None:
    item = dict.fromkeys(
        ["id", "title", "summary", "content_html", "authors", "tags", "image", "attachments", "_x"], odd
    )
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": odd,
        "items": [item | {"url": URL, "content_text": "Words."}, odd],
    }
    parsed = parse(json.dumps(feed).encode(), None, URL)
    assert isinstance(parsed, ParsedFeed)


@given(st.binary(max_size=300).map(lambda noise: b"<rss version='2.0'><channel><item><title>" + noise))
@settings(max_examples=50)
def test_noise_never_raises(body: bytes) -> None:
    parse(body, "application/xml", URL)
