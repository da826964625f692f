"""Rendering and inlining: what premailer must keep, and what a broken template says."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mailer import render
from mailer.field import token
from mailer.letter import BrokenLetter
from mailer.render import Folders
from mailer.sender import Theme
from tests.mailer.letters_at_hand import FOLDERS, LANGUAGES, MARKER, NOTICES, ROOT, digest, item, page, sender

FRAME = (
    "<!DOCTYPE html>\n<html><head><title>t</title><style>{flat}</style>"
    '<style data-premailer="ignore">{kept}</style></head><body>{body}</body></html>'
)


def folders(tmp_path: Path, **files: str) -> Folders:
    """A folder of one letter, `odd`, with these files."""
    letter = tmp_path / "odd"
    letter.mkdir()
    for name, content in {
        "subject_txt": "s",
        "body_html": "{% block preheader %}{% endblock %}",
        "body_txt": "t",
    }.items():
        (letter / name.replace("_", ".")).write_text(files.get(name, content), encoding="utf-8")
    return Folders(templates=tmp_path, locales=FOLDERS.locales)


def test_inlining_keeps_doctype_media_queries_dark_mode_and_important() -> None:
    kept = "@media (prefers-color-scheme: dark) { .a { color: #7cc4e3 !important; } } [data-ogsc] .a { color: #7cc4e3 !important; }"
    done = render.inline(
        FRAME.format(flat=".a { color: #aabbcc; text-align: left }", kept=kept, body='<p class="a">x</p>')
    )
    assert done.startswith("<!DOCTYPE html>\n<html>")
    assert f"<style>{kept}</style>" in done
    assert '<p class="a" style="color:#aabbcc; text-align:left">x</p>' in done


def test_a_media_query_keeps_its_important_even_among_the_flat_rules() -> None:
    flat = ".a { margin: 0 } @media (max-width: 480px) { .a { margin: 8px !important } }"
    done = render.inline(FRAME.format(flat=flat, kept="", body='<p class="a">x</p>'))
    assert re.search(r"@media \(max-width: 480px\)\s*{\s*\.a\s*{\s*margin: 8px !important", done)
    assert 'style="margin:0"' in done


def test_inlining_invents_no_attributes_and_never_shortens_a_colour() -> None:
    flat = ".i { width: 100%; max-width: 552px; height: auto; color: #ffffff } "
    flat += ".t { text-align: center; font-family: 'Segoe UI', serif }"
    done = render.inline(FRAME.format(flat=flat, kept="", body='<img class="i" src="x" width="552"><p class="t">x</p>'))
    assert 'width="552"' in done
    assert "height=" not in done
    assert "align=" not in done
    assert "color:#ffffff" in done
    assert "style=\"text-align:center; font-family:'Segoe UI', serif\"" in done


def test_inlining_fetches_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "secret.css"
    secret.write_text(".a { color: #123456 }")
    linked = f'<link rel="stylesheet" href="file://{secret}"><link rel="stylesheet" href="http://127.0.0.1:9/x.css">'
    done = render.inline(
        FRAME.format(
            flat="@import url('http://127.0.0.1:9/y.css'); .a { margin: 0 }",
            kept="",
            body=f'{linked}<p class="a">x</p>',
        )
    )
    assert "#123456" not in done


@pytest.mark.slow
def test_premailer_is_loaded_only_when_something_is_inlined() -> None:
    script = (
        "import sys, mailer.compiler, mailer.message\n"
        "assert not {'premailer', 'cssutils', 'requests'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)


def test_a_rendering_can_be_asked_of_a_child_process() -> None:
    asked = page()
    assert pickle.loads(pickle.dumps((asked, FOLDERS))) == (asked, FOLDERS)  # noqa: S301 - our own bytes


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", ["daily", *NOTICES])
def test_every_letter_renders_with_subject_preheader_and_both_texts(template: str, language: str) -> None:
    done = render.render(page(template, language), FOLDERS)
    assert done.subject
    assert 15 <= len(done.preheader) <= 110
    assert "\n" not in done.subject + done.preheader
    assert f"<title>{done.subject}</title>" in done.html
    assert not re.search(r"{{|{%|\bNone\b|Undefined", done.html + done.text)


def test_fields_stand_as_tokens_in_page_and_text() -> None:
    done = render.render(page("confirm"), FOLDERS)
    mark = token(MARKER, "confirm_url")
    assert f'href="{mark}"' in done.html
    assert mark in done.text


def test_the_public_page_holds_no_field_and_no_hidden_text() -> None:
    done = render.render(page(marker=""), FOLDERS)
    assert done.marker == ""
    assert "zz" not in re.sub(r"https?://\S+", "", done.html + done.text)
    assert "display:none" not in done.html
    assert "https://news.zagroscourier.example/n/briefing/en" in done.html


def test_a_field_on_the_public_page_is_a_broken_letter() -> None:
    with pytest.raises(BrokenLetter, match="for_web"):
        render.render(page("confirm", marker=""), FOLDERS)


def test_what_a_feed_brings_is_text_and_never_markup() -> None:
    evil = item(
        1, title='<script>alert("x")</script> {{ 7 * 7 }}', url="javascript:alert(1)", summary="<img src=x onerror=y>"
    )
    done = render.render(page(context=digest(items=[evil])), FOLDERS)
    assert "<script" not in done.html
    assert "<img src=x" not in done.html
    assert "javascript:" not in done.html + done.text
    assert "{{ 7 * 7 }}" in done.html


def test_a_feed_cannot_ask_for_a_readers_link() -> None:
    asked = page(
        context=digest(items=[item(1, title="zz-unsubscribe_url-zz", url="https://x.example/zz-unsubscribe_url-zz")])
    )
    done = render.render(asked, FOLDERS)
    assert token(MARKER, "unsubscribe_url") not in re.findall(r"https://x\.example/\S+?(?=\")", done.html)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"body_html": "{% block preheader %}{% endblock %}\n{% if %}"}, r"odd/body\.html, line 2 .*Mend"),
        (
            {"body_html": "{% block preheader %}{% endblock %}\n\n{{ nothing_like_it }}"},
            r"odd/body\.html, line 3.*nothing_like_it",
        ),
        ({"body_txt": "{{ ''.__class__.__mro__ }}"}, r"odd/body\.txt, line 1.*unsafe"),
        ({"body_html": "{% extends 'gone.html' %}"}, r"gone\.html.*missing"),
        ({"body_html": "no such block"}, r"odd.*preheader"),
        ({"body_html": "{% block preheader %}{% endblock %}{{ 1 / 0 }}"}, r"odd/body\.html, line 1.*division"),
    ],
)
def test_a_broken_template_is_named_with_its_line(tmp_path: Path, files: dict[str, str], said: str) -> None:
    with pytest.raises(BrokenLetter) as caught:
        render.render(page("odd", context={}), folders(tmp_path, **files))
    assert re.search(said, str(caught.value)), str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - it comes back from a child


def test_a_brand_that_is_no_colour_is_refused() -> None:
    branded = sender(theme=Theme(brand="red; background: url(x)"))
    with pytest.raises(ValueError, match="brand colour"):
        render.render(page(sender=branded), FOLDERS)


def test_the_brand_colours_the_letter() -> None:
    done = render.render(page(), FOLDERS)
    assert "color:#7a1f3d" in done.html
    assert "#0b4f6c" not in done.html


def test_the_plain_part_is_wrapped_and_its_links_stand_alone() -> None:
    done = render.render(page(), FOLDERS)
    for line in done.text.splitlines():
        assert len(line) <= 78
        assert "http" not in line or re.fullmatch(r"https?://\S+", line)
    assert "\n\n\n" not in done.text


def test_right_to_left_paragraphs_say_so_in_the_plain_part() -> None:
    text = render.render(page(language="ckb"), FOLDERS).text
    paragraphs = [lines.split("\n")[0] for lines in text.split("\n\n")]
    assert all(line.startswith("\u200f") for line in paragraphs if re.match("[\u0600-\u06ff]", line.lstrip("\u200f")))
