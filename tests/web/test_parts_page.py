"""The page that shows every part: a part that cannot be drawn breaks it, so it is drawn in the tests."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from ground.language import Languages
from tests.conftest import ROOT
from tests.web.conftest import BASE, House
from web.changes import changes
from web.instant import instant
from web.pages import Pages
from web.security import letter_policy

PATH = "/console/_parts"


@pytest.fixture
def workshop(house: House) -> House:
    return House(replace(house.parts, development=True), house.engine, house.compiler, house.now)


def test_every_part_is_on_the_page(workshop: House) -> None:
    page = workshop.sign_in().get(PATH)
    assert page.status_code == 200
    source = (ROOT / "templates/web/console/parts_page.html").read_text(encoding="utf-8")
    names = {
        name
        for path in [ROOT / "templates/web/parts.html", *(ROOT / "templates/web").glob("**/parts/*.html")]
        for name in re.findall(r"\{% macro ([a-z]\w*)\(", path.read_text(encoding="utf-8"))
    }
    assert len(names) > 30
    assert {name for name in names if not re.search(rf"\b{name}\(", source)} == set()


def test_the_page_is_for_development_and_for_staff(house: House, workshop: House) -> None:
    assert house.sign_in().get(PATH).status_code == 404
    assert workshop.client.get(PATH, follow_redirects=False).headers["location"].startswith("/sign-in?next=")


def test_ids_of_the_page_are_unique_and_labels_name_them(workshop: House) -> None:
    page = workshop.sign_in().get(PATH).text
    ids = [name for name in re.findall(r'\sid="([^"]+)"', page) if name != "errors"]  # there are two summaries
    assert len(ids) == len(set(ids))
    for name in re.findall(r'\s(?:for|aria-describedby|data-form|data-opens)="([^"]+)"', page):
        assert set(name.split()) <= set(ids), name


def test_a_preview_may_be_framed_by_us_alone_and_runs_nothing(workshop: House) -> None:
    policy = workshop.sign_in().get(f"{PATH}/letter").headers["content-security-policy"]
    assert policy == letter_policy(("'none'",), framed=True)
    assert "frame-ancestors 'self'" in policy
    assert "sandbox" in policy
    assert "script" not in policy
    assert "top-navigation" not in policy


def test_what_is_hostile_stays_text(languages: Languages) -> None:
    pages = Pages(ROOT / "templates", languages, BASE)
    hostile = '"><script>alert(1)</script>'
    template = pages._environment("en").from_string(
        '{% from "parts.html" import field, area, choice, figure, moment, inbox, diff, errors, hold, keys, button, preview %}'
        '{{ field("f", x, x, hint=x, error=x) }}{{ area("a", x, x) }}{{ choice("c", x, [(x, x)], x) }}{{ figure(x, x, of=x) }}'
        '{{ moment(x, x, x, raw=x) }}{{ inbox(x, x, x, x, "ltr") }}{{ diff(x, x ~ " y") }}{{ errors([(x, x)]) }}'
        "{{ hold(x, x) }}{{ keys([(x, x)]) }}{{ button(x, data_note=x) }}{{ preview(x, x, 360) }}"
    )
    assert "<script" not in template.render(x=hostile)


@pytest.mark.parametrize(
    ("minutes", "told"),
    [
        (42, "07:42 Baghdad · in 42 min"),
        (0.5, "07:00 Baghdad · now"),
        (-3, "06:57 Baghdad · 3 min ago"),
        (300, "12:00 Baghdad · in 5 h"),
        (20 * 60, "tomorrow 03:00 Baghdad · in 20 h"),
        (-8 * 60, "yesterday 23:00 Baghdad · 8 h ago"),
        (3 * 24 * 60, "12 Mar 2026, 07:00 Baghdad · in 3 days"),
    ],
)
def test_a_time_is_told_with_its_place_and_its_distance(house: House, minutes: float, told: str) -> None:
    pages = Pages(ROOT / "templates", house.parts.languages, BASE, lambda: house.now)
    template = pages._environment("en").from_string('{% from "parts.html" import when %}{{ when(at, "Asia/Baghdad") }}')
    shown = template.render(at=house.now + timedelta(minutes=minutes))
    assert re.sub(r"<[^>]+>", "", shown) == told
    assert 'datetime="2026-03-' in shown


def test_without_a_zone_a_time_is_told_in_utc_and_without_a_clock_with_its_day(
    languages: Languages, house: House
) -> None:
    found = instant(languages.texts("en"), house.now, None, None)
    assert (found.place, found.hour, found.day, found.unit) == ("UTC", "04:00", house.now.date(), None)


def test_great_numbers_are_grouped_as_the_language_does(languages: Languages) -> None:
    assert languages.texts("en").count(18204) == "18,204"
    assert languages.texts("ar").count(18204) == "١٨٬٢٠٤"
    assert languages.texts("ckb").count(950) == "٩٥٠"


def test_changes_are_told_word_by_word_and_lose_nothing() -> None:
    before, after = "The bridge will open on Monday.", "The bridge opened on Sunday."
    told = changes(before, after)
    assert ("gone", "will open") in told
    assert ("new", "opened") in told
    assert "".join(text for kind, text in told if kind != "new") == before
    assert "".join(text for kind, text in told if kind != "gone") == after
    assert changes("same", "same") == [("same", "same")]
    assert changes("", "new") == [("new", "new")]


def test_texts_too_long_to_compare_are_told_whole() -> None:
    before, after = "a b " * 3000, "b a " * 3000
    assert changes(before, after) == [("gone", before), ("new", after)]
    assert changes(before, before) == [("same", before)]
