"""Blocks in forms: the week's columns, where one opens what another closes, and letters of what a reader follows."""

from __future__ import annotations

import html
import re
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer import blocks, marks, render, sizes
from mailer.blocks import Group, Run
from mailer.compiler import LetterJob, compiled_bytes
from mailer.letter import Compiled, Kind
from mailer.marks import BadMark
from tests.mailer.letters_at_hand import FOLDERS, LANGUAGES, MARKER, digest, item, page, sender
from tests.mailer.test_blocks import body, build, own, without_links

SECTIONS = (None, "Roads", "Water", "Sport", "Roads", "Water", "Roads", "Water", "Roads", "Art")
COUNT = len(SECTIONS)


def issue(language: str = "en") -> dict[str, Any]:
    pictured = item(1, language)["image"]
    items = [item(number, language, section=section, image=None) for number, section in enumerate(SECTIONS, 1)]
    items[6]["image"] = pictured  # the third story of the roads comes first of them
    return digest(language, items=items)


@cache
def personal(language: str = "en", template: str = "weekly") -> Compiled:
    job = LetterJob(
        template=template, language=language, kind=Kind.ISSUE, sender=sender(language), context=issue(language),
        with_blocks=True,
    )  # fmt: skip
    return Compiled.from_bytes(compiled_bytes(job, job.digest(), FOLDERS))


def alone(context: dict[str, Any], language: str, template: str = "weekly") -> tuple[str, str]:
    """Page and text of a letter that is rendered for these articles alone."""
    done = render.render(page(template, language, context=context), FOLDERS)
    texts = []
    for text, escape in ((done.html, html.escape), (done.text, str)):
        for name, url in done.urls.items():
            text = text.replace(f"zz{MARKER}-{name}-zz", escape(url))
        texts.append(without_links(text))
    return texts[0], texts[1]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "chosen", [range(1, COUNT + 1), [1, 2, 5], [1, 3, 6, 8, 4], [1, 4, 10], [1, 2, 5, 7, 9, 3, 8, 10]]
)
def test_a_readers_own_week_is_what_would_be_rendered_for_this_reader_alone(language: str, chosen: list[int]) -> None:
    built = build(personal(language), ",".join(map(str, chosen)))
    context = own(issue(language), chosen)
    page_text, text = alone(context, language)
    assert without_links(body(built, "html")) == page_text
    assert without_links(body(built, "plain")) == text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("chosen", [range(1, COUNT + 1), [1], [4], [3, 8, 10]])
def test_what_a_reader_follows_is_nobody_elses_and_begins_with_their_own_first(
    language: str, chosen: list[int]
) -> None:
    built = build(personal(language, "follow"), ",".join(map(str, chosen)))
    page_text, text = alone(own(issue(language), chosen), language, "follow")
    assert without_links(body(built, "html")) == page_text
    assert without_links(body(built, "plain")) == text
    assert ("(1)" in text) == (1 in chosen)


def test_a_section_begins_with_a_story_that_has_a_picture() -> None:
    text = body(build(personal()), "plain")
    assert text.index("(7)") < text.index("(2)") < text.index("(5)")


def test_a_section_of_one_story_goes_to_the_briefs_and_one_that_a_reader_has_one_story_of_spans_both_columns() -> None:
    whole = body(build(personal()), "html")
    assert ">Sport</h2>" not in whole
    assert whole.index(">In brief</h2>") < whole.index("(4)</a></h3>")
    of_one = body(build(personal(), "1,2"), "html")
    assert ">Roads</h2>" in of_one
    assert "max-width:264px" not in of_one


@settings(deadline=None, max_examples=60)
@given(chosen=st.sets(st.integers(1, COUNT), min_size=1))
def test_what_is_opened_is_closed_whatever_is_chosen(chosen: set[int]) -> None:
    page_text = body(build(personal(), ",".join(map(str, chosen))), "html")
    for tag in ("div", "table", "tr", "td"):
        assert len(re.findall(rf"<{tag}\b", page_text)) == len(re.findall(rf"</{tag}>", page_text)), tag
    depth = 0
    for mark in re.findall(r"<!\[endif\]-->|<!--\[if mso\]>", page_text):
        depth += 1 if mark.startswith("<!--[") else -1
        assert depth in {0, 1}
    in_word = "".join(re.findall(r"<!--\[if mso\]>(.*?)<!\[endif\]-->", page_text))
    for tag in ("table", "tr", "td"):
        assert len(re.findall(rf"<{tag}\b", in_word)) == len(re.findall(rf"</{tag}>", in_word)), tag
    assert "-bare-" not in page_text
    shown = re.findall(r"\((\d+)\)</a></h[23]>", page_text)
    assert sorted(map(int, shown)) == sorted(chosen | {1})


@settings(deadline=None, max_examples=60)
@given(chosen=st.sets(st.integers(1, COUNT), min_size=1))
def test_joining_in_the_quick_way_and_in_the_general_one_is_the_same(chosen: set[int]) -> None:
    compiled = personal()
    own_blocks = ",".join(map(str, chosen))
    assert compiled._joiner is not None
    filled = [b"-" for _ in compiled._different]
    quick = compiled._joiner.join(own_blocks, filled, compiled.chosen)
    if quick is None:
        assert len(chosen | {1}) < 2
    else:
        assert b"".join(quick) == b"".join(compiled._joined(own_blocks, filled))


@settings(deadline=None, max_examples=60)
@given(chosen=st.sets(st.integers(1, COUNT), min_size=1))
def test_no_week_of_so_many_stories_is_larger_than_is_told(chosen: set[int]) -> None:
    found = chosen | {1}
    size = len(body(build(personal(), ",".join(map(str, chosen))), "html").encode())
    assert size <= personal().size(most=len(found)) <= personal().size()


def test_the_forms_of_blocks_in_order() -> None:
    assert blocks.forms([]) == []
    assert blocks.forms([0]) == [0]
    assert blocks.forms([2, 2]) == [8, 5]
    assert blocks.forms([2, 2, 3, 3]) == [8, 5, 10, 5]
    assert blocks.forms([0, 1, 1, 1, 1, 4]) == [0, 3, 4, 6, 7, 2]


def test_a_bound_on_the_size_is_reached_by_some_choice() -> None:
    """It says no more than the largest copy has, where every block weighs the same."""
    lead_ins = {"first": "fff", "second": "ss", "then": "t", "last": "llll"}
    one, two = Group({1: "a", 2: "a", 3: "a"}, lead_ins, {1: "hh", 2: "hh", 3: "hh"}), Group({4: "a", 5: "a"}, lead_ins)
    document = (Run((one, two)),)
    assert sizes.of(document, len, [1, 2, 3, 4, 5]) == sizes.largest(document, len)
    assert sizes.largest(document, len, most=1) >= sizes.of(document, len, [1])


def test_two_of_a_group_stand_as_the_layout_says_of_pairs() -> None:
    """The first as if it were alone, and nothing is closed that was not opened."""
    lead_ins = {"first": "f", "second": "s", "then": "t", "last": "l"}
    heads, alone = dict.fromkeys((1, 2, 3), "h"), dict.fromkeys((1, 2, 3), "AAAA")
    told = (Run((Group(dict.fromkeys((1, 2, 3), "b"), {**lead_ins, "pair": "PPPPP"}, heads, alone),)),)
    untold = (Run((Group(dict.fromkeys((1, 2, 3), "b"), lead_ins, heads, alone),)),)
    assert blocks.join(told, [1, 2]) == ["f", "AAAA", "PPPPP", "b"]
    assert blocks.join(untold, [1, 2]) == ["f", "h", "s", "b", "l"]
    assert blocks.join(told, [1, 2, 3]) == blocks.join(untold, [1, 2, 3]) == ["f", "h", "s", "b", "t", "b", "l"]
    assert sizes.largest(told, len, most=2) == sizes.of(told, len, [1, 2])


def test_a_head_needs_its_block() -> None:
    words = (("run", ""), ("group", ""), ("head", 3), ("end", ""))
    marked = "".join(marks.mark(MARKER, word, at, is_html=True) + "x" * (word == "head") for word, at in words)
    with pytest.raises(BadMark, match=r'article 3 .* no cut\("block"'):
        marks.cut(marked, MARKER)
