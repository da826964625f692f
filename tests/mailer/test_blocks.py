"""Personal digests: a reader's own blocks, joined, are the letter that would have been made for this reader alone."""

from __future__ import annotations

import email
import html
import re
from collections.abc import Sequence
from email import policy
from email.message import EmailMessage
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ground.tokens import KeyRing
from mailer import letter, marks, message, preview, render
from mailer.compiler import LetterJob, compiled_bytes
from mailer.field import FieldProblem
from mailer.letter import BrokenLetter, Compiled, Kind, Rendered
from mailer.marks import BadMark
from tests.mailer.letters_at_hand import FOLDERS, LANGUAGES, MARKER, digest, item, page, sender
from tests.mailer.test_letter import assert_wire
from tests.mailer.test_message import mint, recipient

RING = KeyRing({"a": b"a key for tests, thirty-two bytes"}, "a")
COUNT = 14
#: Sections of the articles after the four stories: three each of Roads and Water, two of Sport, one without any.
SECTIONS = (None, "Roads", "Water", "Sport", "Roads", "Water", "Sport", "Water", "Roads")


def issue(language: str = "en", **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - a context
    items = [item(number, language) for number in range(1, 6)]
    items += [item(number, language, section=section) for number, section in enumerate(SECTIONS, 6)]
    return digest(language, items=items) | changes


@cache
def personal(language: str = "en") -> Compiled:
    return made(issue(language), language)


def made(context: dict[str, Any], language: str = "en", *, with_blocks: bool = True) -> Compiled:
    return Compiled.from_bytes(kept(context, language, with_blocks=with_blocks))


def kept(context: dict[str, Any], language: str = "en", *, with_blocks: bool = True) -> bytes:
    job = LetterJob(
        template="daily",
        language=language,
        kind=Kind.ISSUE,
        sender=sender(language),
        context=context,
        with_blocks=with_blocks,
    )
    return compiled_bytes(job, job.digest(), FOLDERS)


def build(compiled: Compiled, own: str | None = None) -> bytes:
    fields = {"unsubscribe_url": "42"} | ({} if own is None else {"blocks": own})
    return message.build(compiled, recipient(**fields), mint(RING))


def body(built: bytes, kind: str) -> str:
    parsed = email.message_from_bytes(built, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    assert not parsed.defects
    found = parsed.get_body((kind,))
    assert found is not None
    content = found.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode().replace("\r\n", "\n")


def without_links(text: str) -> str:
    """Signed links are compared elsewhere."""
    return re.sub(r"https://news\.example\.org/[up]/[\w.~-]+|zz[0-9a-f]{16}-\w+_url-zz", "LINK", text)


def naive(context: dict[str, Any], language: str = "en") -> tuple[str, str]:
    """The page and the text of a letter that is rendered for these articles alone."""
    done = render.render(page(language=language, context=context), FOLDERS)
    texts = []
    for text, escape in ((done.html, html.escape), (done.text, str)):
        for name, url in done.urls.items():
            text = text.replace(f"zz{MARKER}-{name}-zz", escape(url))
        texts.append(without_links(text))
    return texts[0], texts[1]


def own(context: dict[str, Any], chosen: Sequence[int]) -> dict[str, Any]:
    return context | {"items": [each for number, each in enumerate(context["items"], 1) if number in chosen]}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_row_without_a_choice_gets_the_letter_that_is_the_same_for_all(language: str) -> None:
    built = build(personal(language))
    assert_wire(built)
    page_text, text = naive(issue(language), language)
    assert without_links(body(built, "html")) == page_text
    assert without_links(body(built, "plain")) == text
    assert build(personal(language), ",".join(map(str, range(1, COUNT + 1)))) == built


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "chosen",
    [
        [1, 2, 3, 4, 5],
        [1, 2, 3, 4, 5, 7, 10],  # Roads alone
        [1, 2, 3, 4, 5, 8, 11, 9, 12],  # Water and Sport: one is the first section now
        [1, 2, 3, 4, 5, 6],  # in brief alone
        [1, 2, 3, 4, 5, 6, 8, 13],  # Water, then in brief
    ],
)
def test_a_readers_own_is_what_would_be_rendered_for_this_reader_alone(language: str, chosen: list[int]) -> None:
    built = build(personal(language), ",".join(map(str, chosen)))
    assert_wire(built)
    page_text, text = naive(own(issue(language), chosen), language)
    assert without_links(body(built, "html")) == page_text
    assert without_links(body(built, "plain")) == text


def test_fewer_stories_begin_with_the_first_that_is_left() -> None:
    built = build(personal(), "4")
    page_text, text = naive(own(issue(), [1, 4]))
    assert without_links(body(built, "html")) == page_text
    assert without_links(body(built, "plain")) == text


def test_the_lead_alone_needs_no_contents() -> None:
    alone = build(personal(), "1")
    assert "In this issue" not in body(alone, "html")
    assert without_links(body(alone, "plain")) == naive(own(issue(), [1]))[1]


@settings(deadline=None, max_examples=60)
@given(chosen=st.sets(st.integers(1, COUNT), min_size=1))
def test_any_choice_shows_these_articles_once_in_order_under_their_headings(chosen: set[int]) -> None:
    built = build(personal(), ",".join(map(str, chosen)))
    assert_wire(built)
    shown = chosen | {1}
    page_text, text = body(built, "html"), body(built, "plain")
    titles = {number: html.escape(each["title"]) for number, each in enumerate(issue()["items"], 1)}
    headed = re.findall(r"<h[23] [^>]*><a [^>]*>([^<]*)</a>", page_text)
    assert sorted(headed) == sorted(titles[number] for number in shown)
    assert [line for line in text.splitlines() if line in titles.values()] == headed
    listed = re.findall(r'<td class="numeral[^>]*>(\d+)</td>\s*<td[^>]*><a [^>]*>([^<]*)</a>', page_text)
    first = sorted(shown)[:4] if len(shown) > 1 else []
    assert listed == [(str(rank), titles[number]) for rank, number in enumerate(first, 1)]
    for name in ("Roads", "Water", "Sport"):
        wanted = any(SECTIONS[number - 6] == name for number in shown if number > 5)
        assert len(re.findall(rf'<h2 class="label[^>]*>{name}</h2>', page_text)) == wanted
        assert len(re.findall(rf"={{40}}\n{name}\n", text)) == wanted
    assert ("In brief" in text) == (6 in shown)
    assert f"{len(shown)} stories" in page_text or len(shown) == 1
    assert "\n\n\n" not in text
    assert "/zz" not in page_text + text


def test_an_issue_may_hold_more_than_its_common_version_shows() -> None:
    context = issue(common=[1, 2, 3, 7, 10])
    compiled = made(context)
    common = build(compiled)
    page_text, text = naive(context)
    assert without_links(body(common, "html")) == page_text
    assert without_links(body(common, "plain")) == text
    assert "(8)" not in body(common, "plain")
    assert "(8)" in body(build(compiled, "8"), "plain")


@cache
def left_open() -> Compiled:
    return Compiled.as_stored(kept(issue()))


@settings(deadline=None, max_examples=40)
@given(chosen=st.sets(st.integers(1, COUNT), min_size=1))
def test_joining_in_the_quick_way_and_in_the_general_one_is_the_same(chosen: set[int]) -> None:
    """Where links stay open there are holes in the blocks, which only the general way can fill."""
    own_blocks = ",".join(map(str, chosen))
    assert build(left_open(), own_blocks) == build(personal(), own_blocks) == build(personal(), own_blocks)


def test_a_fill_touches_the_readers_articles_and_not_the_whole_pool() -> None:
    """The guard: pieces joined per message, counted."""
    sections = [None if number < 6 else f"Part {number % 9}" for number in range(1, 61)]
    items = [item(number, section=section) for number, section in enumerate(sections, 1)]
    compiled = made(digest(items=items))
    twelve = ",".join(map(str, range(1, 61, 5)))
    counted: list[int] = []

    class Counting(list[bytes]):
        def __setitem__(self, at: Any, value: Any) -> None:  # noqa: ANN401 - as list has it
            counted.append(len(value) if isinstance(at, slice) else 1)
            super().__setitem__(at, value)

        def copy(self) -> Counting:
            counted.append(len(self))
            return Counting(self)

    joiner = compiled._joiner
    assert joiner is not None
    joiner._frame = Counting(joiner._frame)
    message_of_twelve = build(compiled, twelve)
    assert counted[0] < 40  # what all get, however many articles there are
    assert sum(counted[1:]) <= 10 + 2 * 12 + 2 * 4 + 2  # fields, text and page of each article, contents, tallies
    assert message_of_twelve == build(made(digest(items=items)), twelve)


@pytest.mark.parametrize("value", ["", "x", "3,,4", "3;4", "1e3", "99", "0", "-1", "3,99", "9" * 5000, "٣٫٤"])
def test_a_choice_of_nothing_that_is_there_fails_its_own_row(value: str) -> None:
    with pytest.raises(FieldProblem) as caught:
        build(personal(), value)
    assert caught.value.name == "blocks"
    assert len(str(caught.value)) < 120


def test_a_letter_without_blocks_takes_no_notice_of_a_choice() -> None:
    plain = made(issue(), with_blocks=False)
    assert build(plain, "3") == build(plain)


def test_a_letter_with_blocks_survives_being_stored() -> None:
    again = Compiled.from_bytes(personal().to_bytes())
    assert again == personal()
    assert build(again, "3,9") == build(personal(), "3,9")
    assert again.numbers == frozenset(range(1, COUNT + 1))


def test_previews_and_the_archive_show_the_common_version() -> None:
    copy = preview.read(personal())
    assert re.sub(r"https://preview\.invalid/\w+", "LINK", copy.text) == naive(issue())[1]
    web = render.render(page(marker="", context=issue()), FOLDERS)
    assert "https://zagroscourier.example/story/14?a=1&amp;b=2" in web.html
    assert "zz" not in re.sub(r"https?://\S+", "", web.html)


def test_no_join_is_larger_than_the_size_that_is_told() -> None:
    compiled = personal()
    for chosen in ("1", "2,3,4,5", "6,7,8,9,10,11,12,13,14", ",".join(map(str, range(1, 15)))):
        assert len(body(build(compiled, chosen), "html").encode()) <= compiled.size()
    assert len(body(build(compiled), "html").encode()) > 0.9 * compiled.size() - 3 * 200
    few = compiled.size(most=3)
    assert len(body(build(compiled, "2,3"), "html").encode()) <= few < compiled.size()
    assert made(issue(), with_blocks=False).size() <= compiled.size()


@pytest.mark.parametrize(
    "text",
    [
        "{block/1}x{end/}",
        "{run/}words{end/}",
        "{run/}{block/1}x{end/}",
        "{run/}{group/}{block/1}x{block/1}y{end/}",
        "{run/}{group/}{block/1}x",
        "{ranks/4}{block/1}x{end/}",
        "{ranks/4}{rank/}{block/1}x{rank/}{end/}",
        "{tally/1}x{end/}",
        "{tally/1}{block/1}x{end/}",
        "{least/2}x",
        "{end/}",
        "{sum/3}x",
    ],
)
def test_a_mark_that_may_not_stand_there_is_refused(text: str) -> None:
    marked = re.sub(r"{([a-z]+)/(\d*)}", rf"<!--zz{MARKER}/\1/\2/zz-->", text)
    with pytest.raises(BadMark):
        marks.cut(marked, MARKER)
    texts = Rendered(subject="s", preheader="", html=marked, text="t\n", language="en", marker=MARKER)
    with pytest.raises(BrokenLetter, match=r"body\.html"):
        letter.compile(texts, [])


def test_page_and_text_must_have_the_same_blocks() -> None:
    run = "".join(marks.mark(MARKER, word, at, is_html=True) for word, at in (("run", ""), ("group", ""), ("block", 2)))
    texts = Rendered(
        subject="s", preheader="", html=f"{run}x<!--zz{MARKER}/end//zz-->", text="t\n", language="en", marker=MARKER
    )
    with pytest.raises(BrokenLetter, match=r"body\.txt.*article 2"):
        letter.compile(texts, [])


def test_a_template_without_blocks_cannot_become_personal() -> None:
    job = LetterJob(template="welcome", language="en", kind=Kind.TX, sender=sender(), context={}, with_blocks=True)
    with pytest.raises(BrokenLetter, match=r"welcome/body\.html.*own articles"):
        compiled_bytes(job, job.digest(), FOLDERS)


def test_an_article_cannot_bring_a_mark() -> None:
    marked = marks.mark(MARKER, "end", is_html=True)
    evil = [item(number, title=f"{marked} zz{'0' * 16}/end//zz {number}") for number in range(1, 8)]
    compiled = made(digest(items=evil))
    assert "/end//zz" in body(build(compiled, "7"), "html")
