"""The one place where rooms meet their collaborators.

A `House` opens each part when it is first asked for, so that a command loads what it does and no more (law 10).
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import secrets
import signal
import socket
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from broadsheet import clock, keyring, resources
from broadsheet.settings import ConfigurationError, Settings
from ground import migrations
from ground.database import Database
from ground.language import Languages
from ground.tokens import KeyRing
from mailer.letters import Lane

if TYPE_CHECKING:
    from fastapi import FastAPI

    from ground.engine import Task
    from ground.fetch import Fetcher
    from jobs.local import LocalEngine
    from jobs.scheduler import Scheduler
    from jobs.timetable import Heartbeat
    from mailer.batches import Lease
    from mailer.compiler import Compiler
    from mailer.deliveries import Row
    from mailer.dispatch import Dispatcher, Press
    from mailer.letter import Compiled
    from mailer.message import Mint
    from mailer.transports import Transport
    from newsletters.publish import Publisher


class House:
    """All parts of one process, made from its settings. Close it at the end."""

    def __init__(self, settings: Settings, now: clock.Clock = clock.now) -> None:
        self.settings = settings
        self.clock = now
        #: Who leases batches: this process, unmistakably, even after a restart that was given the same pid.
        self.owner = f"{socket.gethostname()[:32]}:{os.getpid()}:{secrets.token_hex(4)}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back connections and child processes. What was never opened costs nothing."""
        if "executor" in vars(self):
            self.executor.shutdown(cancel_futures=True)
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
        """Child processes for work that would hold the interpreter: inlining CSS, parsing feeds (law 3)."""
        return ProcessPoolExecutor(
            max_workers=max(1, min(4, os.cpu_count() or 1)),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_leave_signals_to_the_parent,
        )

    @cached_property
    def fetcher(self) -> Fetcher:
        from ground.fetch import Fetcher

        return Fetcher(allowed_hosts=frozenset(self.settings.fetch_allowed_hosts))

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

    # --- mailer -----------------------------------------------------------------------------------------------------
    @cached_property
    def mint(self) -> Mint:
        from mailer.message import Mint

        return Mint(
            keys=self.keys,
            base_url=self.settings.base_url,
            message_domain=self.settings.mail_domain,
            bounce_domain=self.settings.bounce_domain,
        )

    @cached_property
    def compiler(self) -> Compiler:
        from mailer.compiler import Compiler

        return Compiler(
            self.database,
            self.executor,
            resources.locate("templates") / "email",
            resources.locate("locales"),
            self.clock,
        )

    @cached_property
    def dispatcher(self) -> Dispatcher[Compiled]:
        from mailer.dispatch import Dispatcher

        transports = {
            Lane.BULK: self._transport("bulk", self.settings.smtp.connections),
            Lane.TX: self._transport("tx", self.settings.smtp.tx_connections),
        }
        return Dispatcher(
            self.database,
            transports,
            self._press(),
            clock=self.clock,
            owner=self.owner,
            rng=random.Random(),  # noqa: S311 - jitter
        )

    def _transport(self, name: str, connections: int) -> Transport:
        from mailer.transports.route import Route, Tls
        from mailer.transports.smtp import SmtpTransport

        smtp = self.settings.smtp
        try:
            route = Route(
                host=smtp.host,
                port=smtp.port,
                name=name,
                tls=Tls(smtp.tls),
                username=smtp.username,
                password=smtp.password.get_secret_value() if smtp.password else None,
                connections=connections,
                max_messages=smtp.messages_per_connection,
            )
        except ValueError as problem:
            raise ConfigurationError(f"The smtp settings cannot be used: {problem}.") from None
        return SmtpTransport(route)

    def _press(self) -> Press[Compiled]:
        from mailer import envelope, message
        from mailer.dispatch import Press
        from mailer.letter import Compiled

        mint = self.mint

        def build(compiled: Compiled, row: Row, lease: Lease) -> bytes:
            recipient = message.Recipient(
                delivery_id=row.id,
                letter_id=lease.span.letter_id,
                recipient_id=row.recipient_id,
                address=row.address,
                fields=row.fields,
                due_at=lease.due_at,
            )
            return message.build(compiled, recipient, mint)

        def return_path(delivery_id: int) -> str:
            return envelope.return_path(mint.keys, delivery_id, mint.bounce_domain)

        return Press(load=Compiled.from_bytes, build=build, return_path=return_path)

    # --- newsletters, jobs, web -------------------------------------------------------------------------------------
    @cached_property
    def publisher(self) -> Publisher:
        from newsletters.publish import Publisher

        return Publisher(self.database, self.compiler, self.engine, self.clock, self.settings.base_url)

    @cached_property
    def engine(self) -> LocalEngine:
        from ground.engine import WorkLane
        from jobs.local import LocalEngine, Pace

        # One batch at a time and lane: a batch uses all of its lane's connections.
        limits = {WorkLane.TX: 2, WorkLane.BULK: 2, WorkLane.COLLECT: 1, WorkLane.INBOUND: 1, WorkLane.UPKEEP: 2}
        return LocalEngine(self._tasks, clock=self.clock, pace=Pace(limits=limits), refills=[self._find_due_batches])

    @cached_property
    def _tasks(self) -> dict[str, Task]:
        """Filled in by `scheduler`, whose tasks submit to the engine and so need it first."""
        return {}

    @cached_property
    def scheduler(self) -> Scheduler:
        from jobs import tasks
        from jobs.scheduler import Scheduler

        parts = tasks.Parts(
            database=self.database,
            clock=self.clock,
            engine=self.engine,
            publisher=self.publisher,
            send_batch=self.dispatcher.send_batch,
            collect=self._collect,
            recover=self._recover,
            poll_bounces=self._poll_bounces,
        )
        self._tasks.update(tasks.tasks(parts))
        return Scheduler(parts, heartbeats=self._heartbeats())

    def _heartbeats(self) -> tuple[Heartbeat, ...]:
        from jobs.timetable import HEARTBEATS

        paces = {"collect": self.settings.fetch_every, "poll_bounces": self.settings.bounces_every}
        return tuple(replace(beat, every=paces.get(beat.task, beat.every)) for beat in HEARTBEATS)

    async def _collect(self) -> None:
        from articles import collect

        manners = collect.Manners(jitter=random.Random())  # noqa: S311 - spreads the next fetches
        await collect.collect(self.database, self.fetcher, self.executor, self.clock, manners=manners)

    async def _poll_bounces(self) -> None:
        from feedback import poll

        assert self.settings.bounces_maildir is not None
        await asyncio.to_thread(
            poll.poll, self.database, self.keys, self.settings.bounces_maildir, now=self.clock(), executor=self.executor
        )

    async def _recover(self) -> None:
        await asyncio.to_thread(self.recover)

    def recover(self) -> None:
        """Take back leases that ran out and end doubts that are old enough."""
        from mailer import ledger

        with self.database.write() as session:
            ledger.recover(session, now=self.clock())
        with self.database.write() as session:
            ledger.settle_uncertain(session, now=self.clock(), grace=self.settings.in_doubt_grace)
        with self.database.write() as session:
            ledger.finish_letters(session, now=self.clock())

    def recover_all(self) -> int:
        """Take back every lease of the process that held this SQLite database before us; how many rows are in doubt."""
        from mailer import ledger

        with self.database.write() as session:
            return ledger.recover_all(session, now=self.clock()).uncertain

    async def _find_due_batches(self) -> None:
        await asyncio.to_thread(self._submit_due_batches)

    def _submit_due_batches(self) -> None:
        from ground.engine import WorkLane
        from mailer import ledger

        with self.database.read() as session:
            due = {lane: ledger.due_batches(session, lane, now=self.clock(), limit=20) for lane in Lane}
        for lane, batch_ids in due.items():
            for batch_id in batch_ids:
                self.engine.submit(
                    "send_batch", {"batch": batch_id}, lane=WorkLane(lane.value), key=f"batch:{batch_id}"
                )

    def web_app(self, *, development: bool) -> FastAPI:
        """The readers' pages. In development the archive may show pictures from this machine."""
        from web.app import create_app
        from web.parts import FormRules, Parts

        return create_app(
            Parts(
                database=self.database,
                keys=self.keys,
                engine=self.engine,
                compiler=self.compiler,
                clock=self.clock,
                languages=self.languages,
                templates=resources.locate("templates"),
                base_url=self.settings.base_url,
                trusted_hosts=frozenset({"127.0.0.1", "localhost"}) if development else frozenset(),
                image_sources=("https:", "http://127.0.0.1:*") if development else ("https:",),
                form=FormRules(min_age=self.settings.form_min_age),
            )
        )


def _leave_signals_to_the_parent() -> None:
    """Ctrl+C reaches the whole process group; a child that died of it would break the pool while the parent drains."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
