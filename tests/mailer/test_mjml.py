"""A newsroom's letter in MJML: what is filled and cut in it stays to the byte, and what it shows stays data."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mailer import render, tryout
from mailer.letter import BrokenLetter
from mailer.render import Folders
from tests.mailer.letters_at_hand import FOLDERS, LANGUAGES, ROOT, page


def example() -> str:
    text = (ROOT / "docs" / "templates.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"```mjml\n(.*?)```", text, re.DOTALL)
    return str(found)


@pytest.fixture
def own(tmp_path: Path) -> Folders:
    (tmp_path / "daily").mkdir()
    (tmp_path / "daily" / "body.mjml").write_text(example(), encoding="utf-8")
    return Folders(templates=FOLDERS.templates, locales=FOLDERS.locales, own=tmp_path)


def test_the_documents_example_is_a_letter_that_the_lint_lets_pass_in_every_language(own: Folders) -> None:
    assert [each.problem for each in tryout.try_out(own, LANGUAGES)] == [None] * 3


def test_fields_and_marks_stay_to_the_byte_and_nothing_is_fetched(own: Folders) -> None:
    made = render.render(replace(page("daily"), with_blocks=True), own)
    marker = made.marker
    assert made.html.count(f"zz{marker}-unsubscribe_url-zz") == 1
    count = made.html.count(f"<!--zz{marker}/block/")
    assert count == made.text.count(f"zz{marker}/block/") > 1
    assert made.html.count(f"<!--zz{marker}/run//zz-->") == made.html.count(f"<!--zz{marker}/end//zz-->") == 1
    assert "googleapis" not in made.html
    assert "@media" in made.html


def test_what_an_article_brings_stays_text(own: Folders) -> None:
    asked = page("daily")
    hostile = {**asked.context["items"][0], "title": "</mj-text><script>x</script>", "summary": "<mj-raw>&amp;\"'"}
    made = render.render(
        replace(asked, context={**asked.context, "items": [hostile, *asked.context["items"][1:]]}), own
    )
    assert "<script>" not in made.html
    assert "&lt;/mj-text&gt;&lt;script&gt;x&lt;/script&gt;" in made.html
    assert "&lt;mj-raw&gt;&amp;amp;" in made.html


@pytest.mark.parametrize(
    "text",
    [
        "<mjml><mj-body><mj-section></mj-body>",
        "no markup",
        '<mjml><mj-body><mj-include path="/etc/passwd"/></mj-body></mjml>',
    ],
)
def test_what_is_no_mjml_is_told_with_its_file(own: Folders, text: str) -> None:
    assert own.own is not None
    (own.own / "daily" / "body.mjml").write_text(text, encoding="utf-8")
    with pytest.raises(BrokenLetter, match=r"daily/body\.mjml.*cannot be read as MJML"):
        render.render(page("daily"), own)


def test_without_the_package_it_says_what_to_install(own: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mrml", None)
    with pytest.raises(BrokenLetter, match=r"broadsheet\[mjml\]"):
        render.render(page("daily"), own)


def test_a_page_in_html_stands_before_one_in_mjml(own: Folders) -> None:
    assert own.own is not None
    html = '{% extends "_frame.html" %}{% block preheader %}{% endblock %}{% block content %}<tr><td>Plain</td></tr>{% endblock %}'
    (own.own / "daily" / "body.html").write_text(html, encoding="utf-8")
    assert "Plain" in render.render(page("daily"), own).html
