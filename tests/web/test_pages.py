"""Pages in three languages, and the design's promises that a machine can check."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from babel.messages.extract import extract_from_dir

from ground.language import Languages
from ground.tokens import Purpose
from mailer.colour import contrast
from mailer.sender import Theme
from newsletters.issues import IssueState
from tests.conftest import ROOT
from tests.web.conftest import EDITIONS, House, add_issue
from web import brand
from web.pages import STATIC, Pages

_RTL = ("ar", "ckb")


def _pages(house: House, language: str) -> Iterator[str]:
    """Every reader's page of one edition."""
    get, post = house.client.get, house.client.post
    home = f"/n/courier/{language}"
    add_issue(house.database, list(EDITIONS).index(language) + 1, 1, IssueState.FINISHED, house.now)
    yield get(home).text
    yield get(f"{home}/embed").text
    yield get(f"/archive/courier/{language}").text
    yield post(home, data={"email": "nobody"}).text
    yield post(home, data={"email": "a@example.org"}).text
    yield house.sign_up("a@example.org", language)
    confirm = house.link(Purpose.CONFIRM)
    yield get(confirm).text
    yield post(confirm).text
    yield get(confirm).text
    leave = house.link(Purpose.UNSUBSCRIBE)
    yield get(leave).text
    left = post(leave).text
    yield left
    back = left.split('action="')[1].split('"')[0]
    yield get(back).text
    yield post(back).text


@pytest.mark.parametrize("language", _RTL)
def test_every_page_of_an_edition_is_in_its_language_and_direction(house: House, language: str) -> None:
    for page in _pages(house, language):
        assert f'<html lang="{language}" dir="rtl">' in page
        words = re.sub(r"<pre.*?</pre>|<title>.*?</title>|<[^>]+>|&[^;]+;", " ", page, flags=re.DOTALL)
        latin = set(re.findall(r"[A-Za-z]{4,}", words))
        # Names, addresses and the other editions' own names are not ours to translate.
        allowed = "Zagros Courier English example Citadel Road Erbil Iraq Issue What issue says briefing news nobody name JSON Feed"
        assert latin <= set(allowed.split()), page


@pytest.mark.parametrize("language", _RTL)
def test_errors_speak_the_visitors_language(house: House, language: str) -> None:
    page = house.client.get("/nothing", headers={"Accept-Language": f"{language},en;q=0.5"})
    assert page.status_code == 404
    assert f'<html lang="{language}" dir="rtl">' in page.text
    assert page.headers["vary"] == "Accept-Language"


@pytest.mark.parametrize("language", _RTL)
def test_every_text_of_the_pages_is_translated(languages: Languages, language: str) -> None:
    theirs = ("templates/web/console/**", "templates/web/ops/**", "web/console/**", "web/ops/**")  # never a reader's
    methods = [(path, "ignore") for path in theirs]
    methods += [("templates/web/**.html", "jinja2.ext:babel_extract"), ("web/**.py", "python")]
    texts = languages.texts(language)
    found = {
        message
        for *_, message, _, _ in extract_from_dir(
            ROOT,
            method_map=methods,
            options_map={"templates/web/**.html": {"trimmed": "true"}},
            directory_filter=lambda path: not re.search(r"/(\..*|tests|node_modules|console|ops)$", path),
        )
    }
    assert len(found) > 60
    for message in found:
        if not isinstance(message, str):  # a plural: every form is there, and is not English
            assert not {texts.ngettext(message[0], message[1], count) for count in (1, 2, 5, 11, 100)} & set(message)
            continue
        translated = texts.gettext(message)
        assert translated != message, message
        places = re.compile(r"%\(\w+\)s|\{\w+\}|<[^>]+>")
        assert sorted(places.findall(translated)) == sorted(places.findall(message)), message


def test_sorani_is_written_with_its_own_letters() -> None:
    catalogue = (ROOT / "locales/ckb/LC_MESSAGES/broadsheet.po").read_text(encoding="utf-8")
    assert not set("كيىة") & set(catalogue)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("ckb", "ckb"),
        ("ckb-IQ, ar;q=0.8", "ckb"),
        ("fr, ar;q=0.7, en;q=0.9", "en"),
        ("de, fr", "en"),
        ("ar;q=0, en", "en"),
        ("ar;q=much, ckb;q=0.1", "ckb"),
        ("AR", "ar"),
        ("\x00;;;,,=q", "en"),
    ],
)
def test_the_language_is_chosen_by_what_the_browser_asks_for(
    languages: Languages, header: str | None, language: str
) -> None:
    assert Pages(ROOT / "templates", languages, "https://x.example").negotiate(header) == language


def test_static_files_may_be_kept_for_a_year_and_change_their_address_with_their_content(house: House) -> None:
    page = house.client.get("/").text
    address = re.findall(r'href="(/static/broadsheet\.css\?v=\w{10})"', page)[0]
    answer = house.client.get(address)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert house.client.get("/static/broadsheet.css").headers["cache-control"] == "no-cache"
    assert house.client.get("/static/../pages.py").status_code == 404
    assert house.client.get("/static/%2e%2e/pages.py").status_code == 404


def test_pages_and_styles_name_no_other_site() -> None:
    for path in [*STATIC.rglob("*"), *(ROOT / "templates/web").rglob("*")]:
        if path.is_file() and path.parent.name != "vendor":
            text = path.read_text(encoding="utf-8").replace("http://www.w3.org/", "")
            assert not re.search(r"(?:https?:)?//[a-z]", text), path


@pytest.mark.parametrize("colour", ["#7a1f1f", "#000000", "#0b4f6c", "#005F00", "#4b0082"])
def test_a_brand_colour_becomes_the_accent_and_is_lightened_for_dark_paper(colour: str) -> None:
    light, dark = re.findall(r"--accent: (#[0-9a-f]{6})", brand.stylesheet(Theme(brand=colour)))
    assert light == colour.lower()
    assert contrast(light, "#fbfaf7") >= 4.5
    assert contrast(light, "#ffffff") >= 4.5
    assert contrast(dark, "#1a2229") >= 4.5
    assert contrast(dark, "#12181d") >= 4.5
    assert contrast(dark, "#0d1a21") >= 4.5


@pytest.mark.parametrize("colour", ["#ffcc00", "#ffffff", "red", "", "#12345", "#7a1f1f;} body{display:none}"])
def test_a_colour_that_cannot_be_read_or_is_none_changes_nothing(colour: str) -> None:
    assert brand.stylesheet(Theme(brand=colour)) == ""


def test_contrast_is_what_the_standard_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_a_page_wears_its_newsrooms_colour(house: House) -> None:
    page = house.client.get("/n/courier/en").text
    sheets = re.findall(r'rel="stylesheet" href="([^"]+)"', page)
    assert sheets[1] == "/n/courier/en/brand.css"
    answer = house.client.get(sheets[1])
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "--accent: #7a1f1f" in answer.text
