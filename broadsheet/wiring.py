"""The one place where rooms meet their collaborators.

A `House` opens each part when it is first asked for, so that a command loads what it does and no more (law 10).
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import socket
from concurrent.futures import Executor
from dataclasses import replace
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from broadsheet import clock, keyring, resources
from broadsheet.settings import ConfigurationError, Settings
from ground.database import Database
from ground.language import Languages
from ground.tokens import KeyRing

if TYPE_CHECKING:
    from fastapi import FastAPI

    from articles.preview import Viewer
    from broadsheet.dkim_keys import KeyFolder
    from broadsheet.signing import Signing
    from ground.engine import Engine, Task
    from ground.fetch import Fetcher
    from jobs.scheduler import Scheduler
    from jobs.timetable import Heartbeat
    from mailer.compiler import Compiler
    from mailer.dispatch import Dispatcher
    from mailer.letter import Compiled
    from mailer.sign_ahead import SignAhead
    from newsletters.arrivals import Arrivals
    from newsletters.publish import Publisher


class House:
    """All parts of one process, made from its settings. Close it at the end."""

    def __init__(self, settings: Settings, now: clock.Clock = clock.now, *, name: str | None = None) -> None:
        self.settings = settings
        self.clock = now
        #: Who leases batches: this process, unmistakably, even after a restart that was given the same pid.
        self.owner = name or f"{socket.gethostname()[:32]}:{os.getpid()}:{secrets.token_hex(4)}"
        #: What the engine can be asked for; filled in by `scheduler`, whose tasks submit to the engine and so need it first.
        self.tasks: dict[str, Task] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back connections and child processes. What was never opened costs nothing."""
        for children in ("executor", "signing_children"):
            if children in vars(self):
                vars(self)[children].shutdown(cancel_futures=True)
        if "database" in vars(self):
            self.database.dispose()

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
        """Where work is done that would hold the interpreter."""
        from broadsheet.children import Children

        return Children()

    @cached_property
    def fetcher(self) -> Fetcher:
        from ground.fetch import Fetcher

        return Fetcher(allowed_hosts=frozenset(self.settings.fetch_allowed_hosts))

    @property
    def image_folder(self) -> Path | None:
        """Where copies of lead images are kept; None where letters link to their sources."""
        if self.settings.lead_images == "link":
            return None
        if importlib.util.find_spec("PIL") is None:
            raise ConfigurationError(
                "lead_images is `own`, and Pillow, which checks and resizes images, is not installed. Install it "
                "(pip install 'broadsheet[images]'), or set lead_images to `link`."
            )
        return self.settings.data_dir / "images"

    @cached_property
    def viewer(self) -> Viewer:
        """Looks at an address before it becomes a feed."""
        from articles.preview import Viewer

        return Viewer(self.fetcher, self.executor, self.clock)

    def migrate(self) -> None:
        """Bring the tables to the newest revision, and those of the shared engine to its version."""
        from broadsheet import engines
        from broadsheet.tables import metadata
        from ground import migrations

        engines.check(self.settings)
        migrations.upgrade(self.database, metadata)
        engines.install(self)

    def require_tables(self) -> None:
        """SQLite is migrated on the way; a PostgreSQL server that others use is not touched, only checked."""
        from broadsheet import engines
        from ground import migrations

        if self.database.is_sqlite:
            self.migrate()
        elif not migrations.is_current(self.database):
            raise ConfigurationError(
                "The database's tables are not those of this version. Stop the other processes, make a backup and run "
                "`broadsheet migrate`."
            )
        engines.require(self)

    # --- mailer -----------------------------------------------------------------------------------------------------
    @cached_property
    def compiler(self) -> Compiler:
        from mailer.compiler import Compiler

        ours, locales = resources.locate("templates") / "email", resources.locate("locales")
        own = resources.own_templates(self.settings.templates_dir)
        return Compiler(self.database, self.executor, ours, locales, self.clock, own=own)

    @cached_property
    def signing(self) -> Signing | None:
        """None where every relay signs."""
        from broadsheet.signing import Signing

        if all(route.signs == "relay" for route in self.settings.ways.values()):
            return None
        return Signing(self.dkim_keys, lambda: self.signing_children, self.settings.signing_processes)

    @cached_property
    def dkim_keys(self) -> KeyFolder:
        from broadsheet.dkim_keys import KeyFolder

        return KeyFolder(self.settings.data_dir / "dkim")

    @cached_property
    def signing_children(self) -> Executor:
        """Children of their own: mail need not wait behind a feed, and no private key is where hostile input is read."""
        from broadsheet.children import NO_LIMIT, Children

        return Children(self.settings.signing_processes, processor_time=NO_LIMIT)

    @cached_property
    def dispatcher(self) -> Dispatcher[Compiled]:
        from broadsheet import outgoing

        return outgoing.dispatcher(self)

    # --- newsletters, jobs, web -------------------------------------------------------------------------------------
    @cached_property
    def publisher(self) -> Publisher:
        from newsletters.publish import Publisher

        parts = (self.database, self.compiler, self.engine, self.clock, self.settings.base_url)
        return Publisher(*parts, ahead=lambda: self.settings.freeze_ahead if self.signs_ahead else timedelta(0))

    @property
    def signs_ahead(self) -> bool:
        """Where no key of ours signs, there is nothing to do before an issue's time."""
        return self.signing is not None and bool(self.signing.domains)

    @cached_property
    def sign_ahead(self) -> SignAhead:
        from broadsheet import outgoing
        from mailer.sign_ahead import SignAhead

        return SignAhead(self.database, outgoing.signer_ahead(self), self.clock)

    @cached_property
    def arrivals(self) -> Arrivals:
        from newsletters.arrivals import Arrivals

        return Arrivals(
            database=self.database,
            compiler=self.compiler,
            keys=self.keys,
            executor=self.executor,
            clock=self.clock,
            base_url=self.settings.base_url,
            folder=self.settings.data_dir / "imports",
        )

    @cached_property
    def engine(self) -> Engine:
        from broadsheet import engines

        return engines.engine(self)

    def prepare_to_send(self) -> None:
        """Know the one task of a process that sends and does nothing else."""
        from jobs import sending

        self.tasks["send_batch"] = sending.task(self.dispatcher.send_batch)

    @cached_property
    def scheduler(self) -> Scheduler:
        from broadsheet.rounds import Rounds
        from jobs import tasks
        from jobs.scheduler import Scheduler

        rounds = Rounds(self)
        parts = tasks.Parts(
            database=self.database,
            clock=self.clock,
            engine=self.engine,
            publisher=self.publisher,
            send_batch=self.dispatcher.send_batch,
            collect=rounds.collect,
            recover=rounds.recover,
            poll_bounces=rounds.poll_bounces,
            tell=rounds.tell,
            remind=rounds.remind,
            put_right=rounds.put_right,
            look_again=rounds.look_again,
            sign_ahead=rounds.sign_ahead,
            process=self.owner,
            paces={beat.task: beat.every for beat in self._heartbeats()},
            carry_import=self.arrivals.carry_on,
            layouts=partial(resources.layouts, self.settings.templates_dir),
        )
        self.tasks.update(tasks.tasks(parts))
        return Scheduler(parts, heartbeats=self._heartbeats())

    def _heartbeats(self) -> tuple[Heartbeat, ...]:
        from jobs.timetable import HEARTBEATS

        paces = {"collect": self.settings.fetch_every, "poll_bounces": self.settings.bounces_every}
        return tuple(replace(beat, every=paces.get(beat.task, beat.every)) for beat in HEARTBEATS)

    def web_app(self, *, development: bool) -> FastAPI:
        """The readers' pages. In development the archive may show pictures from this machine."""
        from staff.sign_ins import Lifetimes
        from web.app import create_app
        from web.limits import SignUpLimits
        from web.parts import FormRules, Parts

        token = self.settings.metrics_token
        return create_app(
            Parts(
                database=self.database,
                keys=self.keys,
                engine=self.engine,
                compiler=self.compiler,
                arrivals=self.arrivals,
                clock=self.clock,
                languages=self.languages,
                templates=resources.locate("templates"),
                base_url=self.settings.base_url,
                layouts=partial(resources.layouts, self.settings.templates_dir),
                trusted_hosts=frozenset({"127.0.0.1", "localhost"}) if development else frozenset(),
                image_sources=("https:", "http://127.0.0.1:*") if development else ("https:",),
                form=FormRules(min_age=self.settings.form_min_age),
                undo_for=self.settings.undo_for,
                data_dir=self.settings.data_dir,
                bounces_maildir=self.settings.bounces_maildir,
                archive_indexed=self.settings.archive_indexed,
                metrics_token=token.get_secret_value() if token is not None else None,
                viewer=self.viewer,
                executor=self.executor,
                sign_ups=SignUpLimits.of(
                    address=self.settings.sign_ups_per_address,
                    network=self.settings.sign_ups_per_network,
                    everyone=self.settings.sign_ups_in_all,
                ),
                lifetimes=Lifetimes(idle=self.settings.sign_in_idle, longest=self.settings.sign_in_longest),
                development=development,
            )
        )
