"""Strangers' markup becomes plain text; pictures are chosen."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from articles import cleaning, pictures
from articles.entry import Picture
from tests.bounded import processor_time

HERE = "https://courier.example/news/"


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<p>One.</p><p>Two.</p>", ["One.", "Two."]),
        ('<div dir="rtl" lang="ckb" title="x"><p lang="ar">یەک</p></div>', ["یەک"]),
        ("One<br>Two<br/>Three", ["One", "Two", "Three"]),
        ("<script>alert(1)</script><p onclick=x()>Safe<iframe src=x>no</iframe></p><style>p{}</style>", ["Safe"]),
        ("<p>5 &lt; 6 &amp;amp; 7</p>", ["5 < 6 &amp; 7"]),
        ("<p>The school&#146;s wall</p>", ["The school’s wall"]),
        ("<p>&nbsp;</p><p>a&nbsp;b</p>", ["a b"]),
        ("<p>photo\u202egpj.exe</p>", ["photogpj.exe"]),
        ("<figure><img src=a.png><figcaption>Caption</figcaption></figure>Text", ["Text"]),
        ("<p>unclosed <b>bold", ["unclosed bold"]),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", ["<script>alert(1)</script>"]),
        (None, []),
    ],
)
def test_markup_becomes_paragraphs(markup: str | None, expected: list[str]) -> None:
    assert cleaning.paragraphs(markup) == expected


@given(st.text())
def test_plain_text_has_no_controls_and_is_stable(text: str) -> None:
    line = cleaning.plain(text)
    assert not any(unicodedata.category(character) == "Cc" or "\u202a" <= character <= "\u202e" for character in line)
    assert cleaning.plain(line) == line


def test_an_isolate_without_its_partner_goes() -> None:
    assert cleaning.plain("turned \u2066around") == "turned around"
    assert cleaning.plain("turned\u2069 around") == "turned around"


def test_isolates_and_joiners_that_good_text_needs_stay() -> None:
    assert cleaning.plain("\u2068Widget 2\u2069 می\u200cخواهم") == "\u2068Widget 2\u2069 می\u200cخواهم"


@pytest.mark.slow
@pytest.mark.parametrize(
    "markup",
    [
        "<div>" * 50_000 + "text",
        "<b>" * 20_000 + "text" + "</b>" * 20_000,
        "<" * 400_000,
        "<a " * 100_000,
        "</p" * 100_000,
    ],
)
def test_markup_made_to_be_slow_is_not(markup: str) -> None:
    with processor_time(3):
        cleaning.paragraphs(markup)
        pictures.in_markup(markup + "<img src=a.png>", HERE)


def test_a_summary_ends_with_a_sentence() -> None:
    text = "The bridge is open. " * 30
    summary = cleaning.summarise(text.strip())
    assert summary is not None
    assert len(summary) <= 240
    assert summary.endswith("open.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Short and whole.", "Short and whole."),
        ("First sentence. Then it was cut […]", "First sentence."),
        ("No sentence at all, call [...]", "No sentence at all, call…"),
        ("Mr. Dolan spoke. " + "x" * 300, "Mr. Dolan spoke."),
        ("Done. The post Headline appeared first on Gulan Desk.", "Done."),
        ("Done. Read more", "Done."),
        ("هل فتح الجسر؟ " + "ا" * 300, "هل فتح الجسر؟"),
        ("x" * 300, "x" * 239 + "…"),
        ("", None),
        ("[…]", None),
    ],
)
def test_a_summary_is_cut_and_tidied(text: str, expected: str | None) -> None:
    assert cleaning.summarise(text) == expected


@given(st.text(alphabet='ab .!?…[]"’', max_size=600))
def test_a_summary_is_never_too_long(text: str) -> None:
    assert len(cleaning.summarise(text) or "") <= 240


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ('src="/a.png" width="1200"', "https://courier.example/a.png"),
        ('src="data:image/gif;base64,R0" data-src="../b.png"', "https://courier.example/b.png"),
        ('srcset="s.png 300w, l.png 1200w"', "https://courier.example/news/l.png"),
        ('src="javascript:alert(1)"', None),
        ('src="https://pixel.example/p.gif" width="1" height="1"', None),
        ('src="/icon.png" width="64"', None),
        ('src="/flat.png" height="40"', None),
        ('src="//cdn.example/c.png"', "https://cdn.example/c.png"),
        ('src="http://[::1"', None),
        ("", None),
    ],
)
def test_a_picture_is_found_in_the_text_or_left(attributes: str, expected: str | None) -> None:
    chosen = pictures.choose([], pictures.in_markup(f"<p><img {attributes}></p>", HERE))
    assert (chosen.url if chosen else None) == expected


def test_an_offered_picture_takes_its_description_and_size_from_the_text() -> None:
    text = pictures.in_markup('<img src="/a.png" alt="A bridge" width="900"><img src="/b.png" alt="B">', HERE)
    assert pictures.choose([Picture(url="https://courier.example/a.png?w=300")], text) == Picture(
        url="https://courier.example/a.png?w=300", alt="A bridge", width=900
    )


def test_a_file_name_is_no_alternative_text() -> None:
    assert pictures.alternative("IMG_2041.jpg") is None
    assert pictures.alternative(" A  bridge ") == "A bridge"
