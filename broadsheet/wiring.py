"""The one place where rooms meet their collaborators.

A `House` opens each part when it is first asked for, so that a command loads what it does and no more (law 10).
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import random
import secrets
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from broadsheet import clock, keyring, resources
from broadsheet.settings import ConfigurationError, Settings
from ground import migrations
from ground.database import Database
from ground.language import Languages
from ground.tokens import KeyRing
from mailer.letters import Lane

if TYPE_CHECKING:
    from fastapi import FastAPI

    from broadsheet.mailbox.server import Mailbox
    from ground.fetch import Fetcher
    from jobs.local import LocalEngine
    from jobs.scheduler import Timekeeper
    from mailer.compiler import Compiler
    from mailer.dispatch import Dispatcher
    from mailer.message import Mint
    from mailer.transports import Transport
    from newsletters.publish import Publisher


class House:
    """All parts of one process, made from its settings."""

    def __init__(self, settings: Settings, now: clock.Clock = clock.now) -> None:
        self.settings = settings
        self.clock = now
        #: Who leases batches: this process, unmistakably, even after a restart that was given the same pid.
        self.owner = f"{socket.gethostname()[:32]}:{os.getpid()}:{secrets.token_hex(4)}"

    # --- ground -----------------------------------------------------------------------------------------------------
    @cached_property
    def database(self) -> Database:
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        return Database(self.settings.database_url)

    @cached_property
    def keys(self) -> KeyRing:
        assert self.settings.keys_file is not None
        return keyring.load_or_make(self.settings.keys_file)

    @cached_property
    def languages(self) -> Languages:
        return Languages(resources.locate("locales"))

    @cached_property
    def executor(self) -> Executor:
        """Child processes for work that would hold the interpreter: inlining CSS, parsing feeds (law 3)."""
        return ProcessPoolExecutor(
            max_workers=max(1, min(4, os.cpu_count() or 1)),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_leave_signals_to_the_parent,
        )

    def migrate(self) -> None:
        """Bring the tables to the newest revision."""
        from broadsheet.tables import metadata

        migrations.upgrade(self.database, metadata)

    def require_tables(self) -> None:
        """SQLite is migrated on the way; a PostgreSQL server that others use is not touched, only checked."""
        if self.database.is_sqlite:
            self.migrate()
        elif not migrations.is_current(self.database):
            raise ConfigurationError(
                "The database's tables are not those of this version. Stop the other processes, make a backup and run "
                "`broadsheet migrate`."
            )
