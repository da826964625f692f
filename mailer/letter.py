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
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import timedelta

from ground.tokens import Purpose
from mailer import encoding, field

FORMAT = 2


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One header line to be. `value` may hold field tokens; `is_text` values are encoded, others are ASCII already."""

    name: str
    value: str
    is_text: bool = False


@dataclass(frozen=True, slots=True)
class Hole:
    name: str
    context: field.Context


@dataclass(frozen=True, slots=True)
class Compiled:
    """A letter with holes: `constants` has one piece more than `holes`, and they alternate."""

    constants: tuple[bytes, ...]
    holes: tuple[Hole, ...]
    links: Mapping[str, field.LinkSpec]
    #: What is filled from the row, links made of it included. Computed ones (`_to`, `_date`, ...) are not among them.
    fields: frozenset[str] = dataclass_field(init=False, compare=False)
    _different: tuple[Hole, ...] = dataclass_field(init=False, compare=False, repr=False)
    _order: tuple[int, ...] = dataclass_field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.constants) != len(self.holes) + 1:
            raise ValueError(f"{len(self.constants)} constants and {len(self.holes)} holes do not alternate")
        numbers = {hole: number for number, hole in enumerate(dict.fromkeys(self.holes))}
        # A frozen dataclass is set up once; the fill of every message then only looks these up.
        object.__setattr__(self, "fields", frozenset(hole.name for hole in numbers if not hole.name.startswith("_")))
        object.__setattr__(self, "_different", tuple(numbers))
        object.__setattr__(self, "_order", tuple(numbers[hole] for hole in self.holes))

    def fill(self, values: Mapping[str, str]) -> bytes:
        """The message for one recipient. Raises FieldProblem when a value is missing or cannot stand where it should."""
        filled = [field.filled(hole.name, hole.context, values) for hole in self._different]
        pieces = [b""] * (len(self.constants) + len(self.holes))
        pieces[0::2] = self.constants
        pieces[1::2] = [filled[number] for number in self._order]
        return b"".join(pieces)

    def to_bytes(self) -> bytes:
        return json.dumps(
            {
                "format": FORMAT,
                "constants": [piece.decode("ascii") for piece in self.constants],
                "holes": [[hole.name, hole.context] for hole in self.holes],
                "links": {
                    name: [
                        spec.purpose,
                        spec.path,
                        spec.valid_for and int(spec.valid_for.total_seconds()),
                        spec.payload,
                    ]
                    for name, spec in self.links.items()
                },
            },
            separators=(",", ":"),
        ).encode("ascii")

    @classmethod
    def from_bytes(cls, stored: bytes) -> Compiled:
        """Raises ValueError for what another version of this program stored."""
        found = json.loads(stored)
        if found.get("format") != FORMAT:
            raise ValueError(f"a compiled letter of format {found.get('format')!r}; this version reads {FORMAT}")
        return cls(
            constants=tuple(piece.encode("ascii") for piece in found["constants"]),
            holes=tuple(Hole(name, field.Context(context)) for name, context in found["holes"]),
            links={
                name: field.LinkSpec(
                    purpose=Purpose(purpose),
                    path=path,
                    valid_for=None if seconds is None else timedelta(seconds=seconds),
                    payload=payload,
                )
                for name, (purpose, path, seconds, payload) in found["links"].items()
            },
        )


def compile(rendered: Rendered, headers: Sequence[Header]) -> Compiled:  # noqa: A001 - letter.compile, as re.compile
    """Headers and texts to a Compiled multipart/alternative, text part first, both quoted-printable."""
    build = _Build(rendered.marker)
    boundary = f"=_{rendered.marker}"  # "=_" cannot occur in quoted-printable
    for header in headers:
        build.header(header)
    build.constant(f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n')
    for subtype, text in (("plain", rendered.text), ("html", rendered.html)):
        build.constant(
            f"--{boundary}\r\nContent-Type: text/{subtype}; charset=utf-8\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        )
        build.body(text, is_html=subtype == "html")
        build.constant("\r\n")
    build.constant(f"--{boundary}--\r\n")
    return build.compiled()


class _Build:
    """Constants and holes while they grow."""

    def __init__(self, marker: str) -> None:
        self._constants = [b""]
        self._holes: list[Hole] = []
        self._token = re.compile(f"zz{re.escape(marker)}-({field.NAME})-zz")

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

    def body(self, text: str, *, is_html: bool) -> None:
        position = 0
        for found in self._token.finditer(text):
            before = encoding.quoted(text[position : found.start()])
            self.constant(encoding.SOFT_BREAK if position else b"")
            self.constant(before if before.endswith(b"\r\n") or not before else before + encoding.SOFT_BREAK)
            self.hole(found[1], _context_in_html(text, found.start()) if is_html else field.Context.TEXT)
            position = found.end()
        self.constant(encoding.SOFT_BREAK if position else b"")
        self.constant(encoding.quoted(text[position:]))

    def compiled(self) -> Compiled:
        names = {hole.name for hole in self._holes}
        return Compiled(
            constants=tuple(self._constants),
            holes=tuple(self._holes),
            links={name: spec for name, spec in field.LINKS.items() if name in names},
        )


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
