"""The compiled letter: a message with holes, filled per recipient by a join.

A letter is rendered and inlined once per variant. What differs from reader to reader is a *field*; in the rendered
texts it stands as an opaque token. Compiling turns the rest into final bytes and remembers where the fields are:

    ...<a href=3D"=CRLF                     constant, ends with a soft break
    https://news.example.org/u/a.1f4.k3J8=CRLF      the field, escaped for its context, quoted-printable on its own
    ">Unsubscribe</a>...                    constant, begins anew

so that a filled message is 7-bit ASCII with CRLF, needs no dot-stuffing and is canonical for DKIM as it stands.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field

from mailer import blocks, encoding, field, marks
from mailer.blocks import Document, Fixed
from mailer.compiled import Compiled
from mailer.marks import BadMark
from mailer.strand import Hole, Strand

#: What is rendered and how it is compiled have a face of their own; the result is a module's.
__all__ = ["BrokenLetter", "Compiled", "Header", "Kind", "Rendered", "compile"]


class Kind(enum.StrEnum):
    """What a letter is for; decides its list headers."""

    ISSUE = "issue"  # a digest to the readers of an edition
    TX = "tx"  # an answer to something one reader did
    STAFF = "staff"  # to editors and operators


class BrokenLetter(Exception):  # noqa: N818 - names the file to mend
    """A template that cannot become a letter: which file, where, and what to do."""

    def __init__(self, template: str, reason: str) -> None:
        super().__init__(template, reason)
        self.template = template
        self.reason = reason

    def __str__(self) -> str:
        return f"The letter template {self.template} cannot be used: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A letter's texts, inlined, before any recipient. `marker` is what its field tokens are made with."""

    subject: str
    preheader: str
    html: str
    text: str
    language: str
    marker: str = ""  # empty for the web, where there are no fields
    urls: Mapping[str, str] = dataclass_field(default_factory=dict)  # of the fields that are links to articles
    common: tuple[int, ...] = ()  # the articles of the common version, where its blocks are marked; none means all


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One header line to be. `value` may hold field tokens; `is_text` values are encoded, others are ASCII already."""

    name: str
    value: str
    is_text: bool = False


def compile(rendered: Rendered, headers: Sequence[Header]) -> Compiled:  # noqa: A001 - letter.compile, as re.compile
    """Headers and texts to a Compiled multipart/alternative, text part first, both quoted-printable."""
    boundary = f"=_{rendered.marker}"  # "=_" cannot occur in quoted-printable
    head, between = _Strand(rendered), _Strand(rendered)
    for header in headers:
        head.header(header)
    head.constant(f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n')
    head.constant(_part_head("plain", boundary))
    between.constant("\r\n" + _part_head("html", boundary))
    text, page = _document(rendered, is_html=False), _document(rendered, is_html=True)
    before: Document[Strand] = (Fixed(head.done()), *text, Fixed(between.done()))
    end = Strand((f"\r\n--{boundary}--\r\n".encode("ascii"),))
    return Compiled(
        document=(*before, *page, Fixed(end)),
        links=field.LINKS,
        urls=rendered.urls,
        common=_common(rendered, text, page),
        page=(len(before), len(before) + len(page)),
    )


def _part_head(subtype: str, boundary: str) -> str:
    return (
        f"--{boundary}\r\nContent-Type: text/{subtype}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )


def _document(rendered: Rendered, *, is_html: bool) -> Document[Strand]:
    """One text, cut at its marks and compiled."""
    text, name = (rendered.html, "body.html") if is_html else (rendered.text, "body.txt")
    try:
        document = marks.cut(text, rendered.marker)
    except BadMark as problem:
        raise BrokenLetter(name, str(problem)) from None

    def compiled(piece: slice) -> Strand:
        strand = _Strand(rendered)
        strand.body(text, piece, is_html=is_html)
        return strand.done()

    return blocks.mapped(document, compiled)


def _common(rendered: Rendered, text: Document[Strand], page: Document[Strand]) -> tuple[int, ...]:
    """The articles of the common version, where the letter has blocks."""
    in_text, in_page = blocks.numbers(text), blocks.numbers(page)
    if lacking := (in_text ^ in_page) - {blocks.LEAD}:
        reason = f"its blocks are not those of body.html: article {min(lacking)} is in one of them only"
        raise BrokenLetter("body.txt", reason)
    if not in_page:
        return ()
    if blocks.everybodys(text) != blocks.everybodys(page):
        raise BrokenLetter("body.txt", "article 1 is a block in it or in body.html, and every reader's in the other")
    return tuple(sorted((blocks.everybodys(page) | {*(rendered.common or in_page)}) & in_page))


class _Strand:
    """Constants and holes while they grow."""

    def __init__(self, rendered: Rendered) -> None:
        self._constants = [b""]
        self._holes: list[Hole] = []
        self._urls = rendered.urls
        self._token = re.compile(f"zz{re.escape(rendered.marker)}-({field.NAME})-zz")

    def constant(self, text: str | bytes) -> None:
        self._constants[-1] += text.encode("ascii") if isinstance(text, str) else text

    def hole(self, name: str, context: field.Context) -> None:
        self._holes.append(Hole(name, context))
        self._constants.append(b"")

    def header(self, header: Header) -> None:
        pieces = self._token.split(header.value)
        if not header.is_text:
            self._literal(header.name, pieces)
        elif len(pieces) == 1:
            self.constant(encoding.unstructured(header.name, header.value) + "\r\n")
        else:
            self._words(header.name, pieces)

    def _literal(self, name: str, pieces: Sequence[str]) -> None:
        self.constant(f"{name}: ")
        for index, piece in enumerate(pieces):
            if index % 2:
                self.hole(piece, field.Context.LITERAL)
            elif _FOLDED_ASCII.match(piece):
                self.constant(piece)
            else:
                raise ValueError(f"header {name}: {piece!r} is not printable ASCII")
        self.constant("\r\n")

    def _words(self, name: str, pieces: Sequence[str]) -> None:
        """Free text with fields: every piece is encoded words on its own lines, which readers join without a blank."""
        self.constant(f"{name}:")
        for index, piece in enumerate(pieces):
            if index % 2:
                self.hole(piece, field.Context.WORDS)
            else:
                self.constant(field.word_lines(encoding.clean(piece)))
        self.constant("\r\n")

    def body(self, text: str, piece: slice, *, is_html: bool) -> None:
        """A piece of a text. It begins a line and, if another may follow, ends one: that is what makes pieces join."""
        position = piece.start
        for found in self._token.finditer(text, piece.start, piece.stop):
            self._quoted(text[position : found.start()], is_after_hole=position > piece.start, is_more=True)
            self.hole(found[1], self._context(text, found, is_html=is_html))
            position = found.end()
        self._quoted(text[position : piece.stop], is_after_hole=position > piece.start, is_more=piece.stop < len(text))

    def _quoted(self, text: str, *, is_after_hole: bool, is_more: bool) -> None:
        quoted = encoding.quoted(text)
        self.constant(encoding.SOFT_BREAK if is_after_hole else b"")
        self.constant(quoted)
        if is_more and quoted and not quoted.endswith(b"\r\n"):
            self.constant(encoding.SOFT_BREAK)

    def _context(self, text: str, found: re.Match[str], *, is_html: bool) -> field.Context:
        if is_html:
            return _context_in_html(text, found.start())
        return field.Context.PLAIN_URL if found[1] in self._urls else field.Context.TEXT

    def done(self) -> Strand:
        return Strand(tuple(self._constants), tuple(self._holes))


_FOLDED_ASCII = re.compile(r"[\x20-\x7e]*(?:\r\n [\x21-\x7e][\x20-\x7e]*)*\Z")
_ATTRIBUTE = re.compile(r"""\s([A-Za-z][\w:-]*)=(?:"([^"]*)|'([^']*))\Z""")
_LINK_ATTRIBUTES = frozenset({"href", "src"})


def _context_in_html(text: str, at: int) -> field.Context:
    """The context of a token in serialised HTML (attributes quoted, `<` and `>` in them escaped)."""
    before = text[:at]
    if before.rfind("<!--") > before.rfind("-->"):
        raise BrokenLetter("body.html", "a field stands in a comment; move it into the text or a link")
    if before.rfind("<style") > before.rfind("</style"):
        raise BrokenLetter("body.html", "a field stands in a style sheet; move it into the text or a link")
    opened = before.rfind("<")
    if opened < before.rfind(">"):
        return field.Context.HTML
    attribute = _ATTRIBUTE.search(before[opened:])
    if attribute is None or attribute[1] == "style" or attribute[1].startswith("on"):
        raise BrokenLetter(
            "body.html", "a field stands in a tag, a style or a script; only link and text places are safe"
        )
    if attribute[1] in _LINK_ATTRIBUTES:
        return field.Context.URL_PART if attribute[2] or attribute[3] else field.Context.URL
    return field.Context.HTML
