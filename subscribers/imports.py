"""Imports: every list of readers that was handed in, by whom, under which claim of consent, and what came of it.

    checking -> checked -> running -> finished
        |          `-----> discarded
        `-> stopped <--------'            a file that is gone or cannot be read; it says why

The list itself lies beside the database in a folder of the import's own, and is deleted when it is done with.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, ForeignKey, String, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId, one_of
from staff.members import audit

#: How long the error file of an import can be fetched: it holds addresses.
ERRORS_KEPT = timedelta(days=30)
#: How long a list waits for the word to run: after that it is thrown away.
LISTS_KEPT = timedelta(days=7)


class ImportMode(enum.StrEnum):
    CONFIRMED = "confirmed"  # permission exists elsewhere; who imports vouches for it
    MUST_CONFIRM = "must_confirm"  # every reader is asked by letter, and only who presses the button is in


class ImportState(enum.StrEnum):
    CHECKING = "checking"  # being read; nothing about any reader is written
    CHECKED = "checked"  # the dry run's report waits for a person
    RUNNING = "running"
    FINISHED = "finished"
    DISCARDED = "discarded"
    STOPPED = "stopped"  # cannot go on; `problem` says why


class Import(Base):
    __tablename__ = "imports"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    folder: Mapped[str] = mapped_column(String(40), unique=True)
    file_name: Mapped[str] = mapped_column(String(255))
    file_hash: Mapped[str] = mapped_column(String(64), index=True)  # SHA-256 of the bytes that were handed in
    edition_id: Mapped[int | None] = mapped_column(ForeignKey("editions.id"))  # None: each row names its own
    mode: Mapped[ImportMode] = mapped_column(one_of(ImportMode, "mode"))
    source: Mapped[str] = mapped_column(String(500))  # where the consent comes from, in the words of who vouches
    state: Mapped[ImportState] = mapped_column(one_of(ImportState, "state"), index=True)
    problem: Mapped[str | None] = mapped_column(String(1000))
    plan: Mapped[dict[str, Any]]  # how the file is read: encoding, columns, what was assumed
    expected: Mapped[dict[str, Any]]  # the dry run's counts by outcome
    counts: Mapped[dict[str, Any]]  # the run's, as far as it has come
    rows: Mapped[int | None]
    done: Mapped[int] = mapped_column(default=0)
    position: Mapped[int] = mapped_column(RowId, default=0)  # bytes of the checked rows that are done
    errors_size: Mapped[int] = mapped_column(RowId, default=0)  # bytes of the error file that are true
    made_by: Mapped[str] = mapped_column(String(320))
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    next_at: Mapped[datetime]  # not before this: letters that ask are paced


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be done with a list. Who gives it vouches for `source`."""

    edition_id: int | None
    mode: ImportMode
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that was handed in and lies in its folder."""

    folder: str
    file_name: str
    file_hash: str
    plan: Mapping[str, Any]


def add(session: Session, upload: Upload, order: Order, *, by: str, now: datetime) -> Import:
    """Take a list in; it is checked next."""
    made = Import(
        folder=upload.folder,
        file_name=upload.file_name[:255],
        file_hash=upload.file_hash,
        edition_id=order.edition_id,
        mode=order.mode,
        source=order.source[:500],
        state=ImportState.CHECKING,
        plan=dict(upload.plan),
        expected={},
        counts={},
        made_by=by,
        created_at=now,
        next_at=now,
    )
    session.add(made)
    session.flush()
    detail = {"file": made.file_name, "sha256": made.file_hash, "mode": made.mode.value, "source": made.source}
    audit(session, "import.check", f"import:{made.id}", actor=by, now=now, **detail)
    return made


def checked(session: Session, import_id: int, expected: Mapping[str, int], *, rows: int) -> bool:
    """The dry run is through."""
    return _move(session, import_id, ImportState.CHECKING, ImportState.CHECKED, expected=dict(expected), rows=rows)


def begin(session: Session, import_id: int, *, by: str, now: datetime) -> bool:
    """Let it run. False when it was not waiting for that: it runs already, or was discarded."""
    begun = _move(session, import_id, ImportState.CHECKED, ImportState.RUNNING, started_at=now, next_at=now)
    if begun:
        audit(session, "import.start", f"import:{import_id}", actor=by, now=now)
    return begun


def discard(session: Session, import_id: int, *, by: str, now: datetime) -> bool:
    """Throw a checked list away. False when it was not waiting."""
    gone = _move(session, import_id, ImportState.CHECKED, ImportState.DISCARDED, ended_at=now)
    if gone:
        audit(session, "import.discard", f"import:{import_id}", actor=by, now=now)
    return gone


def stop(session: Session, import_id: int, problem: str, *, now: datetime) -> None:
    """It cannot go on. What was done stays done; the same file can be handed in again."""
    for state in (ImportState.CHECKING, ImportState.RUNNING):
        _move(session, import_id, state, ImportState.STOPPED, problem=problem[:1000], ended_at=now)


def find(session: Session, import_id: int) -> Import | None:
    return session.get(Import, import_id)


def latest(session: Session, *, limit: int = 10) -> list[Import]:
    return list(session.scalars(select(Import).order_by(Import.id.desc()).limit(limit)))


def due(session: Session, *, now: datetime) -> list[int]:
    """Those that have something to do now."""
    working = Import.state.in_([ImportState.CHECKING, ImportState.RUNNING])
    return list(session.scalars(select(Import.id).where(working, Import.next_at <= now).order_by(Import.id)))


def same_file(session: Session, found: Import) -> Import | None:
    """The last earlier import of these very bytes that ran, to tell who hands them in again."""
    ran = Import.state.in_([ImportState.RUNNING, ImportState.FINISHED, ImportState.STOPPED])
    earlier = select(Import).where(Import.file_hash == found.file_hash, Import.id < found.id, ran)
    return session.scalar(earlier.order_by(Import.id.desc()).limit(1))


def unfinished(session: Session, file_hash: str, order: Order) -> Import | None:
    """The import of this file under the same order that was broken off, to go on with."""
    return session.scalar(
        select(Import)
        .where(
            Import.file_hash == file_hash,
            Import.state == ImportState.RUNNING,
            Import.mode == order.mode,
            Import.source == order.source[:500],
            Import.edition_id.is_not_distinct_from(order.edition_id),
        )
        .order_by(Import.id.desc())
        .limit(1)
    )


def outlived(session: Session, *, now: datetime) -> list[str]:
    """Folders whose error file has been kept long enough."""
    over = (Import.ended_at.is_not(None), Import.ended_at <= now - ERRORS_KEPT, Import.errors_size > 0)
    emptied = update(Import).where(*over).values(errors_size=0).returning(Import.folder)
    return list(session.scalars(emptied))


def forsaken(session: Session, *, now: datetime) -> list[Import]:
    """Lists that were checked and that nobody let run or threw away for too long."""
    waits = select(Import).where(Import.state == ImportState.CHECKED, Import.created_at <= now - LISTS_KEPT)
    return list(session.scalars(waits.order_by(Import.id)))


def folders(session: Session) -> set[str]:
    """The folder of every import that there ever was."""
    return set(session.scalars(select(Import.folder)))


def with_errors(session: Session) -> list[str]:
    """Folders whose error file lies there and is not being written."""
    still = Import.state.in_([ImportState.CHECKED, ImportState.FINISHED, ImportState.STOPPED])
    return list(
        session.scalars(select(Import.folder).where(still, (Import.errors_size > 0) | Import.ended_at.is_(None)))
    )


def _move(session: Session, import_id: int, source: ImportState, target: ImportState, **values: object) -> bool:
    moved = session.execute(
        update(Import).where(Import.id == import_id, Import.state == source).values(state=target, **values)
    )
    assert isinstance(moved, CursorResult)
    return moved.rowcount > 0
