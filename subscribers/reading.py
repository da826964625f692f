"""Reading a list of readers: every row of a CSV file as a checked `Entry`, whatever the file holds.

Reading asks no database. It is done once, in a child process, into a file of one JSON line a row; the dry run and the
run go through that, so that a run which was broken off goes on at a byte and not at the beginning.
"""

from __future__ import annotations

import enum
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mailer import address
from mailer.address import BadAddress
from subscribers import columns, exporting, spreadsheet
from subscribers.columns import Columns, Meaning, NoAddress
from subscribers.spreadsheet import Form, NotCsv, Record

#: Cells that are kept of a row, and characters of each: what the error file gives back.
_CELLS, _CELL = 40, 400
_NAME = 120


class Wish(enum.StrEnum):
    """What a row says about its reader."""

    JOIN = "join"
    WAITS = "waits"  # asked once and never confirmed
    LEFT = "left"
    BLOCKED = "blocked"  # bounced, complained, blocklisted


_STATUS = {
    word: wish
    for wish, words in {
        Wish.JOIN: "active|subscribed|enabled|confirmed|yes|true|1|مشترك|نشط|مؤكد|چالاک|بەشداربوو",
        Wish.WAITS: "pending|unconfirmed|waiting|awaiting confirmation|قيد الانتظار|غير مؤكد|چاوەڕوان",
        Wish.LEFT: "ended|unsubscribed|inactive|disabled|opted out|left|no|false|0|non subscribed|cancelled|canceled"
        "|ملغى|غير مشترك|کۆتایی هات",
        Wish.BLOCKED: "blocklisted|blacklisted|blocked|suppressed|cleaned|bounced|hard bounced|complained|spam|invalid"
        "|محظور|بلۆککراو",
    }.items()
    for word in words.split("|")
}
_LANGUAGES = {
    "english": "en",
    "arabic": "ar",
    "العربية": "ar",
    "عربي": "ar",
    "kurdish": "ckb",
    "sorani": "ckb",
    "central kurdish": "ckb",
    "کوردی": "ckb",
    "french": "fr",
    "turkish": "tr",
    "persian": "fa",
}
_YES = frozenset({"yes", "true", "1", "y", "t", "on", "نعم", "بەڵێ"})
_TAG = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*\Z")

#: Why a text is no address (mailer.address), in words for the person whose list it is.
_NO_ADDRESS = {
    "empty": "there is no address",
    "no_at": "the address has no @",
    "spaces": "the address has a blank in it",
    "too_long": "the address is longer than mail allows",
    "malformed": "this is no email address",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row: what it says, or why it cannot be read."""

    row: int  # the number of its first line in the file
    cells: tuple[str, ...]  # as they stand there, for the error file
    problem: str | None = None
    address: str = ""
    key: str = ""
    domain: str = ""
    name: str | None = None
    language: str | None = None
    edition: str | None = None
    wish: Wish = Wish.JOIN
    agreed_at: datetime | None = None
    agreed: str | None = None  # what the file says about the consent, in its own words
    is_repeated: bool = False  # the same reader and edition stand further above


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a file will be read: shown to a person before anything is done with it."""

    form: Form
    columns: Columns

    @property
    def assumptions(self) -> list[str]:
        return [text for text in (self.form.assumed, self.columns.assumed) if text]

    def told(self) -> dict[str, Any]:
        """The same as plain data, to be kept with an import and shown."""
        return {
            "encoding": self.form.encoding,
            "separator": self.form.separator,
            "assumed": self.assumptions,
            "columns": [
                [header, None if meaning is None else meaning.value] for header, meaning in self.columns.told()
            ],
        }


def plan(path: Path) -> Plan | NotCsv:
    """How this file is written and what its columns mean. Quick, but for one look at every byte."""
    form = spreadsheet.recognise(path)
    if isinstance(form, NotCsv):
        return form
    first = next(spreadsheet.records(path, form), None)
    if first is None:
        return NotCsv("The file holds no row. Choose the file that your other tool exported.")
    found = columns.read(first.cells)
    if isinstance(found, NoAddress):
        return NotCsv(found.problem)
    return Plan(form=form, columns=found)


def entries(path: Path, plan: Plan, *, now: datetime) -> Iterator[Entry]:
    """Every row below the header."""
    rows = spreadsheet.records(path, plan.form)
    if plan.columns.headers:
        next(rows, None)
    for record in rows:
        yield _entry(record, plan.columns, now)


def write(source: Path, plan: Plan, target: Path, *, now: datetime) -> int:
    """Read a whole file into one JSON line a row; how many rows."""
    count = 0
    seen: set[int] = set()  # of hashes: a million of them take 64 MB, as texts they would take three times that
    with target.open("w", encoding="utf-8", newline="\n") as rows:
        for entry in entries(source, plan, now=now):
            count += 1
            if entry.problem is None:
                known = len(seen)
                seen.add(hash((entry.key, entry.edition)))
                entry = entry if len(seen) > known else replace(entry, is_repeated=True)
            rows.write(_dumped(entry))
    return count


def read(rows: Path, start: int, most: int) -> tuple[list[Entry], int]:
    """At most so many rows from a byte on, and the byte after them."""
    with rows.open("rb") as file:
        file.seek(start)
        found = [_loaded(text) for text, _ in zip(file, range(most), strict=False)]
        # Iterating reads ahead, so the place is counted and not asked for.
        return [entry for entry, _ in found], start + sum(size for _, size in found)


def _dumped(entry: Entry) -> str:
    values = [getattr(entry, name) for name in Entry.__dataclass_fields__]
    return json.dumps(values, default=datetime.isoformat, separators=(",", ":")) + "\n"


def _loaded(text: bytes) -> tuple[Entry, int]:
    values = dict(zip(Entry.__dataclass_fields__, json.loads(text), strict=True))
    values["cells"] = tuple(values["cells"])
    values["wish"] = Wish(values["wish"])
    values["agreed_at"] = datetime.fromisoformat(values["agreed_at"]) if values["agreed_at"] else None
    return Entry(**values), len(text)


def _entry(record: Record, found: Columns, now: datetime) -> Entry:
    cells = tuple(cell[:_CELL] for cell in record.cells[:_CELLS])
    if record.problem is not None:
        return Entry(row=record.line, cells=cells, problem=record.problem)
    read = address.parse(exporting.plain(found.cell(record.cells, Meaning.ADDRESS)))
    if isinstance(read, BadAddress):
        return Entry(row=record.line, cells=cells, problem=_NO_ADDRESS[read.reason])
    return Entry(
        row=record.line,
        cells=cells,
        address=str(read),
        key=read.key,
        domain=read.domain,
        name=_name(record, found),
        language=_language(found.cell(record.cells, Meaning.LANGUAGE)),
        edition=_text(found.cell(record.cells, Meaning.EDITION), 80),
        wish=_wish(record, found),
        agreed_at=_date(found.cell(record.cells, Meaning.CONSENT_AT), now),
        agreed=_agreed(record, found),
    )


def _wish(record: Record, found: Columns) -> Wish:
    """The strongest "no" that any of the columns says."""

    def says(meaning: Meaning) -> str:
        return " ".join(found.cell(record.cells, meaning).casefold().replace("_", " ").replace("-", " ").split())

    if says(Meaning.SUPPRESSED) or _STATUS.get(says(Meaning.STATUS)) is Wish.BLOCKED:
        return Wish.BLOCKED
    refuses = says(Meaning.REFUSES) in _YES or (_STATUS.get(says(Meaning.WANTS)) is Wish.LEFT)
    if refuses or says(Meaning.LEFT_AT) or _STATUS.get(says(Meaning.STATUS)) is Wish.LEFT:
        return Wish.LEFT
    return _STATUS.get(says(Meaning.STATUS), Wish.JOIN)


def _name(record: Record, found: Columns) -> str | None:
    whole = found.cell(record.cells, Meaning.NAME)
    parts = [found.cell(record.cells, part) for part in (Meaning.FIRST_NAME, Meaning.LAST_NAME)]
    return _text(exporting.plain(whole or " ".join(parts)), _NAME)


def _text(text: str, most: int) -> str | None:
    """One clean line, or nothing."""
    kept = "".join(" " if char.isspace() else char for char in text[: most * 2])
    kept = "".join(char for char in kept if unicodedata.category(char)[0] != "C" or char in "\u200c\u200d")
    return " ".join(unicodedata.normalize("NFC", kept).split())[:most] or None


def _language(text: str) -> str | None:
    if named := _LANGUAGES.get(text.casefold()):
        return named
    return text.replace("_", "-").partition("-")[0].lower() if len(text) <= 16 and _TAG.match(text) else None


def _date(text: str, now: datetime) -> datetime | None:
    """An ISO 8601 date that has been; whatever else stands there is kept as words (03/04/2024 may be either month)."""
    try:
        found = datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        return None
    found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return found if datetime(1990, 1, 1, tzinfo=UTC) < found <= now else None


def _agreed(record: Record, found: Columns) -> str | None:
    """Kept with the consent for good, which an erasure cannot change: so no address is let in."""
    words = (exporting.plain(found.cell(record.cells, place)) for place in (Meaning.CONSENT, Meaning.CONSENT_AT))
    return _text(", ".join(word for word in words if word and "@" not in word), 200)
