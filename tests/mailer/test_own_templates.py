"""A newsroom's own templates: they take the place of ours, are judged as ours are, and cannot do more than show data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mailer import render, tryout
from mailer.letter import BrokenLetter
from mailer.render import Folders
from tests.mailer.letters_at_hand import FOLDERS, LANGUAGES, ROOT, page

_HEAD = '{% extends "_frame.html" %}{% block preheader %}{% endblock %}{% block content %}'
_FOOT = "{% endblock %}"


@pytest.fixture
def own(tmp_path: Path) -> Folders:
    (tmp_path / "daily").mkdir()
    return Folders(templates=FOLDERS.templates, locales=FOLDERS.locales, own=tmp_path)


def put(own: Folders, text: str, name: str = "daily/body.html") -> None:
    assert own.own is not None
    (own.own / name).write_text(text, encoding="utf-8")


def example() -> str:
    text = (ROOT / "docs" / "templates.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"```jinja\n(.*?)```", text, re.DOTALL)
    return str(found)


def test_the_documents_example_is_a_letter_that_the_lint_lets_pass(own: Folders) -> None:
    put(own, example())
    tried = list(tryout.try_out(own, LANGUAGES))
    assert [each.language for each in tried] == list(LANGUAGES)
    assert [each.problem for each in tried] == [None] * 3
    made = render.render(page("daily"), own)
    assert "In this issue" not in made.html
    assert "View online" in made.html
    assert "Summary 2 of what happened." in made.text  # the plain part is ours


def test_every_letter_of_ours_passes_the_same_tryout(own: Folders) -> None:
    put(own, (FOLDERS.templates / "_parts.html").read_text(encoding="utf-8"), "_parts.html")
    tried = list(tryout.try_out(own, ("en", "ckb")))
    assert {each.template for each in tried} >= {"daily", "breaking", "confirm", "alert", "desk", "way_in"}
    assert [each for each in tried if each.problem] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<p>\n{% if %}", "daily/body.html, line 2"),
        (f"{_HEAD}\n{{{{ nobody }}}}{_FOOT}", "daily/body.html, line 2"),
        (f"{_HEAD}{{{{ ''.__class__.__mro__ }}}}{_FOOT}", "may only show data"),
        (f"{_HEAD}{{{{ sender.__init__.__globals__ }}}}{_FOOT}", "may only show data"),
        (f"{_HEAD}{{{{ items.append(1) }}}}{_FOOT}", "may only show data"),
        (f"{_HEAD}{{{{ 9 ** 9 ** 9 }}}}{_FOOT}", "no powers"),
        (f"{_HEAD}{{{{ 'x' * 1000000000 }}}}{_FOOT}", "repetition is longer"),
        (f"{_HEAD}{{{{ [1] * 1000000000 }}}}{_FOOT}", "repetition is longer"),
        (f"{_HEAD}{{% for a in range(900) %}}{{% for b in range(900) %}}{{% endfor %}}{{% endfor %}}{_FOOT}", "turns"),
        (f"{_HEAD}{{% for a in range(900) %}}{{{{ 'x' * 9000 }}}}{{% endfor %}}{_FOOT}", "more than 4,000,000"),
        ('{% extends "../../../etc/passwd" %}', "missing"),
        ('{% include "/etc/passwd" %}', "missing"),
        ("<p>no preheader</p>", "no block `preheader`"),
    ],
)
def test_a_broken_template_is_told_by_its_place_and_never_does_more_than_show_data(
    own: Folders, text: str, said: str
) -> None:
    put(own, text)
    with pytest.raises(BrokenLetter) as told:
        render.render(page("daily"), own)
    assert said in str(told.value)
    assert {each.problem for each in tryout.try_out(own, ("en",))} != {None}


def test_a_template_that_forgets_what_the_law_asks_for_is_not_let_pass(own: Folders) -> None:
    put(
        own,
        '<html><body>{% block preheader %}{% endblock %}<script>x</script>{{ field("unsubscribe_url") }}</body></html>',
    )
    (tried,) = tryout.try_out(own, ("en",))
    assert tried.problem is not None
    assert "The lint objects" in tried.problem


def test_stories_stay_text_in_any_template(own: Folders) -> None:
    put(own, f"{_HEAD}<tr><td>{{{{ items[0].title }}}}</td></tr>{_FOOT}")
    evil = page("daily")
    evil.context["items"][0]["title"] = "<script>alert(1)</script>"
    assert "<script>" not in render.render(evil, own).html


def test_nothing_of_ones_own_is_nothing_to_try(own: Folders) -> None:
    assert tryout.letters(FOLDERS) == []
    assert tryout.letters(own) == ["daily"]
