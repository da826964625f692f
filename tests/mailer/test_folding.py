"""Folding: a letter that mail programs would cut is made shorter before anybody gets it, always in the same way."""

from __future__ import annotations

import email
import re
from email import policy
from email.message import EmailMessage
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer import folding, preview
from mailer.compiler import LetterJob, compiled_bytes
from mailer.letter import Compiled, Kind
from tests.mailer.letters_at_hand import FOLDERS, digest, item, sender
from tests.mailer.test_blocks import body, build

SENTENCE = "قال المتحدث باسم الوزارة إن أعمال الصيانة على الجسر الشرقي ستستمر حتى نهاية الشهر المقبل بسبب الأمطار. "
SECTIONS = ("طرق", "مياه", "رياضة", "ثقافة", "صحة")
COUNT = 60
LAYOUTS = ("daily", "weekly", "follow")


def arabic(count: int = COUNT, sentences: int = 4) -> dict[str, Any]:
    items = [
        item(
            number,
            "ar",
            title=f"{SENTENCE * 2}({number})",
            section=SECTIONS[number % 5],
            summary=(SENTENCE * sentences).strip(),
        )
        for number in range(1, count + 1)
    ]
    return digest("ar", items=items)


@cache
def made(template: str, count: int = COUNT, sentences: int = 4, *, with_blocks: bool = False) -> Compiled:
    job = LetterJob(
        template=template,
        language="ar",
        kind=Kind.ISSUE,
        sender=sender("ar"),
        context=arabic(count, sentences),
        with_blocks=with_blocks,
    )
    return Compiled.from_bytes(compiled_bytes(job, job.digest(), FOLDERS))


def shown(page_text: str) -> set[int]:
    return {int(number) for number in re.findall(r"\((\d+)\)</a></h[23]>", page_text)}


@pytest.mark.parametrize("template", LAYOUTS)
def test_sixty_long_arabic_stories_fit_and_the_rest_is_a_line_to_the_page_on_the_web(template: str) -> None:
    compiled = made(template)
    built = build(compiled)
    page_text, text = body(built, "html"), body(built, "plain")
    assert len(page_text.encode()) <= compiled.size() <= folding.BUDGET
    there = shown(page_text)
    assert there == set(range(1, COUNT - compiled.left + 1))
    assert 0 < compiled.left == COUNT - len(there)
    for part in (page_text, text):
        assert re.search(r"[٠-٩]+ (خبراً آخر|أخبار أخرى|خبر آخر) على الموقع", part)
        assert "https://news.zagroscourier.example/archive/briefing/ar/12" in part
    said = [line for line in text.splitlines() if line.endswith(")")]
    assert len(said) == len(there)


@pytest.mark.parametrize("template", LAYOUTS)
def test_it_is_not_folded_more_than_it_must_be(template: str) -> None:
    compiled = made(template)
    assert compiled.size() > 0.9 * folding.BUDGET


def test_the_same_letter_is_always_folded_alike() -> None:
    again = made.__wrapped__("weekly")
    assert again == made("weekly")
    assert Compiled.from_bytes(again.to_bytes()) == again


def test_summaries_lose_their_last_sentences_before_a_story_is_left_out() -> None:
    compiled = made("daily", 24, 120)
    page_text = body(build(compiled), "html")
    assert (compiled.sentences, compiled.left) == (2, 0)
    assert shown(page_text) == set(range(1, 25))
    assert (SENTENCE * 3).strip() not in page_text
    assert f">{(SENTENCE * 2).strip()}</p>" in page_text


def test_a_letter_that_fits_is_left_as_it_is() -> None:
    compiled = made("daily", 9)
    assert (compiled.sentences, compiled.left) == (None, 0)
    assert SENTENCE * 3 in body(build(compiled), "html")


@settings(deadline=None, max_examples=25)
@given(chosen=st.sets(st.integers(1, COUNT), min_size=1), template=st.sampled_from(LAYOUTS))
def test_no_readers_own_join_passes_the_budget_and_none_of_their_stories_is_passed_over_in_silence(
    chosen: set[int], template: str
) -> None:
    compiled = made(template, with_blocks=True)
    page_text = body(build(compiled, ",".join(map(str, chosen))), "html")
    assert len(page_text.encode()) <= folding.BUDGET
    own = sorted(chosen if template == "follow" else chosen | {1})
    there = shown(page_text)
    assert there == set(own[: len(there)])
    assert ("على الموقع" in page_text) == (len(there) < len(own))


@pytest.mark.parametrize("template", LAYOUTS)
def test_the_largest_join_of_all_is_within_the_budget(template: str) -> None:
    compiled = made(template, with_blocks=True)
    everything = body(build(compiled, ",".join(map(str, range(1, COUNT + 1)))), "html")
    assert len(everything.encode()) <= compiled.size() <= folding.BUDGET


def test_the_desk_is_told() -> None:
    copy = preview.read(made("weekly"))
    assert copy.sentences == 1
    assert copy.left == made("weekly").left > 0
    assert copy.size <= folding.BUDGET


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One. Two. Three.", "One."),
        ("Dr. Zozan came at 10.30 a.m. on Monday. He left.", "Dr. Zozan came at 10.30 a.m. on Monday."),
        ("“It is over.” They went home.", "“It is over.”"),
        ("هل انتهى؟ نعم.", "هل انتهى؟"),
        ("no end at all", "no end at all"),
    ],
)
def test_a_sentence_is_kept_whole(text: str, first: str) -> None:
    assert folding.first_sentences(text, 1) == first


def test_a_folded_letter_is_a_sound_message() -> None:
    parsed = email.message_from_bytes(build(made("weekly")), policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    assert not parsed.defects
