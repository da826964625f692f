"""Arrivals: lists of readers on their way into editions, checked and run piece by piece in child processes.

Of an import the table knows how far it has come, so a piece may be lost or come twice; asking for the next one is
always right.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy.orm import Session

from ground.database import Base, Database
from ground.tokens import KeyRing
from mailer.compiler import LetterJob
from mailer.letter import Kind
from newsletters import newsletters, schedules, sender
from newsletters.newsletters import Edition, Newsletter
from subscribers import importing, imports, reading
from subscribers.importing import Folder
from subscribers.imports import Import, ImportMode, ImportState, Order, Upload
from subscribers.judging import Destination, Terms
from subscribers.reading import Plan
from subscribers.spreadsheet import NotCsv

log = structlog.get_logger()

#: Who throws a list away that nobody wanted.
BY_ITSELF = "the service"
#: A folder without an import is a file that is being handed in, for so long.
_BEING_HANDED_IN = timedelta(days=1)

#: Transactions of one piece: a second or two, after which the child is free for other work and the service may stop.
PIECE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What is known of a file before anybody looked into it."""

    file_name: str
    file_hash: str


class Compiles(Protocol):
    """mailer.compiler.Compiler, as far as asking readers needs it."""

    async def variant(self, job: LetterJob) -> int: ...


def names(session: Session) -> dict[int, str]:
    """Every edition as a list names it: courier/en."""
    return {edition.id: name_of(newsletter, edition) for newsletter, edition in newsletters.list_editions(session)}


def name_of(newsletter: Newsletter, edition: Edition) -> str:
    return f"{newsletter.slug}/{edition.language}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """Carries imports on. `folder` holds one folder an import."""

    database: Database
    compiler: Compiles
    keys: KeyRing
    executor: Executor
    clock: Callable[[], datetime]
    base_url: str
    folder: Path

    async def terms(self, order: Order, file_hash: str, *, with_letters: bool = True) -> Terms:
        """All that judging and admitting need; the letters that ask are compiled here, once. A dry run needs none."""
        with_letters = with_letters and order.mode is ImportMode.MUST_CONFIRM
        editions = await asyncio.to_thread(self._editions)
        going = [await self._destination(each, with_letters=with_letters) for each in editions]
        return Terms(
            mode=order.mode,
            source=order.source,
            file_hash=file_hash,
            edition_id=order.edition_id,
            destinations=tuple(going),
            keys=self.keys,
        )

    async def receive(self, upload: Folder, received: Received, order: Order, *, by: str) -> Import | NotCsv:
        """Take in a list that lies in its folder; what is none is thrown away at once, with the reason."""
        loop = asyncio.get_running_loop()
        plan = await loop.run_in_executor(self.executor, reading.plan, upload.upload)
        if isinstance(plan, NotCsv):
            await asyncio.to_thread(upload.clear)
            return plan
        return await asyncio.to_thread(self._add, upload, received, order, plan, by)

    async def carry_on(self, import_id: int) -> None:
        """The next piece of one import: its dry run, or some of its rows."""
        found = await asyncio.to_thread(self._find, import_id)
        if found is None or found.state not in {ImportState.CHECKING, ImportState.RUNNING}:
            return
        order = Order(edition_id=found.edition_id, mode=found.mode, source=found.source)
        terms = await self.terms(order, found.file_hash)
        piece = (self.database.url, import_id, self.folder / found.folder, terms, self.clock(), PIECE)
        try:
            await asyncio.get_running_loop().run_in_executor(self.executor, work, *piece)
        except (OSError, BrokenProcessPool) as error:
            log.warning("import_stopped", id=import_id, error=str(error))
            await asyncio.to_thread(self._stop, found, error)

    def forget(self, address_key: str) -> None:
        """Let no error file name somebody who was forgotten."""
        with self.database.read() as session:
            folders = imports.with_errors(session)
        for name in folders:
            Folder(self.folder / name).forget(address_key)

    def sweep(self, *, now: datetime) -> None:
        """Delete what is kept too long: error files, lists that nobody let run, and what a crash left without an import."""
        with self.database.write() as session:
            gone = imports.outlived(session, now=now)
            for each in imports.forsaken(session, now=now):
                imports.discard(session, each.id, by=BY_ITSELF, now=now)
                gone.append(each.folder)
            known = imports.folders(session)
        stray = [each.name for each in self._folders() if each.name not in known and _is_old(each, now)]
        for name in [*gone, *stray]:
            Folder(self.folder / name).clear()

    def _folders(self) -> list[Path]:
        return list(self.folder.iterdir()) if self.folder.is_dir() else []

    def place(self, found: Import) -> Folder:
        return Folder(self.folder / found.folder)

    def _add(self, upload: Folder, received: Received, order: Order, plan: Plan, by: str) -> Import:
        kept = Upload(
            folder=upload.path.name, file_name=received.file_name, file_hash=received.file_hash, plan=plan.told()
        )
        with self.database.write() as session:
            return imports.add(session, kept, order, by=by, now=self.clock())

    def _editions(self) -> list[tuple[Newsletter, Edition]]:
        with self.database.read() as session:
            return newsletters.list_editions(session)

    async def _destination(self, place: tuple[Newsletter, Edition], *, with_letters: bool) -> Destination:
        newsletter, edition = place
        job = LetterJob(
            template="confirm",
            language=edition.language,
            kind=Kind.TX,
            sender=sender.sender_of(newsletter, edition, self.base_url),
            context={},
        )
        return Destination(
            name=name_of(newsletter, edition),
            edition_id=edition.id,
            language=edition.language,
            variant_id=await self.compiler.variant(job) if with_letters else None,
        )

    def _find(self, import_id: int) -> Import | None:
        with self.database.read() as session:
            return imports.find(session, import_id)

    def _stop(self, found: Import, error: Exception) -> None:
        if isinstance(error, FileNotFoundError):
            why = "The list is no longer in its folder on the server."
        elif isinstance(error, OSError):
            why = f"The list cannot be read or its error file cannot be written ({error.strerror or error})."
        else:
            why = "Reading the list takes more memory than it may."
        done = f"{found.done:,} rows were done and stay done; nothing else was changed. Hand the same file in again."
        with self.database.write() as session:
            imports.stop(session, found.id, f"{why} {done}", now=self.clock())
        self.place(found).clear(but_errors=found.errors_size > 0)


def _is_old(folder: Path, now: datetime) -> bool:
    return now - datetime.fromtimestamp(folder.stat().st_mtime, UTC) > _BEING_HANDED_IN


def work(url: str, import_id: int, folder: Path, terms: Terms, now: datetime, batches: int) -> None:
    """The next piece of an import, in a child process: the dry run, or some of the run's transactions."""
    database, place = _opened(url), Folder(folder)
    with database.read() as session:
        found = imports.find(session, import_id)
    if found is not None and found.state is ImportState.CHECKING:
        importing.check(database, import_id, place, terms, now=now)
    elif found is not None:
        importing.carry_on(database, import_id, place, terms, now=now, batches=batches)


@cache
def _opened(url: str) -> Database:
    """This child's way into the database. What a subscription points to must be known before the first is written."""
    assert schedules.Schedule.__tablename__ in Base.metadata.tables
    return Database(url)
