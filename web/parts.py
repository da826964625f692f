"""Parts: everything the door of HTTP is handed by wiring; it reads no setting and no clock of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from articles.preview import NoFeed, Preview
from ground.database import Database
from ground.engine import Engine
from ground.language import Languages
from ground.tokens import KeyRing
from mailer.compiler import LetterJob
from mailer.letter import Compiled
from mailer.lint import Report
from newsletters.arrivals import Arrivals
from newsletters.layouts import LAYOUTS, Layout
from staff.passwords import Passwords
from staff.sign_ins import Lifetimes
from web.limits import Limits, SignUpLimits


class Compiler(Protocol):
    """Compiles a letter once and names the stored variant (mailer.compiler)."""

    async def variant(self, job: LetterJob) -> int: ...

    async def compiled(self, job: LetterJob) -> Compiled: ...

    async def lint(self, job: LetterJob) -> Report: ...


class Viewer(Protocol):
    """Looks at an address before it becomes a feed, and stores nothing (articles.preview)."""

    async def look(self, url: str, *, zone: str, language: str | None) -> Preview | NoFeed: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FormRules:
    """How old a form may be when it comes back. A person needs seconds to type an address, a machine does not."""

    min_age: timedelta = timedelta(seconds=2)
    max_age: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    database: Database
    keys: KeyRing
    engine: Engine
    compiler: Compiler
    arrivals: Arrivals
    viewer: Viewer
    executor: Executor  # where files that were handed in are read
    clock: Callable[[], datetime]
    languages: Languages
    templates: Path  # the folder that holds `web/`
    base_url: str  # what every link is built on: https://news.example.org
    trusted_hosts: frozenset[str] = frozenset()  # names besides the base URL's, e.g. localhost in development
    image_sources: tuple[str, ...] = ("https:",)  # where an issue in the archive may show pictures from
    form: FormRules = field(default_factory=FormRules)
    limits: Limits = field(default_factory=Limits)
    data_dir: Path | None = None  # whose disk is watched, where it is on this machine
    bounces_maildir: Path | None = None
    archive_indexed: bool = True  # whether search engines may list past issues
    metrics_token: str | None = None  # what a scraper shows; None: only this machine may ask
    sign_ups: SignUpLimits = field(default_factory=SignUpLimits)
    passwords: Passwords = field(default_factory=Passwords)
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    undo_for: timedelta = timedelta(minutes=5)  # how long an issue that is sent now can be taken back
    # Every sign-up takes at least this long to answer, so that the time does not tell who is subscribed.
    answer_floor: timedelta = timedelta(milliseconds=250)
    layouts: Callable[[], Sequence[Layout]] = lambda: LAYOUTS  # what an issue may be set as now
    development: bool = False  # whether /console/_parts shows the design's parts
