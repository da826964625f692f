"""Importing a list of readers: first a dry run that writes nothing about anyone, then, when somebody says so, the run.

A run goes by short transactions. Each commits its rows together with how far the list has come, so whatever breaks off
is finished by running on: no row is done twice, and none is left out. What is not taken is in the error file, row by row.
"""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from ground.database import Database
from mailer import suppressions
from mailer.suppressions import Cause
from subscribers import admitting, exporting, imports, judging, reading
from subscribers.imports import Import, ImportMode, ImportState
from subscribers.judging import Outcome, Terms, Verdict
from subscribers.reading import Plan
from subscribers.spreadsheet import NotCsv

#: Rows in one transaction: 5 to 8 ms of SQLite's only write lock.
BATCH = 100
#: Rows that the dry run asks about at a time; it holds no lock.
_LOOK = 500
#: Rows in one where each may write a letter.
ASK = 3
#: A letter that asks a reader to confirm leaves this often: nobody who signs up meanwhile shall wait behind a long list.
LETTER_EVERY = timedelta(seconds=1)

#: Bytes that are copied at a time.
_PIECE = 256 * 1024

_ERROR_HEADERS = ("row", "reason", "the row as it stands in the file")

Told = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class Folder:
    """What lies in an import's own folder."""

    path: Path

    @property
    def upload(self) -> Path:
        return self.path / "upload.csv"

    @property
    def rows(self) -> Path:
        return self.path / "rows.jsonl"

    @property
    def errors(self) -> Path:
        return self.path / "errors.csv"

    def keep(self, source: BinaryIO) -> str:
        """Copy a list in, piece by piece; the SHA-256 of its bytes."""
        self.path.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with self.upload.open("wb") as kept:
            while piece := source.read(_PIECE):
                digest.update(piece)
                kept.write(piece)
        return digest.hexdigest()

    def forget(self, address_key: str) -> None:
        """Take the rows that name somebody who was forgotten out of the error file."""
        if not self.errors.is_file():
            return
        fresh = self.errors.with_suffix(".new")
        with (
            self.errors.open(encoding="utf-8-sig", newline="") as old,
            fresh.open("w", encoding="utf-8-sig", newline="") as new,
        ):
            kept = csv.writer(new, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
            kept.writerows(row for row in csv.reader(old) if not any(address_key in cell.casefold() for cell in row))
        fresh.replace(self.errors)

    def clear(self, *, but_errors: bool = False) -> None:
        """Delete the list: it holds addresses that are nobody's business once it is done with."""
        if not but_errors:
            shutil.rmtree(self.path, ignore_errors=True)
            return
        self.upload.unlink(missing_ok=True)
        self.rows.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What a run would do now."""

    rows: int
    expected: Mapping[str, int]
    plan: Plan


def rehearse(
    database: Database, folder: Folder, terms: Terms, *, now: datetime, told: Told | None = None
) -> Rehearsed | NotCsv:
    """The dry run: read the whole list and judge every row. Nothing is written but the files beside it."""
    plan = reading.plan(folder.upload)
    if isinstance(plan, NotCsv):
        return plan
    total = reading.write(folder.upload, plan, folder.rows, now=now)
    counts: Counter[str] = Counter()
    position = 0
    with folder.errors.open("wb") as errors:
        errors.write(_ERRORS_HEAD)
        while True:
            entries, position = reading.read(folder.rows, position, _LOOK)
            if not entries:
                return Rehearsed(rows=total, expected=_named(counts), plan=plan)
            with database.read() as session:
                verdicts = judging.judge(session, entries, terms, now=now)
            counts.update(verdict.outcome.value for verdict in verdicts)
            errors.writelines(_errors(verdicts))
            if told is not None:
                told(counts.total(), total)


def check(database: Database, import_id: int, folder: Folder, terms: Terms, *, now: datetime) -> None:
    """The dry run of an import that was handed in, with its report."""
    done = rehearse(database, folder, terms, now=now)
    with database.write() as session:
        if isinstance(done, NotCsv):
            imports.stop(session, import_id, done.problem, now=now)
            folder.clear()
        else:
            imports.checked(session, import_id, done.expected, rows=done.rows)


def carry_on(
    database: Database,
    import_id: int,
    folder: Folder,
    terms: Terms,
    *,
    now: datetime,
    batches: int,
    told: Told | None = None,
) -> bool:
    """Do the next rows of a running import, at most so many transactions. False when there is nothing (more) to do now.

    Two that carry on with the same import are harmless: a transaction that finds the list further than it read does
    nothing.
    """
    for _ in range(batches):
        with database.read() as session:
            found = imports.find(session, import_id)
        if found is None or found.state is not ImportState.RUNNING or found.next_at > now:
            return False
        after = _step(database, found, folder, terms, now=now)
        if told is not None:
            told(after.done, after.rows or 0)
        if after.state is ImportState.FINISHED:
            folder.clear(but_errors=True)
            return False
    return True


def _step(database: Database, found: Import, folder: Folder, terms: Terms, *, now: datetime) -> Import:
    """One transaction: the next rows, and how far the list has come. Where another was quicker, nothing.

    Rows are judged before the lock is taken, and again under it only when somebody was suppressed or forgotten since.
    (Who signs up meanwhile keeps what they did: the insert steps aside.)
    """
    size = ASK if terms.mode is ImportMode.MUST_CONFIRM else BATCH
    try:
        entries, position = reading.read(folder.rows, found.position, size)
    except FileNotFoundError:
        return _finished_by_another(database, found)
    with database.read() as session:
        newest = suppressions.newest(session)
        verdicts = judging.judge(session, entries, terms, now=now)
    with database.write_bulk() as session:
        held = session.get_one(Import, found.id, with_for_update=True)
        if held.state is ImportState.RUNNING and held.position == found.position:
            if suppressions.newest(session) != newest:
                verdicts = judging.judge(session, entries, terms, now=now)
            admitting.admit(session, verdicts, terms, now=now)
            _advance(held, verdicts, position, folder, now)
    return held


def _finished_by_another(database: Database, found: Import) -> Import:
    """The list as it is now: who does its last row deletes the file, and may do so just before another opens it.

    Raises:
        FileNotFoundError: the list still runs, so its rows are lost.
    """
    with database.read() as session:
        now_is = session.get_one(Import, found.id)
    if now_is.state is ImportState.RUNNING:
        raise FileNotFoundError(f"The rows of import {found.id} are gone, and it is not finished.")
    return now_is


def _advance(held: Import, verdicts: list[Verdict], position: int, folder: Folder, now: datetime) -> None:
    """Note how far the list has come, and write the error file as far: the commit that follows makes both true."""
    counts = Counter({word: number for word, number in held.counts.items() if isinstance(number, int)})
    counts.update(verdict.outcome.value for verdict in verdicts)
    held.counts = _named(counts)
    held.errors_size = _append(folder.errors, held.errors_size, b"".join(_errors(verdicts)))
    held.position = position
    held.done += len(verdicts)
    held.next_at = now + LETTER_EVERY * sum(verdict.outcome is Outcome.ASKED for verdict in verdicts)
    if not verdicts:
        held.state, held.ended_at = ImportState.FINISHED, now


def _append(path: Path, size: int, lines: bytes) -> int:
    """Write behind what is true; what a run wrote that never committed is cut off."""
    if size and not lines:
        return size
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.truncate(size)
        file.seek(size)
        file.write(lines if size else _ERRORS_HEAD + lines)
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def _errors(verdicts: list[Verdict]) -> Iterator[bytes]:
    for verdict in verdicts:
        if verdict.reason is not None:
            cells = () if verdict.cause is Cause.ERASED else verdict.entry.cells  # who was forgotten is not named again
            yield exporting.line([verdict.entry.row, verdict.reason, *cells])


def _named(counts: Counter[str]) -> dict[str, int]:
    """Every outcome with its number, in the order of `Outcome`."""
    return {outcome.value: counts.get(outcome.value, 0) for outcome in Outcome}


_ERRORS_HEAD = "\ufeff".encode() + exporting.line(_ERROR_HEADERS)
