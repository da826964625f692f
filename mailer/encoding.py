"""Text to the seven bits of mail: quoted-printable bodies (RFC 2045 6.7) and encoded words in headers (RFC 2047).

What leaves here is ASCII with CRLF, has no line over 76, never begins a line with `.` (no dot-stuffing) and holds no
doubled or dangling blank (already canonical for DKIM, RFC 6376 3.4).
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Callable, Iterator

from ground.bidi import balanced

CRLF = b"\r\n"
SOFT_BREAK = b"=\r\n"

_LINE = 75  # characters before the `=` of a soft break
_WORD = 75  # one encoded word, delimiters and all
_HEADER_LINE = 76  # a line that holds an encoded word

#: A value that stands as it is: printable, one line, nothing that quoted-printable or a blank rule would change.
_PLAIN = re.compile(r"[!-<>-~]{1,75}\Z")
#: The same, longer than a line: our signed links.
_PLAIN_LINES = re.compile(r"[!-<>-~]{76,}\Z")
_ATOMS = {chr(code): chr(code) if code != ord("=") else "=3D" for code in range(33, 127)}

#: Controls, and the marks that end a line for some programs and not for others (U+0085, U+2028, U+2029).
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
#: Embeddings and overrides turn the text that follows around; isolates (U+2066-2069) are balanced and stay.
_OVERRIDES = re.compile("[\u202a-\u202e]")

_SAFE_IN_Q = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!*+-/")
_ATEXT = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")


def clean(text: str) -> str:
    """One line of honest text: controls and line marks become a blank, bidi overrides go, lone surrogates become `?`."""
    if text.isascii() and text.isprintable():
        return text
    text = balanced(_OVERRIDES.sub("", _CONTROLS.sub(" ", text)))
    return unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))


def quoted(text: str) -> bytes:
    """Quoted-printable for any text; line ends in it (LF or CRLF) become hard ones."""
    if _PLAIN.match(text) and text[0] != ".":
        return text.encode("ascii")
    if _PLAIN_LINES.match(text) and "." not in text[::_LINE]:  # what each of its lines begins with
        return "=\r\n".join([text[start : start + _LINE] for start in range(0, len(text), _LINE)]).encode("ascii")
    lines = text.replace("\r\n", "\n").split("\n")
    return CRLF.join(SOFT_BREAK.join(_pieces(line)) for line in lines)


def _pieces(line: str) -> Iterator[bytes]:
    """The pieces of one source line, each at most 75 characters; no character is split between two."""
    piece = ""
    last = len(line) - 1
    for index, char in enumerate(line):
        atom = _ATOMS.get(char) or _escaped(char)
        if char == " " and piece and not piece.endswith(" ") and index != last:
            atom = " "
        if len(piece) + len(atom) > _LINE:
            # A blank before a soft break is legal, but a relay that trims lines would join two words: it moves on.
            dangling = piece.endswith(" ")
            yield piece.rstrip(" ").encode("ascii")
            piece = "=20" if dangling else ""
            atom = _escaped(char) if char == " " else atom
        if not piece and (char == "." or (char == "F" and line.startswith("From ", index))):
            atom = _escaped(char)  # dot-stuffing, and the ">From" of mailbox files
        piece += atom
    yield piece.encode("ascii")


def _escaped(char: str) -> str:
    return "".join(f"={byte:02X}" for byte in char.encode("utf-8"))


def words(text: str, *, indent: int) -> list[str]:
    """Encoded words for a text, in whichever of Q and B is shorter; the first leaves room for `indent` characters."""
    found = [_words(text, indent, "q", _q), _words(text, indent, "b", _b)]
    return min(found, key=lambda choice: sum(map(len, choice)))


def _words(text: str, indent: int, name: str, encode: Callable[[str], str]) -> list[str]:
    """Each word ends at a whole character (RFC 2047 5), so that a reader may decode them one by one."""
    found: list[str] = []
    chunk, room = "", min(_WORD, _HEADER_LINE - indent) - len("=?utf-8?q??=")
    for char in text:
        if chunk and len(encode(chunk + char)) > room:
            found.append(f"=?utf-8?{name}?{encode(chunk)}?=")
            chunk, room = "", _WORD - len("=?utf-8?q??=")
        chunk += char
    return [*found, f"=?utf-8?{name}?{encode(chunk)}?="] if chunk else found


def _q(text: str) -> str:
    return "".join(char if char in _SAFE_IN_Q else "_" if char == " " else _escaped(char) for char in text)


def _b(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def unstructured(name: str, text: str) -> str:
    """A whole header line for free text such as a subject, folded, without its last line end.

    The text is made one clean line first. ASCII stays readable, unless it looks like an encoded word itself.
    """
    text = " ".join(clean(text).split())
    folded = _folded(f"{name}:", text) if text.isascii() and "=?" not in text else None
    return folded or f"{name}: " + "\r\n ".join(words(text, indent=len(name) + 2))


def phrase(text: str, *, indent: int) -> str:
    """A display name (RFC 5322 3.2.5): atoms, a quoted string, or encoded words, folded. Empty for an empty name."""
    text = " ".join(clean(text).split())
    if not text or (_ATEXT.match(text) and len(text) + indent <= _HEADER_LINE and "=?" not in text):
        return text
    if text.isascii() and len(text) + indent + 2 <= _HEADER_LINE and not set(text) & set('"\\') and "=?" not in text:
        return f'"{text}"'
    return "\r\n ".join(words(text, indent=indent))


def _folded(start: str, text: str) -> str | None:
    """ASCII text folded at blanks; None when one word is too long for a line."""
    lines = [start]
    for word in text.split(" "):
        if len(lines[-1]) + 1 + len(word) <= _HEADER_LINE:
            lines[-1] += f" {word}"
        elif len(word) + 1 <= _HEADER_LINE and lines[-1] != start:
            lines.append(f" {word}")
        else:
            return None
    return "\r\n".join(lines)
