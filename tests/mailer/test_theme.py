"""A newsroom's look in its letters: colours that can be read, faces that readers have, words and digits of its own."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer import colour, render, typefaces
from mailer.letter import Rendered
from mailer.sender import Theme
from tests.mailer.letters_at_hand import FOLDERS, LANGUAGES, page, sender

_EVIL = "<script>alert(1)</script>\u202e"


def letter(theme: Theme, language: str = "en", template: str = "daily") -> Rendered:
    return render.render(page(template, language, sender=sender(language, theme=theme)), FOLDERS)


@given(st.integers(0, 0xFFFFFF).map("#{:06x}".format))
def test_the_nearest_shade_can_always_be_read(shade: str) -> None:
    assert colour.is_readable(colour.darker(shade, colour.PAPER), colour.PAPER)
    assert colour.is_readable(colour.lighter(shade, colour.DARK_PAPER), colour.DARK_PAPER)


def test_a_shade_keeps_its_hue() -> None:
    assert colour.darker("#ff0000", colour.PAPER) == "#e90000"
    assert colour.darker("#7a1f1f", colour.PAPER) == "#7a1f1f"


def test_a_colour_that_cannot_be_read_is_told_with_its_ratio_and_what_would_do() -> None:
    said = colour.unreadable_by_day("#ffcc00")
    assert said is not None
    assert "contrast of 1.4:1 on light paper and needs 4.5:1" in said
    offered = re.findall(r"#[0-9a-f]{6}", said)[-1]
    assert colour.unreadable_by_day(offered) is None
    assert "on dark paper" in (colour.unreadable_by_night("#7a1f1f") or "")
    assert colour.unreadable_by_day("red") is not None


def test_a_letter_goes_dark_in_the_colour_that_was_chosen_for_it() -> None:
    assert ".d-accent { color: #ffb3a7 !important; }" in letter(Theme(brand="#7a1f1f", brand_dark="#ffb3a7")).html
    derived = re.findall(r"\.d-button \{ background-color: (#[0-9a-f]{6})", letter(Theme(brand="#7a1f1f")).html)
    assert derived
    assert colour.is_readable(derived[0], colour.DARK_PAPER)


@pytest.mark.parametrize("language", LANGUAGES)
def test_headlines_are_set_in_the_chosen_face_of_their_script(language: str) -> None:
    html = letter(Theme(latin="palatino", arabic="naskh"), language).html
    is_latin = language == "en"
    assert ("font-family:'Palatino Linotype'" in html) == is_latin
    assert ("font-family:'Noto Naskh Arabic'" in html) != is_latin


@pytest.mark.parametrize("name", [*typefaces.LATIN, *typefaces.ARABIC])
def test_every_face_ends_in_one_that_every_reader_has(name: str) -> None:
    stack = {**typefaces.LATIN, **typefaces.ARABIC}[name]
    assert stack.rsplit(",", 1)[1] in {"serif", "sans-serif"}
    assert not set(stack) & set('"<>&{};')


def test_a_newsroom_says_its_own_lines_and_they_are_only_text() -> None:
    theme = Theme(masthead=f"Since 1924 {_EVIL}", footer=f"Licence 12 {_EVIL}", why=f"You asked in our shop {_EVIL}")
    made = letter(theme)
    for words in ("Since 1924", "Licence 12", "You asked in our shop"):
        assert words in made.html
        assert words in made.text
    assert "<script>" not in made.html
    assert "because you signed up for it" not in made.html + made.text


@pytest.mark.parametrize(("digits", "found"), [("western", "12"), ("arabic-indic", "١٢"), (None, "١٢")])
@pytest.mark.parametrize("language", ["ar", "ckb"])
def test_digits_are_the_newsrooms_choice(digits: str | None, found: str, language: str) -> None:
    made = letter(Theme(digits=digits), language)  # type: ignore[arg-type]  # the two words it may be
    folio = re.findall(r"<td class=\"folio[^>]*>([^<]*)</td>", made.html)
    assert len(folio) == 2
    assert found in folio[1]
    other = "0-9" if found == "١٢" else "٠-٩"
    assert not re.search(f"[{other}]", "".join(folio))


def test_a_logo_for_dark_paper_takes_the_others_place_there() -> None:
    theme = Theme(logo_url="https://news.example/light.png", logo_dark_url="https://news.example/dark.png")
    html = letter(theme).html
    shown, hidden = re.findall(r'<img src="https://news\.example/[^>]*>', html)
    assert "d-gone" in shown
    assert 'alt="The Zagros Courier"' in shown
    assert 'alt=""' in hidden  # one name is said, whichever is seen
    place = html.rindex("<span", 0, html.index("dark.png"))
    assert "display:none" in html[place : html.index("dark.png")]
    assert ".d-gone { display: none !important; }" in html
    assert "[data-ogsb] .d-shown { display: block !important" in html


def test_a_single_logo_stands_on_a_plate_that_is_light_in_the_dark() -> None:
    html = letter(Theme(logo_url="https://news.example/light.png")).html
    assert "d-gone" not in html
    assert re.search(r'class="logo plate" style="[^"]*padding:6px 10px', html)
