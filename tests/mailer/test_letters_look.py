"""How the letters are built: rules every template keeps, in every language.

Named after the catalogue there: D document, L layout, C styles, I images, A accessibility, R right to left, K dark, P plain.
"""

from __future__ import annotations

import functools
import io
import itertools
import logging
import re
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from lxml import etree

from mailer import render
from mailer.letter import Rendered
from tests.mailer.letters_at_hand import FOLDERS, LANGUAGES, NOTICES, ROOT, digest, page, sender

DIGESTS = ("daily", "weekly", "follow")
LETTERS = list(itertools.product((*DIGESTS, "breaking", *NOTICES), LANGUAGES))
every_letter = pytest.mark.parametrize(("template", "language"), LETTERS)
every_language = pytest.mark.parametrize("language", LANGUAGES)


@functools.cache
def letter(template: str, language: str) -> Rendered:
    return render.render(page(template, language), FOLDERS)


@functools.cache
def tree(template: str, language: str) -> Any:  # noqa: ANN401 - lxml's stubs know no more
    return etree.fromstring(letter(template, language).html, etree.HTMLParser())


def styles(node: Any) -> dict[str, str]:  # noqa: ANN401 - lxml's stubs know no more
    pairs = (pair.partition(":") for pair in (node.get("style") or "").split(";") if ":" in pair)
    return {name.strip(): value.strip() for name, _, value in pairs}


@every_letter
def test_document_says_its_language_and_direction_twice(template: str, language: str) -> None:
    """D01-D04, R01: some clients drop <html> and <body>, so the wrapper repeats both."""
    html = letter(template, language).html
    assert html.startswith("<!DOCTYPE html>")
    assert html.index('<meta charset="utf-8">') < 1024
    direction = "ltr" if language == "en" else "rtl"
    wrapper = tree(template, language).xpath("//div[@role='article']")[0]
    for node in (tree(template, language), wrapper):
        assert (node.get("lang"), node.get("dir")) == (language, direction)
    assert wrapper.get("aria-label") == letter(template, language).subject


@every_letter
def test_document_holds_nothing_a_client_would_strip(template: str, language: str) -> None:
    """D05, D08: no scripts, forms, frames, remote styles; no comments but Word's."""
    assert not tree(template, language).xpath(
        "//script|//iframe|//form|//input|//link|//base|//svg|//object|//embed|//video|//@*[starts-with(name(),'on')]"
    )
    comments = [str(node) for node in tree(template, language).xpath("//comment()")]
    assert len(comments) >= 3
    assert all("[if mso]" in text for text in comments)


@every_letter
def test_layout_tables_are_presentation_only(template: str, language: str) -> None:
    """L01, L04-L06: roles and zeroed borders; padding only on cells and buttons, which Word honours."""
    tables = tree(template, language).xpath("//table")
    assert tables
    for table in tables:
        found = [table.get(name) for name in ("role", "border", "cellpadding", "cellspacing")]
        assert found == ["presentation", "0", "0", "0"]
        assert len(table.xpath("ancestor::table")) < 6
    assert not tree(template, language).xpath("//@colspan|//@rowspan|//th")
    for node in tree(template, language).xpath("//p|//h1|//h2|//h3|//div|//table"):
        assert "padding" not in ";".join(name for name in styles(node) if styles(node)[name] not in {"0", "0px"})


@every_letter
def test_styles_are_safe_in_every_client(template: str, language: str) -> None:
    """C01, C02, R03, S02: six-digit colours, physical sides, nothing modern; style blocks stay small."""
    html = letter(template, language).html
    blocks = "".join(re.findall(r"<style>(.*?)</style>", html, flags=re.DOTALL))
    assert len(blocks) < 8_000
    inline = ";".join(node.get("style") for node in tree(template, language).xpath("//*[@style]"))
    assert not re.search(r"#[0-9a-f]{3}(?![0-9a-f])", inline + blocks)
    assert not re.search(
        r"flex|grid|float|position:|var\(|calc\(|inline-start|inline-end|text-align:\s*(start|end)", inline
    )
    for rule in re.findall(r"@media[^{]+\{(.*?\})\s*\}", blocks, flags=re.DOTALL):
        for declaration in re.findall(r"[\w-]+:[^;{}]+;", rule):
            assert declaration.endswith(" !important;"), declaration


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_the_style_sheet_parses_without_a_complaint(direction: str) -> None:
    """cssutils drops a rule it does not understand; silently, as premailer runs it."""
    import cssutils

    html = (FOLDERS.templates / "_style.css").read_text(encoding="utf-8")
    source = re.sub(r"{%.*?%}|{#.*?#}", "", html)
    source = re.sub(r"{{ sans }}|{{ serif }}", "serif", source)
    source = re.sub(r"{{ start }}", "left", re.sub(r"{{ brand }}", "#0b4f6c", source))
    source = re.sub(r"{{ (\S+) if rtl else (\S+) }}", r"\1" if direction == "rtl" else r"\2", source)
    source = re.sub(r"{{ .*? }}", "", source)
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    cssutils.log.addHandler(handler)
    level = cssutils.log.getEffectiveLevel()
    cssutils.log.setLevel(logging.ERROR)
    try:
        sheet = cssutils.parseString(source, validate=False)
    finally:
        cssutils.log.removeHandler(handler)
        cssutils.log.setLevel(level)
    assert heard.getvalue() == ""
    assert len(list(sheet)) == source.count("{")


@every_letter
def test_every_coloured_text_has_a_dark_twin(template: str, language: str) -> None:
    """K01, K02: whatever is ink on paper is paper on ink at night, in both ways that clients have of asking."""
    html = letter(template, language).html
    night = re.search(r"prefers-color-scheme: dark\) \{(.*?)\n\}", html, flags=re.DOTALL)
    assert night is not None
    for name in set(re.findall(r"\.(d-[a-z]+)", night[1])):
        assert re.search(rf"\[data-ogs[cb]\] \.{name} ", html), name
    body = tree(template, language).xpath("//body")[0]
    for node in body.iter():
        if not isinstance(node.tag, str) or node.get("aria-hidden") == "true":
            continue
        if {"color", "background-color"} & set(styles(node)) and "display" not in node.get("style", "")[:9]:
            assert re.search(r"\bd-(ink|quiet|accent|on|paper|button|frame|rule|band)\b", node.get("class") or ""), (
                etree.tostring(node)[:200]
            )


@every_letter
def test_headings_go_down_step_by_step(template: str, language: str) -> None:
    """A01."""
    levels = [int(node.tag[1]) for node in tree(template, language).xpath("//h1|//h2|//h3|//h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


@every_letter
def test_every_link_has_a_text_and_every_picture_an_alt(template: str, language: str) -> None:
    """A02, I01, I02, T03."""
    for link in tree(template, language).xpath("//a"):
        assert "".join(link.itertext()).strip() or link.xpath("img/@alt")
        assert re.match(r"https://|mailto:[^@?]+@[^@?]+\Z|zz[0-9a-f]{16}-\w+-zz\Z", link.get("href"))
        if link.xpath("img"):
            assert (link.get("aria-hidden"), link.get("tabindex")) == ("true", "-1")  # the headline is the same link
    for image in tree(template, language).xpath("//img"):
        assert image.get("alt") or "portrait" in image.get("class")  # beside the name of whose it is
        assert 0 < int(image.get("width")) <= 600
        assert styles(image)["height"] == "auto"


@every_letter
def test_text_is_large_enough_to_read(template: str, language: str) -> None:
    """C07, L07: 14 px at least, in the inlined layer alone."""
    for node in tree(template, language).xpath("//p|//h1|//h2|//h3|//a[contains(@class,'press')]"):
        size = styles(node).get("font-size")
        assert size is not None
        assert int(size.removesuffix("px")) >= 14


@pytest.mark.parametrize("language", ["ar", "ckb"])
@pytest.mark.parametrize("template", [*DIGESTS, *NOTICES])
def test_arabic_script_is_set_as_it_wants_to_be(template: str, language: str) -> None:
    """R07: no letter-spacing, no slant, no capitals; lines begin at the right."""
    html = letter(template, language).html
    assert not re.search(r"letter-spacing|italic|uppercase|justify", html)
    for node in tree(template, language).xpath(
        "//p[not(contains(@class,'top') or contains(@class,'edition') or contains(@class,'masthead'))]"
    ):
        assert styles(node).get("text-align") == "right"


def test_an_article_in_another_language_says_so() -> None:
    """A06, R04: it reads in its own direction and keeps the letter's side."""
    mixed = digest("ckb")
    mixed["items"][1] |= {"language": "en", "title": "Tram line approved", "summary": "An English summary."}
    html = render.render(page(language="ckb", context=mixed), FOLDERS).html
    done: Any = etree.fromstring(html, etree.HTMLParser())
    cells = done.xpath("//td[@lang='en']")
    for cell in cells:
        assert (cell.get("dir"), cell.get("align")) == ("ltr", "right")
    assert len(cells) == 3  # in the contents, beside the picture and below it


@pytest.mark.parametrize("template", DIGESTS)
def test_a_digest_places_every_article_and_repeats_none(template: str) -> None:
    done = letter(template, "en")
    titles = [item["title"] for item in digest()["items"]]
    headed = ["".join(node.itertext()).strip() for node in tree(template, "en").xpath("//h2/a|//h3/a")]
    assert sorted(headed) == sorted(titles)
    assert headed[0] == titles[0]
    in_text = [line.lstrip("\u200f") for line in done.text.splitlines() if line.lstrip("\u200f") in titles]
    assert in_text == headed  # P01: the plain part says the same in the same order


@pytest.mark.parametrize("template", DIGESTS)
@pytest.mark.parametrize("count", [1, 2, 6, 30])
def test_a_digest_of_any_length_holds(template: str, count: int) -> None:
    done = render.render(page(template, context=digest(count=count)), FOLDERS)
    assert done.html.count('<h3 class="') == (count if template == "follow" else count - 1)  # it has no lead
    assert len(done.html.encode()) < 80_000  # S01: Gmail cuts near 102 KB


@pytest.mark.parametrize("template", DIGESTS)
def test_an_article_of_nothing_but_a_title_holds(template: str) -> None:
    bare: dict[str, Any] = {
        "summary": None, "section": None, "reading_minutes": None, "image": None,
        "title": "Only a title", "url": "https://x.example/a", "authors": [], "language": "en", "paywalled": False,
        "published_at": "2026-03-09T03:05:00Z",
    }  # fmt: skip
    done = render.render(page(template, context=digest(items=[bare] * 7)), FOLDERS)
    assert "None" not in done.html + done.text


@every_language
@pytest.mark.parametrize("template", DIGESTS)
def test_the_summary_of_the_issue_stands_in_the_first_fifty_words(template: str, language: str) -> None:
    """4.1: inbox summaries read no further."""
    words = " ".join(tree(template, language).xpath("//div[@role='article']")[0].itertext()).split()[:60]
    assert digest(language)["items"][0 if template == "follow" else 1]["title"] in " ".join(words)


@every_language
@pytest.mark.parametrize("template", [*DIGESTS, "welcome", "already"])
def test_the_way_out_is_on_the_page_and_in_the_text(template: str, language: str) -> None:
    """T01, T02, P03."""
    done = letter(template, language)
    mark = "-unsubscribe_url-zz"
    assert done.html.count(mark) == (2 if template in DIGESTS else 1)
    assert mark in done.text
    for part in (done.html, done.text):
        assert sender(language).postal_address in part


@every_letter
def test_plain_part_holds_every_link_of_the_page(template: str, language: str) -> None:
    """P01, but for the links that only serve the page itself."""
    done = letter(template, language)
    links = {
        link.removeprefix("mailto:")
        for link in tree(template, language).xpath("//a/@href")
        if "/n/briefing" not in link or template == "goodbye"
    }
    if template == "goodbye":
        links -= {sender(language).archive_url}
    assert {link for link in links if link not in done.text} == set()


@every_language
def test_the_preheader_is_hidden_and_filled(language: str) -> None:
    hidden = tree("daily", language).xpath("//body/div[1]")[0]
    assert styles(hidden)["display"] == "none"
    said = "".join(hidden.itertext())
    assert said.lstrip("\u200f").startswith(letter("daily", language).preheader)
    assert said.startswith("\u200f") == (language != "en")
    assert len(said) >= 200
    assert "\u200c" not in letter("daily", language).text


@functools.cache
def wanted() -> list[str | tuple[str, ...]]:
    catalogue = Catalog()
    with (ROOT / "babel.cfg").open(encoding="utf-8") as source:
        methods, options = parse_mapping_cfg(source)  # type: ignore[no-untyped-call]
    kept = [(pattern, method) for pattern, method in methods if pattern.startswith("templates")]
    for name, line, text, comments, context in extract_from_dir(ROOT, kept, options, directory_filter=_only_letters):
        catalogue.add(text, locations=[(name, line)], auto_comments=comments, context=context)
    return [message.id if isinstance(message.id, str) else tuple(message.id) for message in catalogue if message.id]


def _only_letters(directory: str) -> bool:
    return directory.rpartition("/")[2] in {"templates", "email", *DIGESTS, *NOTICES}


@pytest.mark.parametrize("language", ["ar", "ckb"])
def test_every_text_of_the_letters_is_translated(language: str) -> None:
    path = FOLDERS.locales / language / "LC_MESSAGES" / "broadsheet.po"
    with path.open("rb") as source:
        catalogue = read_po(source, locale=language)
    assert len(wanted()) > 35
    for key in wanted():
        found = catalogue.get(key if isinstance(key, str) else key[0])
        assert found is not None, key
        assert not found.fuzzy
        said = [found.string] if isinstance(found.string, str) else list(found.string or ())
        assert len(said) == (catalogue.num_plurals if isinstance(key, tuple) else 1)
        assert all(said), key
        names = set(re.findall(r"%\(\w+\)s", key if isinstance(key, str) else key[-1]))
        for text in said:
            assert set(re.findall(r"%\(\w+\)s", text)) <= names
        assert set(re.findall(r"%\(\w+\)s", said[-1])) == names


def test_sorani_texts_use_kurdish_letters() -> None:
    """R08: ک ی ە, never the Arabic look-alikes that no search finds."""
    text = (FOLDERS.locales / "ckb" / "LC_MESSAGES" / "broadsheet.po").read_text(encoding="utf-8")
    assert not re.findall("[\u0643\u064a\u0649\u0629]|\u0647\u200c", text)


def _luminance(colour: str) -> float:
    """WCAG 2.2's relative luminance of #rrggbb."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(ink: str, ground: str) -> float:
    light, dark = sorted((_luminance(ink), _luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_ink_can_be_read_on_its_ground_by_day_and_by_night() -> None:
    """A04: 4.5 to 1 for everything, whatever its size."""
    html = letter("confirm", "en").html
    day = {"#14212b", "#5a6872", "#7a1f3d"}
    assert day <= set(re.findall(r"[^-]color:(#[0-9a-f]{6})", html))
    night = re.search(r"prefers-color-scheme: dark\) \{(.*?)\n\}", html, flags=re.DOTALL)
    assert night is not None
    inks = set(re.findall(r"d-(?:ink|quiet|accent) \{ color: (#[0-9a-f]{6})", night[1]))
    assert len(inks) == 3
    pairs = [(ink, "#fbfaf7") for ink in day] + [("#5a6872", "#ece8df"), ("#ffffff", "#7a1f3d"), ("#12181d", "#7cc4e3")]
    pairs += [(ink, ground) for ink in inks for ground in ("#12181d", "#1a2229")]
    assert {pair: round(_contrast(*pair), 2) for pair in pairs if _contrast(*pair) < 4.5} == {}
