"""Previews: read out of the compiled letter, filled for nobody, light or dark at will."""

from __future__ import annotations

import re

import pytest

from mailer import preview
from mailer.compiler import LetterJob, compiled_bytes
from mailer.letter import Compiled, Kind
from mailer.preview import Copy
from tests.mailer.letters_at_hand import FOLDERS, LANGUAGES, digest, sender


def a_copy(language: str = "en", template: str = "daily", kind: Kind = Kind.ISSUE) -> Copy:
    job = LetterJob(template=template, language=language, kind=kind, sender=sender(language), context=digest(language))
    return preview.read(Compiled.from_bytes(compiled_bytes(job, job.digest(), FOLDERS)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_parts_and_the_subject_are_there_and_no_token_is(language: str) -> None:
    copy = a_copy(language)
    assert copy.subject == digest(language)["issue"]["subject"]
    assert copy.html.startswith("<!DOCTYPE html>")
    assert sender(language).publisher in copy.text
    assert "\r" not in copy.html + copy.text
    assert not re.search(r"zz[0-9a-f]{16}-", copy.html + copy.text)
    assert f"{preview.NOWHERE}unsubscribe" in copy.html
    assert f"{preview.NOWHERE}unsubscribe" in copy.text
    assert len(copy.html.encode()) < copy.size < len(copy.html.encode()) + 1_000
    assert sender(language).site_url + "/story/9?a=1&b=2" in copy.text  # links to articles lead there


def test_a_confirmations_link_is_dead_too() -> None:
    copy = a_copy(template="confirm", kind=Kind.TX)
    assert f"{preview.NOWHERE}confirm" in copy.html


def test_only_style_sheets_are_answered_not_what_an_article_says() -> None:
    said = "How we tested (prefers-color-scheme: dark) and color-scheme: light dark"
    copy = Copy(
        subject="",
        text="",
        html=f"<html><head><style>:root {{ color-scheme: light dark; }}\n@media (prefers-color-scheme: dark) {{ }}</style>"
        f"</head><p>{said}</p></html>",
    )
    dark, light = preview.page(copy, dark=True), preview.page(copy, dark=False)
    assert said in dark
    assert said in light
    assert ":root { color-scheme: dark; }\n@media all { }" in dark
    assert ":root { color-scheme: light; }\n@media not all { }" in light
    assert '<head><base target="_blank">' in dark
