"""A mail cut into the parts in which a report can be: headers, a type, a decoded body.

Not the standard library's parser: that one takes what it is given, and a bounce box is open to everybody. Nested
multiparts cost it a generator a level, a `Content-Type` of semicolons is quadratic. Here the work is linear in the
bytes, at most `MAX_BYTES` of them, at most `MAX_DEPTH` deep and `MAX_PARTS` wide, and no input raises.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message

MAX_BYTES = 2 * 1024 * 1024  # a report's own words come first, the returned message last
MAX_HEADERS = 128 * 1024
MAX_FIELD = 4096
MAX_DEPTH = 5
MAX_PARTS = 40

_FIELD = re.compile(r"([!-9;-~]{1,80})[ \t]*:(.*)", re.DOTALL)
_CONTAINERS = frozenset({"message/rfc822", "message/global"})


class Headers:
    """Header fields by small-letter name, unfolded, each value at most `MAX_FIELD` characters."""

    __slots__ = ("_fields",)

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in fields:
            self._fields.setdefault(name, []).append(value)

    def all(self, name: str) -> list[str]:
        return self._fields.get(name, [])

    def get(self, name: str) -> str:
        """The first value of this name, or nothing."""
        return self._fields.get(name, [""])[0]

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __len__(self) -> int:
        return len(self._fields)


@dataclass(frozen=True, slots=True)
class Part:
    headers: Headers
    type: str  # "message/delivery-status"
    body: bytes  # decoded; line ends are LF
    depth: int

    @property
    def text(self) -> str:
        return as_text(self.body)


def cut(raw: bytes) -> Iterator[Part]:
    """Every part of a mail, outermost first. A returned message is given as its own part, and not looked into."""
    yield from _cut(_unix(raw[:MAX_BYTES]), 0, [MAX_PARTS])


def fields_of(block: str) -> list[tuple[str, str]]:
    """Header-like lines to (small-letter name, unfolded value); lines that are no field are passed over."""
    found: list[tuple[str, str]] = []
    for line in block.split("\n"):
        if line[:1] in {" ", "\t"} and found:
            name, value = found[-1]
            if len(value) < MAX_FIELD:
                found[-1] = (name, f"{value} {line.strip()}".strip()[:MAX_FIELD])
            continue
        match = _FIELD.match(line[: MAX_FIELD + 100])
        if match is not None:
            found.append((match[1].lower(), match[2].strip()[:MAX_FIELD]))
    return found


def headers_of(body: bytes) -> Headers:
    """The headers at the top of a returned message or of a `text/rfc822-headers` part."""
    return _split(body)[0]


def as_text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _unix(raw: bytes) -> bytes:
    # Old Mac mail stores end lines with a bare CR; some gateways write CR CR LF.
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    elif b"\r" in raw:
        raw = re.sub(rb"\r{1,4}\n", b"\n", raw)
    raw = raw.lstrip(b"\n")
    if raw.startswith((b"From ", b">From ")):  # an mbox separator left in front
        raw = raw.partition(b"\n")[2]
    return raw


def _cut(data: bytes, depth: int, budget: list[int]) -> Iterator[Part]:
    if budget[0] <= 0:
        return
    budget[0] -= 1
    headers, body = _split(data)
    content_type, boundary = _type_of(headers)
    if content_type.startswith("multipart/") and boundary and depth < MAX_DEPTH:
        yield Part(headers, content_type, b"", depth)
        for piece in _pieces(body, boundary, budget[0]):
            yield from _cut(piece, depth + 1, budget)
        return
    encoding = headers.get("content-transfer-encoding").lower()
    yield Part(headers, content_type, body if content_type in _CONTAINERS else _decoded(body, encoding), depth)


def _split(data: bytes) -> tuple[Headers, bytes]:
    if data.startswith(b"\n"):
        return Headers([]), data[1:]
    end = data.find(b"\n\n")
    head, body = (data, b"") if end < 0 else (data[:end], data[end + 2 :])
    return Headers(fields_of(as_text(head[:MAX_HEADERS]))), body


def _type_of(headers: Headers) -> tuple[str, str]:
    value = headers.get("content-type")[:1000]  # its parameters are read in quadratic time
    if not value:
        return "text/plain", ""
    message = Message()
    message["content-type"] = value.replace("\r", " ")
    try:
        boundary = message.get_param("boundary")
    except (ValueError, LookupError):  # broken RFC 2231 parts
        boundary = None
    return message.get_content_type(), boundary.strip() if isinstance(boundary, str) else ""


def _pieces(body: bytes, boundary: str, limit: int) -> list[bytes]:
    line = b"\n--" + boundary.strip('"').encode("utf-8", "surrogateescape")
    pieces = (b"\n" + body).split(line, limit + 1)[1 : limit + 1]
    found = []
    for piece in pieces:
        if piece.startswith(b"--"):  # the closing delimiter
            break
        found.append(piece.partition(b"\n")[2])
    return found


def _decoded(body: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        try:
            return _unix(binascii.a2b_base64(body))
        except binascii.Error:
            return body
    if encoding == "quoted-printable":
        return _unix(quopri.decodestring(body))
    return body
