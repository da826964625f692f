"""Hostile values in every place of a letter: what is filled reads back as the naive render, and the wire stays clean."""

from __future__ import annotations

import email.header
import re
from email import policy
from email.parser import BytesParser
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote

import pytest
from dkim import canonicalization
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailer import letter
from mailer.encoding import clean
from mailer.field import FieldProblem
from mailer.letter import Compiled, Header, Rendered
from mailer.marks import mark
from tests.mailer.test_blocks import body
from tests.mailer.test_letter import LINK, MARKER, NAME, assert_wire

MEGABYTE = 1_000_000
SEEDS = [
    "\r\n.\r\nQUIT",
    "a\0b",
    "\u202egnp.exe\u2066",
    "\"'<>&\\",
    "w" * 3_000,
    "." * 160,
    "..\n.x\n",
    "=0D=0A.=",
    "=?utf-8?q?=0D=0ABcc:_x?=",
    "\ud800x\udfff",
    "From me\nFrom you",
    "\x85\u2028\u2029\x0b\x0c",
    "  two  blanks \t ",
    "&amp;&#x27;&lt;",
    "</title></style><!-- -->",
    NAME,
    mark(MARKER, "end", is_html=True),
    f"--=_{MARKER}",
    "زۆر\u200cسوپاس " * 30,
]
values = st.sampled_from(SEEDS) | st.text(max_size=300) | st.lists(st.sampled_from(SEEDS), max_size=4).map("".join)


def marked(word: str, argument: int | str = "") -> str:
    return mark(MARKER, word, argument, is_html=True)


def a_letter() -> Compiled:
    """Two blocks of which readers may have one, a field in each and in every context."""
    run = (
        f"{marked('run')}{marked('group')}{marked('first')}<h2>{NAME}</h2>{marked('block', 2)}<p title='{NAME}'>{NAME}</p>"
        f"{marked('block', 3)}<a href='https://x.example/?q={NAME}'>3</a>{marked('end')}"
    )
    page = f'<html><body><b>{NAME}</b>{run}<a href="{LINK}">go</a>. </body></html>'.replace("='", '="').replace(
        "'>", '">'
    )
    text = f"Dear {NAME}\n{run.replace(NAME, 'x')}{LINK}\n.{NAME}."
    headers = [
        Header(name="Subject", value=f"For {NAME}, دووشەممە", is_text=True),
        Header(name="X-Link", value=f"<{LINK}>"),
    ]
    texts = Rendered(subject="s", preheader="", html=page, text=text, language="en", marker=MARKER)
    return letter.compile(texts, headers)


COMPILED = a_letter()


class Said(HTMLParser):
    """What a reader sees of a page: its words by tag, and its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: dict[str, str] = {}
        self.attributes: dict[str, str | None] = {}
        self.tags: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {f"{tag} {name} {len(self.tags)}": value for name, value in attrs}

    def handle_data(self, data: str) -> None:
        self.words[self.tags[-1]] = self.words.get(self.tags[-1], "") + data


def assert_canonical(message: bytes) -> None:
    assert_wire(message)
    content = message.partition(b"\r\n\r\n")[2]
    assert canonicalization.Relaxed.canonicalize_body(content) == content
    assert content.endswith(b"\r\n")
    assert not content.endswith(b"\r\n\r\n")
    assert all(len(line) <= 998 for line in message.split(b"\r\n"))


@pytest.mark.parametrize("own", [None, "2", "3", "2,3"])
@settings(deadline=None)
@given(value=values)
@example(value="")
def test_whatever_is_filled_reads_back_as_the_naive_render(own: str | None, value: str) -> None:
    name = re.sub("[\r\n\0]", " ", value)[:1_000]  # a subject takes one line; the next test has the others
    link = "https://news.example.org/u/" + "k" * 200
    message = COMPILED.fill({"name": name, "link": link} | ({"blocks": own} if own else {}))
    assert_canonical(message)
    said = clean(name)
    page = Said(body(message, "html"))
    shown = {2, 3} if own is None else set(map(int, own.split(",")))
    assert page.tags == ["html", "body", "b", "h2", *(["p"] if 2 in shown else []), *(["a"] if 3 in shown else []), "a"]
    assert page.words.get("b", "") == page.words.get("h2", "") == said
    if 2 in shown:
        assert page.attributes["p title 5"] == said
    if 3 in shown:
        asked = page.attributes[f"a href {len(page.tags) - 1}"] or ""
        assert unquote(asked) == f"https://x.example/?q={said}"
        assert re.fullmatch(r"[!-~]+", asked)
    assert page.attributes[f"a href {len(page.tags)}"] == link
    text = body(message, "plain")
    assert text.startswith(f"Dear {said}\n<h2>x</h2>")
    assert text.endswith(f"{link}\n.{said}.")
    head = BytesParser(policy=policy.compat32).parsebytes(message)
    assert head.keys() == ["Subject", "X-Link", "MIME-Version", "Content-Type"]
    subject = str(email.header.make_header(email.header.decode_header(head["Subject"])))
    assert " ".join(subject.split()) == " ".join(f"For {said}, دووشەممە".split())


@settings(deadline=None)
@given(value=values)
def test_a_header_takes_one_printable_line_or_names_its_field(value: str) -> None:
    compiled = letter.compile(
        Rendered(subject="s", preheader="", html="-", text="-", language="en", marker=MARKER),
        [Header(name="To", value=NAME)],
    )
    if re.fullmatch(r"[ -~]{1,900}", value):
        message = compiled.fill({"name": value})
        assert message.split(b"\r\n")[0] == f"To: {value}".encode("ascii")
        return
    with pytest.raises(FieldProblem) as caught:
        compiled.fill({"name": value})
    assert caught.value.name == "name"


def test_a_long_text_is_only_long() -> None:
    long = "ێ.= " * 5_000
    texts = Rendered(subject="s", preheader="", html=f"<p>{NAME}</p>\n", text=f"{NAME}\n", language="en", marker=MARKER)
    message = letter.compile(texts, []).fill({"name": long})
    assert_canonical(message)
    assert body(message, "plain") == f"{long}\n"
    assert body(message, "html") == f"<p>{long}</p>\n"


@pytest.mark.parametrize(
    "texts",
    [
        {"headers": [Header(name="Subject", value=NAME, is_text=True)]},
        {"headers": [Header(name="To", value=NAME)]},
        {"text": NAME},
        {"page": f"<p>{NAME}</p>"},
        {"page": f'<a href="{NAME}">'},
        {"page": f'<a href="https://x.example/{NAME}">'},
    ],
)
def test_a_megabyte_fails_its_row_and_keeps_nobody_waiting(texts: dict[str, Any]) -> None:
    rendered = Rendered(
        subject="s",
        preheader="",
        html=texts.get("page", "-"),
        text=texts.get("text", "-"),
        language="en",
        marker=MARKER,
    )
    compiled = letter.compile(rendered, texts.get("headers", []))
    with pytest.raises(FieldProblem, match="field 'name': 1000000 characters are too many") as caught:
        compiled.fill({"name": "x" * MEGABYTE})
    assert len(str(caught.value)) < 120
