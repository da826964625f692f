"""Parts: everything the door of HTTP is handed by wiring; it reads no setting and no clock of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from ground.database import Database
from ground.engine import Engine
from ground.language import Languages
from ground.tokens import KeyRing
from mailer.compiler import LetterJob
from staff.passwords import Passwords
from staff.sign_ins import Lifetimes
from web.limits import Limits, SignUpLimits


class Compiler(Protocol):
    """Compiles a letter once and names the stored variant (mailer.compiler)."""

    async def variant(self, job: LetterJob) -> int: ...


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
    clock: Callable[[], datetime]
    languages: Languages
    templates: Path  # the folder that holds `web/`
    base_url: str  # what every link is built on: https://news.example.org
    trusted_hosts: frozenset[str] = frozenset()  # names besides the base URL's, e.g. localhost in development
    image_sources: tuple[str, ...] = ("https:",)  # where an issue in the archive may show pictures from
    form: FormRules = field(default_factory=FormRules)
    limits: Limits = field(default_factory=Limits)
    sign_ups: SignUpLimits = field(default_factory=SignUpLimits)
    passwords: Passwords = field(default_factory=Passwords)
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    # Every sign-up takes at least this long to answer, so that the time does not tell who is subscribed.
    answer_floor: timedelta = timedelta(milliseconds=250)
    development: bool = False  # whether /console/_parts shows the design's parts
