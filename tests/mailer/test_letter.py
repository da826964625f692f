"""The compiled letter: what a fill gives, read back by the standard library's parser, is the naive substitution."""

from __future__ import annotations

import email
import html
import re
from email import policy
from email.message import EmailMessage
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer import letter
from mailer.encoding import clean
from mailer.field import LINKS, Context, FieldProblem, token
from mailer.letter import BrokenLetter, Compiled, Header, Rendered

MARKER = "0123456789abcdef"
NAME = token(MARKER, "name")
LINK = token(MARKER, "link")

PLAIN = f"Dear {NAME},\n\n. a line that begins with a dot\nFrom here  two blanks \n{LINK}\nسڵاو {NAME}{NAME}"
PAGE = (
    f'<!DOCTYPE html>\n<html><body><p title="{NAME}">سڵاو {NAME}, <b>{NAME}</b>{NAME}</p>\n'
    f'<a href="{LINK}">go</a> <a href="https://x.example/?q={NAME}&amp;p=1">find</a></body></html>\n'
)


def rendered(*, text: str = PLAIN, page: str = PAGE, subject: str = "Morning") -> Rendered:
    return Rendered(subject=subject, preheader="", html=page, text=text, language="en", marker=MARKER)


def read(message: bytes) -> EmailMessage:
    parsed = email.message_from_bytes(message, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def part(message: bytes, kind: str) -> str:
    body = read(message).get_body((kind,))
    assert isinstance(body, EmailMessage)
    content = body.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode("utf-8").replace("\r\n", "\n")


def assert_wire(message: bytes) -> None:
    """7-bit, CRLF only, no long line, nothing to stuff, nothing for a relay to tidy up."""
    assert message.isascii()
    assert b"\n" not in message.replace(b"\r\n", b"")
    assert b"\r" not in message.replace(b"\r\n", b"")
    assert message.endswith(b"\r\n")
    body = message.partition(b"\r\n\r\n")[2]
    for line in body.split(b"\r\n"):
        assert len(line) <= 76
        assert not line.startswith(b".")
        assert not line.startswith(b"From ")
        assert not line.endswith((b" ", b"\t"))
        assert b"  " not in line


hostile = st.text(max_size=200) | st.sampled_from(
    [
        "",
        ".",
        " ",
        "  two  blanks  ",
        "\r\n.\r\nMAIL FROM:<evil@x.example>",
        "</p><script>alert(1)</script>",
        '" onmouseover="x',
        "=3D=\r\n",
        "a" * 500,
        "ڕ ڵ ێ ۆ ە" * 40,
        "\u202eevil\u2028line",
        "\ud800",
        NAME,
        "--=_0123456789abcdef--",
        "From here",
        "%s {{ x }} zz",
    ]
)


@settings(deadline=None)  # a busy machine is no failure
@given(value=hostile)
def test_a_filled_letter_reads_back_as_the_naive_substitution(value: str) -> None:
    link = "https://news.example.org/u/" + "a" * 120
    message = letter.compile(rendered(), []).fill({"name": value, "link": link})

    assert_wire(message)
    said = clean(value)
    assert part(message, "plain") == PLAIN.replace(LINK, link).replace(NAME, said)
    in_link = PAGE.replace(f"q={NAME}", f"q={quote(said, safe='')}").replace(LINK, link)
    assert part(message, "html") == in_link.replace(NAME, html.escape(said))


@settings(deadline=None)  # a busy machine is no failure
@given(text=st.text(max_size=400), page=st.text(max_size=400))
def test_any_text_survives_compiling(text: str, page: str) -> None:
    text, page = text.encode("utf-8", "replace").decode(), page.encode("utf-8", "replace").decode()
    text, page = re.sub(r"\r\n?", "\n", text), re.sub(r"\r\n?", "\n", page)
    message = letter.compile(rendered(text=text, page=page), []).fill({})
    assert_wire(message)
    assert part(message, "plain") == text
    assert part(message, "html") == page


@settings(deadline=None)  # a busy machine is no failure
@given(value=st.text(max_size=120))
def test_a_subject_with_a_field_reads_back_whole(value: str) -> None:
    header = Header(name="Subject", value=f"For {NAME}: the news, دووشەممە", is_text=True)
    compiled = letter.compile(rendered(), [header])
    values = {"name": value, "link": "https://x.example/"}
    if re.search("[\r\n\0]", value):
        with pytest.raises(FieldProblem):
            compiled.fill(values)
        return
    message = compiled.fill(values)
    head = message.partition(b"\r\n\r\n")[0]
    assert all(len(line) <= 76 for line in head.split(b"\r\n"))
    wanted = f"For {clean(value)}: the news, دووشەممە"
    assert " ".join(str(read(message)["Subject"]).split()) == " ".join(wanted.split())


def test_the_text_part_comes_first_and_both_are_quoted_printable() -> None:
    message = read(letter.compile(rendered(), []).fill({"name": "Nermin", "link": "https://x.example/"}))
    assert message.get_content_type() == "multipart/alternative"
    assert [each.get_content_type() for each in message.iter_parts()] == ["text/plain", "text/html"]
    assert [each["Content-Transfer-Encoding"] for each in message.iter_parts()] == ["quoted-printable"] * 2
    assert message.defects == []


def test_a_compiled_letter_survives_being_stored() -> None:
    page = f'<a href="{token(MARKER, "confirm_url")}">yes</a><a href="{token(MARKER, "unsubscribe_url")}">no</a>'
    compiled = letter.compile(rendered(page=page, text="-"), [])
    again = Compiled.from_bytes(compiled.to_bytes())
    assert again == compiled
    assert set(again.links) == {"confirm_url", "unsubscribe_url"}
    assert again.links["unsubscribe_url"].valid_for is None


def test_what_another_version_stored_is_refused_with_a_way_out() -> None:
    for strange in (b'{"format":0}', b'{"format":5}', b"[]"):
        with pytest.raises(ValueError, match=r"format (0|5|None); this version .* reads 2 to 4\. Run the version"):
            Compiled.from_bytes(strange)


def test_a_letter_from_before_there_were_blocks_goes_on_as_it_was() -> None:
    """An issue that was under way when the program was renewed: the rest of its readers get the same bytes."""
    old = (
        b'{"format":2,"constants":["Subject: s\\r\\n\\r\\nDear =\\r\\n","=\\r\\n,\\r\\n","\\r\\n"],'
        b'"holes":[["name","text"],["unsubscribe_url","text"]],'
        b'"links":{"unsubscribe_url":["unsubscribe","/u/",null,null],"preferences_url":["preferences","/p/",60,"x"]}}'
    )
    compiled = Compiled.from_bytes(old)
    assert compiled.fields == {"name", "unsubscribe_url"}
    assert compiled.links == {"unsubscribe_url": LINKS["unsubscribe_url"]}
    filled = b"Subject: s\r\n\r\nDear =\r\nNermin=\r\n,\r\nhttps://x.example/\r\n"
    values = {"name": "Nermin", "unsubscribe_url": "https://x.example/"}
    assert compiled.fill(values) == filled
    assert Compiled.from_bytes(compiled.to_bytes()).fill(values | {"blocks": "3"}) == filled


def test_fields_name_what_a_row_must_bring() -> None:
    compiled = letter.compile(rendered(), [Header(name="To", value=token(MARKER, "_to"))])
    assert compiled.fields == {"name", "link"}


def test_a_missing_value_is_named() -> None:
    with pytest.raises(FieldProblem, match="'link'"):
        letter.compile(rendered(), []).fill({"name": "Nermin"})


@pytest.mark.parametrize("value", ["javascript:alert(1)", "", "//x.example", "data:text/html,x"])
def test_a_link_goes_to_the_web_or_not_at_all(value: str) -> None:
    with pytest.raises(FieldProblem, match="https"):
        letter.compile(rendered(), []).fill({"name": "x", "link": value})


@pytest.mark.parametrize("value", ["a@x.example\r\nBcc: b@x.example", "a\nb", "a\0b", "ü@x.example", ""])
def test_a_header_value_is_one_line_of_ascii(value: str) -> None:
    compiled = letter.compile(rendered(text="-", page="-"), [Header(name="To", value=token(MARKER, "_to"))])
    with pytest.raises(FieldProblem, match="printable ASCII"):
        compiled.fill({"_to": value})


def test_a_constant_header_cannot_bring_a_second_one() -> None:
    with pytest.raises(ValueError, match="Reply-To"):
        letter.compile(rendered(), [Header(name="Reply-To", value="a@x.example\r\nBcc: b@x.example")])


@pytest.mark.parametrize(
    "page",
    [
        f"<!-- {NAME} -->",
        f"<style>p {{ color: {NAME} }}</style>",
        f'<p style="color:{NAME}">x</p>',
        f"<p title={NAME}>x</p>",
        f'<p onclick="go({NAME})">x</p>',
    ],
)
def test_a_field_in_an_unsafe_place_is_refused(page: str) -> None:
    with pytest.raises(BrokenLetter, match="field"):
        letter.compile(rendered(page=page), [])


def test_one_field_may_stand_in_several_contexts() -> None:
    contexts = {hole.context for hole in letter.compile(rendered(), []).holes}
    assert contexts == {Context.TEXT, Context.HTML, Context.URL, Context.URL_PART}
