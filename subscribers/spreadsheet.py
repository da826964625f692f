"""A file that should be CSV: whether it is, in which encoding and with which separator, and its records one by one.

Nothing of it is trusted and little of it is held: a line of a gigabyte, a quotation mark that is never closed, bytes of
another encoding and a workbook under a wrong name all end as a sentence or as one bad row.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

#: What is looked at to recognise a file.
HEAD = 64 * 1024
#: Characters of one line; a longer one is a bad row and is passed over without being held.
LONGEST_LINE = 32 * 1024
#: Lines that one quoted record may run over. More of them mean a quotation mark that nobody closed.
LONGEST_RECORD = 40

_SEPARATORS = ",;\t|"
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")

#: How a file begins that is no CSV -> what it is, and what to do.
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "an Excel, Numbers or ZIP file. Open it and save the sheet as “CSV UTF-8”; unpack a ZIP first"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook. Open it and save the sheet as “CSV UTF-8”"),
    (b"%PDF", "a PDF. Ask for the same list as CSV"),
    (b"\x1f\x8b", "packed (gzip). Unpack it first"),
    (b"BEGIN:VCARD", "a file of address cards. Export the address book as CSV"),
    (b"SQLite format 3", "a database. Export its subscribers as CSV"),
    (b"{\\rtf", "a text document. Save the list as CSV from a spreadsheet"),
    (b"\x89PNG", "a picture. Ask for the list as CSV"),
    (b"\xff\xd8\xff", "a picture. Ask for the list as CSV"),
    (b"<", "a web page or XML. Export the list as CSV instead of saving the page"),
    (b"{", "JSON. Export the list as CSV"),
    (b"[", "JSON. Export the list as CSV"),
)


@dataclass(frozen=True, slots=True)
class NotCsv:
    """Why a file cannot be read as CSV, and what to export instead, in words for who chose it."""

    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a file is written. `assumed` says what was guessed, for a person to doubt; None where nothing was."""

    encoding: str
    separator: str
    assumed: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One record: the number of its first line in the file, its cells, and why it cannot be read, if so."""

    line: int
    cells: Sequence[str]
    problem: str | None = None


def recognise(path: Path) -> Form | NotCsv:
    """How this file is written. Reads it once from end to end to be sure of the encoding, holding little of it."""
    with path.open("rb") as file:
        head = file.read(HEAD)
        if not head.strip(b"\xef\xbb\xbf \t\r\n"):
            return NotCsv("The file is empty. Choose the file that your other tool exported.")
        found = _encoding(head, file)
    if found is None:
        return NotCsv(_no_text(head))
    encoding, assumed = found
    first = _first_line(path, encoding)
    if first.startswith(("sep=", "SEP=")) and len(first) == 5 and first[4] in _SEPARATORS:
        return Form(encoding=encoding, separator=first[4], assumed=assumed)
    return Form(encoding=encoding, separator=_separator(first), assumed=assumed)


def records(path: Path, form: Form) -> Iterator[Record]:
    """Every record that is not blank, in order; a bad one is told and the next one follows."""
    with path.open("rb") as raw, io.TextIOWrapper(raw, form.encoding, "replace", newline="") as text:
        lines = _Lines(text)
        while (line := lines.take()) is not None:
            record = _record(line, lines, form.separator)
            if record.problem is not None or any(map(str.strip, record.cells)):
                yield record


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str
    is_cut: bool = False


class _Lines:
    """A file's lines, each of bounded length; lines that were taken too far can be given back."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._number = 0
        self._back: deque[_Line] = deque()

    def take(self) -> _Line | None:
        if self._back:
            return self._back.popleft()
        piece = self._text.readline(LONGEST_LINE)
        if not piece:
            return None
        self._number += 1
        if self._number == 1:
            piece = piece.removeprefix("\ufeff")
            if re.fullmatch(r"sep=[,;\t|]\s*", piece, re.IGNORECASE):  # Excel's own hint
                return self.take()
        is_cut = len(piece) >= LONGEST_LINE and piece[-1] not in "\r\n"
        if is_cut:
            self._pass_over()
        return _Line(self._number, piece, is_cut)

    def give_back(self, lines: Sequence[_Line]) -> None:
        self._back.extendleft(reversed(lines))

    def _pass_over(self) -> None:
        while (rest := self._text.readline(LONGEST_LINE)) and rest[-1] not in "\r\n":
            pass


class _Feed:
    """What the csv module reads a record from: it asks for a further line only inside of quotation marks."""

    def __init__(self, first: _Line, lines: _Lines) -> None:
        self.taken = [first]
        self.is_open = False  # it asked for more than there is, or than a record may have
        self._lines = lines
        self._waits = True

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._waits:
            self._waits = False
            return self.taken[0].text
        further = self._lines.take() if len(self.taken) < LONGEST_RECORD else None
        if further is None or further.is_cut:
            if further is not None:
                self._lines.give_back([further])
            self.is_open = True
            raise StopIteration
        self.taken.append(further)
        return further.text


def _record(first: _Line, lines: _Lines, separator: str) -> Record:
    if first.is_cut:
        return Record(first.number, [first.text[:200]], f"the line has more than {LONGEST_LINE:,} characters")
    if '"' not in first.text:
        return Record(first.number, first.text.rstrip("\r\n").split(separator))
    feed = _Feed(first, lines)
    cells = _parsed(feed, separator)
    if cells is not None and not feed.is_open:
        return Record(first.number, cells)
    # Only this line is lost: the next ones are read as if it had not been there.
    lines.give_back(feed.taken[1:])
    text = first.text.rstrip("\r\n")
    return Record(first.number, text.split(separator), "a quotation mark in this line is never closed")


def _parsed(feed: _Feed, separator: str) -> list[str] | None:
    """One record's cells. Over several lines its marks must be right: else one stray mark would swallow its neighbours."""
    try:
        return next(csv.reader(feed, delimiter=separator, strict=True))
    except (csv.Error, StopIteration):
        if len(feed.taken) > 1 or feed.is_open:
            return None
    return next(csv.reader([feed.taken[0].text], delimiter=separator), None)


def _no_text(head: bytes) -> str:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for magic, what in _OTHERS:
        if start.startswith(magic):
            return f"This is no CSV file; it looks like {what}, and choose that file."
    return "This file is no text. Export the list as CSV from your other tool, and choose that file."


def _encoding(head: bytes, file: BinaryIO) -> tuple[str, str | None] | None:
    """The encoding and what was guessed about it; None for what is no CSV text."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(mark):
            return None if _is_other(head) else (name, None)
    if _is_other(head):
        return None
    zeros = (head[0::2].count(0), head[1::2].count(0))
    if max(zeros) > len(head) // 6:
        order, name = ("utf-16-le", "little") if zeros[1] > zeros[0] else ("utf-16-be", "big")
        return order, f"The file has no mark of its encoding; it was read as UTF-16 ({name} end first)."
    if len(_CONTROLS.findall(head)) > 8 + len(head) // 20:
        return None
    return _eight_bit(head, file)


def _is_other(head: bytes) -> bool:
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(tuple(magic for magic, _ in _OTHERS))


def _eight_bit(head: bytes, file: BinaryIO) -> tuple[str, str | None]:
    """UTF-8 where the whole file, or nearly all that is not ASCII, is; else one of the Windows code pages."""
    whole, broken = _broken_utf8(head, file)
    if broken == 0:
        return "utf-8", None
    if broken * 20 < whole:
        return "utf-8", f"The file is UTF-8, but for {broken:,} bytes that are not; they stand as “\ufffd”."
    file.seek(0)
    high = re.findall(rb"[\x80-\xff]+", file.read(16 * HEAD))
    # Arabic words are runs of high bytes; an accented letter of a Western name stands between ASCII ones.
    in_runs = sum(len(run) for run in high if len(run) > 2)
    if in_runs * 2 > sum(map(len, high)):
        return "cp1256", "The file does not say its encoding and is not UTF-8; it was read as Windows-1256 (Arabic)."
    return "cp1252", "The file does not say its encoding and is not UTF-8; it was read as Windows-1252 (Western)."


def _broken_utf8(head: bytes, file: BinaryIO) -> tuple[int, int]:
    """Characters beyond ASCII, and how many of them are no UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    whole = broken = 0
    piece = head
    while True:
        text = decoder.decode(piece, final=not piece)
        if not text.isascii():
            broken += text.count("\ufffd")
            whole += sum(map(len, re.findall(r"[^\x00-\x7f]+", text)))
        if not piece:
            return whole, broken
        piece = file.read(HEAD)


def _first_line(path: Path, encoding: str) -> str:
    with path.open("rb") as raw, io.TextIOWrapper(raw, encoding, "replace", newline="") as text:
        for _ in range(20):
            line = text.readline(LONGEST_LINE).removeprefix("\ufeff")
            if line.strip():
                return line.strip("\r\n")
    return ""


def _separator(first: str) -> str:
    """The separator that parts the first line into the most cells; what stands in quotation marks does not count."""
    bare = re.sub(r'"[^"]*"', "", unicodedata.normalize("NFC", first))
    return max(_SEPARATORS, key=bare.count)
