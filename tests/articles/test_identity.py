"""Addresses and hashes that decide whether two articles are one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articles.identity import clean_link, content_hash, normalise, url_key

STORY = "https://courier.example/sport/derby"


@pytest.mark.parametrize(
    "url",
    [
        "http://courier.example/sport/derby",
        "https://Courier.EXAMPLE:443/sport/derby/",
        "http://courier.example:80/sport/derby#top",
        "https://courier.example/sport/derby?utm_source=rss&UTM_medium=x&fbclid=1",
        "https://courier.example/sport/derby?ref=wire",
        "https://courier.example/sport/derby/amp/",
        "https://courier.example/sport/d%65rby",
        "https://user:secret@courier.example/sport/derby",
    ],
)
def test_every_address_of_one_story_has_one_key(url: str) -> None:
    assert url_key(url) == STORY


@pytest.mark.parametrize(
    "url",
    [
        "https://courier.example/sport/derby?page=2",
        "https://courier.example/Sport/derby",
        "https://courier.example/sport/derby%2F2",
        "https://courier.example:8443/sport/derby",
        "https://www.courier.example/sport/derby",
    ],
)
def test_another_address_has_another_key(url: str) -> None:
    assert url_key(url) != STORY


def test_the_order_of_a_query_does_not_matter() -> None:
    assert url_key("http://courier.example/?b=2&a=1") == url_key("https://courier.example?a=1&b=2")


def test_a_readers_link_loses_its_tracking_and_nothing_else() -> None:
    link = "http://courier.example/sport/derby/?utm_source=rss&ref=wire&b=2&a=1#top"
    assert clean_link(link) == "http://courier.example/sport/derby/?ref=wire&b=2&a=1"


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "/relative",
        "mailto:a@courier.example",
        "https://",
        "http://[::1",
        "x:",
        "https://courier.example/" + "x" * 2000,
    ],
)
def test_what_is_no_web_address_is_no_link(url: str) -> None:
    assert clean_link(url) is None


def test_a_link_carries_no_credentials_controls_or_spaces() -> None:
    assert (
        clean_link("https://me:secret@courier.example/a b\u202e\r\nX: 1")
        == "https://courier.example/a%20b%E2%80%AEX:%201"
    )


def test_a_long_key_is_cut_without_meeting_another() -> None:
    first, second = (url_key("https://courier.example/" + "x" * 600 + end) for end in "ab")
    assert len(first) == len(second) == 500
    assert first != second


_ADDRESSES = st.builds(
    "{}://{}{}/{}{}{}".format,
    st.sampled_from(["http", "https", "HTTP"]),
    st.sampled_from(
        ["courier.example", "Courier.example.", "xn--bcher-kva.example", "bücher.example", "[2606:4700::1]"]
    ),
    st.sampled_from(["", ":80", ":443", ":8080"]),
    st.text(alphabet="aA/%2f5ê ?&=#.é\u202e+;amp\"'<>", max_size=30),
    st.text(alphabet="?&=utm_%41ref-+ ", max_size=20),
    st.sampled_from(["", "#x", "?a=1&a=2", "/amp", "/amp/"]),
)


@given(_ADDRESSES)
def test_normalising_twice_changes_nothing(url: str) -> None:
    once = normalise(url)
    assert normalise(once) == once


@given(_ADDRESSES)
def test_cleaning_a_link_twice_changes_nothing_and_keeps_its_key(url: str) -> None:
    link = clean_link(url)
    assert link is not None
    assert clean_link(link) == link
    assert normalise(link) == normalise(url)
    assert link.isascii() or "bücher" in link


@given(st.text())
def test_any_text_may_be_asked_for(text: str) -> None:
    clean_link(text)
    assert len(url_key(text)) <= 500


def test_the_hash_is_of_what_a_reader_sees() -> None:
    seen = content_hash("Title", "Summary", None)
    assert seen == content_hash("Title", "Summary", None)
    assert (
        len(
            {
                seen,
                content_hash("Title", "Summary", "https://x.example/a.png"),
                content_hash("TitleSummary", None, None),
            }
        )
        == 3
    )
