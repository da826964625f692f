"""Texts, digits, lists, dates and directions in the three languages."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from ground.bidi import held
from ground.language import Languages, direction

DAY = date(2026, 3, 9)


@pytest.mark.parametrize(
    ("tag", "way"),
    [
        ("en", "ltr"),
        ("ar", "rtl"),
        ("ckb", "rtl"),
        ("ku-Latn", "ltr"),
        ("ku-Arab", "rtl"),
        ("fa", "rtl"),
        ("tlh", "ltr"),
    ],
)
def test_direction_follows_the_script(tag: str, way: str) -> None:
    assert direction(tag) == way


@pytest.mark.parametrize(
    ("tag", "said"),
    [("en", "Monday, 9 March 2026"), ("ar", "الاثنين، ٩ آذار ٢٠٢٦"), ("ckb", "دووشەممە، ٩ی ئازاری ٢٠٢٦")],
)
def test_a_date_is_written_as_the_newsroom_prints_it(languages: Languages, tag: str, said: str) -> None:
    assert languages.texts(tag).date(DAY) == said


@pytest.mark.parametrize(("tag", "said"), [("en", "07:00"), ("ckb", "٠٧:٠٠")])
def test_an_hour_is_told_in_the_zone_and_digits(languages: Languages, tag: str, said: str) -> None:
    assert languages.texts(tag).time(datetime(2026, 3, 9, 4, 0, tzinfo=UTC), "Asia/Baghdad") == said


@pytest.mark.parametrize(("tag", "said"), [("en", "120"), ("ar", "١٢٠"), ("ckb", "١٢٠"), ("fr", "120")])
def test_a_number_has_the_languages_digits(languages: Languages, tag: str, said: str) -> None:
    assert languages.texts(tag).number(120) == said


@pytest.mark.parametrize(
    ("tag", "names", "said"),
    [
        ("en", ["A"], "A"),
        ("en", ["A", "B", "C"], "A, B and C"),
        ("ar", ["ا", "ب"], "ا وب"),
        ("ckb", ["ا"], "ا"),
        ("ckb", ["ا", "ب"], "ا و ب"),
        ("ckb", ["ا", "ب", "پ"], "ا، ب و پ"),
        ("ckb", [], ""),
    ],
)
def test_names_stand_in_a_row_as_a_sentence_has_them(
    languages: Languages, tag: str, names: list[str], said: str
) -> None:
    assert languages.texts(tag).listing(names) == said


def test_a_name_of_the_other_direction_is_isolated(languages: Languages) -> None:
    assert languages.texts("en").apart("هانار") == "\u2068هانار\u2069"
    assert languages.texts("en").apart("Hanar 3") == "Hanar 3"
    assert languages.texts("ckb").apart("Bus Rubar") == "\u2068Bus Rubar\u2069"
    assert languages.texts("ckb").apart("هانار ٣") == "هانار ٣"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("\u2066gulan", "gulan"),
        ("gulan\u2069", "gulan"),
        ("\u2069\u2067a\u2066b\u2069", "a\u2066b\u2069"),
    ],
)
def test_a_stranger_s_isolate_does_not_take_the_mark_that_closes_ours(
    languages: Languages, name: str, kept: str
) -> None:
    assert languages.texts("ar").apart(name) == f"\u2068{kept}\u2069"


def test_a_latin_name_in_a_line_from_right_to_left_stays_on_one_line() -> None:
    assert held("تطبيق «Bus Rubar» لمتابعة الحافلات") == "تطبيق «Bus\u00a0Rubar» لمتابعة الحافلات"
    assert held("a long run of English words") == "a long run of English words"


def test_arabic_has_its_six_plurals(languages: Languages) -> None:
    texts = languages.texts("ar")
    said = [texts.ngettext("%(stories)s story", "%(stories)s stories", n) for n in (0, 1, 2, 3, 11, 100)]
    assert len(set(said)) == 6


def test_a_language_without_a_catalogue_speaks_english_in_its_own_direction(languages: Languages) -> None:
    texts = languages.texts("fa")
    assert texts.gettext("Unsubscribe") == "Unsubscribe"
    assert (texts.direction, texts.start, texts.mark) == ("rtl", "right", "\u200f")


def test_the_catalogues_there_are(languages: Languages) -> None:
    assert languages.available == ["ar", "ckb", "en"]


@pytest.mark.parametrize(("language", "dot"), [("en", "·"), ("ar", "–"), ("ckb", "–")])
def test_no_dot_stands_beside_arabic_indic_digits(languages: Languages, language: str, dot: str) -> None:
    """Seen in a picture: "· ١ خولەک" (one minute) is read as ten."""
    assert languages.texts(language).dot == dot
