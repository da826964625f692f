"""The compiler: from a letter's content to the stored variant that deliveries name.

Rendering and inlining run in a child process and only when nothing was compiled from the same content before: a
thousand confirmations are one compilation. The address of a variant is the hash of all it was made from: the job,
the templates, the catalogues and the format of what is stored.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from ground.database import Database
from mailer import folding, letter, letters, lint, message, preview, stored
from mailer.folding import Attempt
from mailer.letter import BrokenLetter, Compiled, Kind, Rendered
from mailer.lint import Report
from mailer.look_over import look_over
from mailer.render import Folders, Page, render
from mailer.sender import Sender

log = structlog.get_logger()

_REMEMBERED = 1_000
_LOOKED_AT = 16  # letters at the desk: each is asked for once a view


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterJob:
    """A letter to compile. `context` is what JSON can hold; it is the template's data."""

    template: str
    language: str
    kind: Kind
    sender: Sender
    context: Mapping[str, Any]
    for_web: bool = False  # the public version: no reader's link is in it
    with_blocks: bool = False  # rows may name their reader's own articles (mailer.blocks); the others get all there are

    def digest(self) -> str:
        """The hash of the content; equal for equal jobs, in whatever order their data was put together."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True, default=_json_like).encode()).hexdigest()


def _json_like(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(
        f"a letter's context holds a {type(value).__name__}; hand in what JSON can hold (dates as ISO text)"
    )


@dataclass(frozen=True, slots=True)
class _Stamp:
    """The look of the source files when they were last hashed."""

    files: tuple[tuple[str, int, int], ...]
    digest: str


class Compiler:
    """Finds or makes variants. Asking twice at once compiles once."""

    def __init__(
        self, database: Database, executor: Executor, templates: Path, locales: Path, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._executor = executor
        self._folders = Folders(templates=templates, locales=locales)
        self._clock = clock
        self._known: OrderedDict[str, int] = OrderedDict()
        self._running: dict[str, asyncio.Task[int]] = {}
        self._stamp: _Stamp | None = None
        self._seen: OrderedDict[str, Compiled] = OrderedDict()
        self._judged: OrderedDict[str, Report] = OrderedDict()

    async def variant(self, job: LetterJob) -> int:
        """The id of the stored variant. Raises BrokenLetter for a template that cannot become a letter."""
        digest = await asyncio.to_thread(self._digest, job)
        known = self._known.get(digest)
        if known is not None:
            self._known.move_to_end(digest)
            return known
        running = self._running.get(digest)
        if running is None:
            running = self._running[digest] = asyncio.create_task(self._find_or_make(digest, job))
            running.add_done_callback(lambda _: self._running.pop(digest, None))
        return await asyncio.shield(running)  # one caller's giving up must not fail the others

    async def compiled(self, job: LetterJob) -> Compiled:
        """The letter itself, to look at: what `variant` would store or has stored. Nothing is written."""
        digest = await asyncio.to_thread(self._digest, job)
        found = self._seen.get(digest)
        if found is None:
            loop = asyncio.get_running_loop()
            made = await loop.run_in_executor(self._executor, compiled_bytes, job, digest, self._folders)
            found = self._seen[digest] = Compiled.from_bytes(made)
            if len(self._seen) > _LOOKED_AT:
                self._seen.popitem(last=False)
        return found

    async def lint(self, job: LetterJob) -> Report:
        """What the lint says of the letter as it would be sent, or was stored. Nothing is written."""
        digest = await asyncio.to_thread(self._digest, job)
        found = self._judged.get(digest)
        if found is None:
            loop = asyncio.get_running_loop()
            kept = await asyncio.to_thread(self._kept, digest)
            if kept is None:
                kept = await loop.run_in_executor(self._executor, compiled_bytes, job, digest, self._folders)
            about = (job.kind, job.sender, job.context)
            try:
                found = await loop.run_in_executor(self._executor, look_over, kept, *about)
            except BrokenProcessPool:
                found = lint.unfinished()
            self._judged[digest] = found
            if len(self._judged) > _LOOKED_AT:
                self._judged.popitem(last=False)
        return found

    async def render(self, job: LetterJob) -> Rendered:
        """The texts alone, for previews and the archive."""
        digest = await asyncio.to_thread(self._digest, job)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, render, _page(job, digest), self._folders)

    async def _find_or_make(self, digest: str, job: LetterJob) -> int:
        found = await asyncio.to_thread(self._find, digest)
        if found is None:
            loop = asyncio.get_running_loop()
            compiled = await loop.run_in_executor(self._executor, compiled_bytes, job, digest, self._folders)
            found = await asyncio.to_thread(self._store, digest, job, compiled)
        self._known[digest] = found
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found

    def _find(self, digest: str) -> int | None:
        with self._database.read() as session:
            return letters.find_variant(session, digest)

    def _kept(self, digest: str) -> bytes | None:
        with self._database.read() as session:
            variant_id = letters.find_variant(session, digest)
            return None if variant_id is None else letters.compiled_of(session, variant_id)

    def _store(self, digest: str, job: LetterJob, compiled: bytes) -> int:
        found = Compiled.from_bytes(compiled)
        size = found.size()
        if found.sentences is not None:
            log.info("letter_was_folded", letter=job.template, language=job.language, size=size, left=found.left)
        if size > preview.CUT_AT:
            log.warning("letter_is_long", letter=job.template, language=job.language, size=size, cut_at=preview.CUT_AT)
        with self._database.write() as session:
            return letters.store_variant(
                session, digest=digest, language=job.language, compiled=compiled, now=self._clock()
            )

    def _digest(self, job: LetterJob) -> str:
        return hashlib.sha256(f"{stored.FORMAT} {self._sources()} {job.digest()}".encode()).hexdigest()

    def _sources(self) -> str:
        """The hash of templates and catalogues, read again only when a file's time or size has changed."""
        paths = sorted([*self._folders.templates.rglob("*.*"), *self._folders.locales.rglob("*.po")])
        found = [(path, path.stat()) for path in paths if path.is_file()]
        files = tuple((str(path), stat.st_mtime_ns, stat.st_size) for path, stat in found)
        if self._stamp is None or self._stamp.files != files:
            digest = hashlib.sha256()
            for path, _ in found:
                content = path.read_bytes()
                digest.update(f"{path.name} {len(content)}\n".encode() + content)
            self._stamp = _Stamp(files, digest.hexdigest())
        return self._stamp.digest


def compiled_bytes(job: LetterJob, digest: str, folders: Folders) -> bytes:
    """The child process's part: render, inline, compile, fold where it is too long, serialise."""

    def make(attempt: Attempt) -> Compiled:
        tried = replace(job, context=attempt.context, with_blocks=attempt.with_blocks)
        return _compiled(tried, digest, folders)

    first = Attempt(context=job.context, with_blocks=job.with_blocks)
    compiled = folding.folded(make(first), first, make)
    if job.with_blocks and not compiled.common:
        raise BrokenLetter(
            f"{job.template}/body.html", 'readers are to get their own articles, but none is in a cut("block")'
        )
    return compiled.to_bytes()


def _compiled(job: LetterJob, digest: str, folders: Folders) -> Compiled:
    rendered = render(_page(job, digest), folders)
    try:
        return letter.compile(rendered, message.headers(rendered, job.sender, job.kind))
    except BrokenLetter as problem:
        raise BrokenLetter(f"{job.template}/{problem.template}", problem.reason) from None


def _page(job: LetterJob, digest: str) -> Page:
    return Page(
        template=job.template,
        language=job.language,
        sender=job.sender,
        context=job.context,
        # Nobody outside can foresee the hash of a whole letter, so no article can hold a field's token.
        marker="" if job.for_web else digest[:16],
        with_blocks=job.with_blocks and not job.for_web,
    )
