"""Links to articles: numbered fields whose addresses the letter holds, filled in once when it is read."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ground.tokens import KeyRing
from mailer import message, preview, render
from mailer.compiler import LetterJob, compiled_bytes
from mailer.letter import Compiled, Kind
from tests.mailer.letters_at_hand import FOLDERS, MARKER, digest, item, page, sender
from tests.mailer.test_blocks import body
from tests.mailer.test_letter import assert_wire
from tests.mailer.test_message import head, mint, recipient


def stored(count: int = 9, **changes: Any) -> bytes:  # noqa: ANN401 - as digest has it
    job = LetterJob(
        template="daily", language="en", kind=Kind.ISSUE, sender=sender(), context=digest(count=count, **changes)
    )
    return compiled_bytes(job, job.digest(), FOLDERS)


def test_every_article_is_one_numbered_link_wherever_it_stands() -> None:
    compiled = Compiled.as_stored(stored())
    assert compiled.urls == {f"link_{number}": item(number)["url"] for number in range(1, 10)}
    named = {name: [hole.context for hole in compiled.holes if hole.name == name] for name in compiled.urls}
    assert named["link_1"] == ["plain_url", "url", "url", "url"]  # text, contents, picture, headline
    assert named["link_9"] == ["plain_url", "url"]


def test_rows_bring_nothing_for_them_and_a_message_costs_no_hole_more() -> None:
    """The guard: what is filled per message does not grow with the articles."""
    short, long = Compiled.from_bytes(stored(3)), Compiled.from_bytes(stored(30))
    assert len(short.holes) == len(long.holes) == 10
    assert len(Compiled.as_stored(stored(30)).holes) > 70
    assert long.urls == {}
    assert long.fields == Compiled.as_stored(stored(30)).fields == {"unsubscribe_url", "preferences_url"}


def test_only_articles_are_counted_links(keys: KeyRing) -> None:
    compiled = Compiled.as_stored(stored()).with_links(lambda name, _: f"https://news.example.org/c/{name}")
    built = message.build(compiled, recipient(), mint(keys))
    counted = re.findall(r'href="(https://news\.example\.org/c/[^"]*)"', body(built, "html"))
    assert {link.rpartition("/")[2] for link in counted} == {f"link_{number}" for number in range(1, 10)}
    assert "zagroscourier.example/story" not in body(built, "html") + body(built, "plain")
    assert "/c/" not in head(built)
    rest = set(re.findall(r'href="([^"]*)"', body(built, "html"))) - set(counted)
    assert any("/u/" in link for link in rest)
    assert "https://zagroscourier.example/privacy" in rest


def test_a_link_may_stay_open_and_is_then_plain_in_each_message(keys: KeyRing) -> None:
    left_open = Compiled.as_stored(stored()).with_links(lambda name, url: None if name == "link_2" else url)
    assert left_open.urls == {"link_2": item(2)["url"]}
    first, second = (
        message.build(each, recipient(), mint(keys)) for each in (left_open, Compiled.from_bytes(stored()))
    )
    assert first == second


def test_the_public_page_and_previews_lead_to_the_articles() -> None:
    web = render.render(page(marker=""), FOLDERS)
    assert web.urls == {}
    assert html.escape(item(5)["url"]) in web.html
    assert item(5)["url"] in web.text
    assert html.escape(item(5)["url"]) in preview.read(Compiled.as_stored(stored())).html


def test_what_is_no_address_of_the_web_is_no_link() -> None:
    compiled = Compiled.as_stored(stored(items=[item(1, url="javascript:alert(1)"), item(2)]))
    assert set(compiled.urls) == {"link_2"}


SEEDS = [
    "ە/ڕ?q=ێ", "e\u0301", "\u202egnp", "a\u200cb", "'(x)'", "%7C|^`{}", "=3D=0A", "a" * 1_000, "." * 200, "\ud800", "\x85",
    'a"b', "a b", "\r\n.", "x" * 9_000,
]  # fmt: skip


@settings(deadline=None, max_examples=4)  # each is a compilation
@given(others=st.lists(st.text(max_size=60), min_size=5, max_size=5))
def test_an_address_from_outside_arrives_as_it_is_or_not_at_all(others: list[str]) -> None:
    urls = [f"https://x.example/{rest}" for rest in [*SEEDS, *others]]
    kept = stored(items=[item(1, url=url, section=None) for url in urls])
    linked = Compiled.as_stored(kept).urls
    built = message.build(Compiled.from_bytes(kept), recipient(), mint(KeyRing({"a": b"a" * 32}, "a")))
    assert_wire(built)
    headlines = re.findall(r'<h[23] class="title[^>]*><a href="([^"]*)"', body(built, "html"))
    text = {unquote(line) for line in body(built, "plain").split("\n")}
    assert len(headlines) == len(urls)
    for number, (url, shown) in enumerate(zip(urls, headlines, strict=True), 1):
        said = unquote(url.encode("utf-8", "replace").decode())
        assert unquote(html.unescape(shown)) == (said if f"link_{number}" in linked else "#")
        assert said in text or shown == "#"
    assert {f"link_{number}" for number in range(1, 12) if number != 11} <= set(linked)
    assert not {f"link_{number}" for number in range(11, 16)} & set(linked)


@pytest.mark.parametrize("name", ["link_1", "link_99"])
def test_an_article_cannot_ask_for_anothers_link(name: str) -> None:
    asked = f"zz{MARKER}-{name}-zz"
    assert asked in body(
        message.build(
            Compiled.from_bytes(stored(items=[item(1, title=asked)])), recipient(), mint(KeyRing({"a": b"a" * 32}, "a"))
        ),
        "html",
    )
