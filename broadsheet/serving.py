"""`broadsheet serve`: the web server, the scheduler and the workers in one process, from start to drain."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import structlog
import uvicorn
from fastapi import FastAPI

from broadsheet import clock, engines, outgoing
from broadsheet.mailbox.server import Mailbox
from broadsheet.relays import Smtp
from broadsheet.settings import ConfigurationError, Settings
from broadsheet.wiring import House
from ground.engine import WorkLane
from mailer import ledger, render

log = structlog.get_logger()

#: Seconds in which requests may end when the service ends. One that is still being sent after that is cut off.
FAREWELL = 2


async def serve(settings: Settings, *, development: bool, works: bool = True) -> None:
    """Run until SIGTERM or SIGINT, then finish what is in flight. Without work it serves pages, and others do the rest."""
    if not works:
        engines.require_shared(settings, "`broadsheet serve --no-work`")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with listening(settings.host, settings.port) as bound:
        async with AsyncExitStack() as stack:
            if development:
                settings = await stack.enter_async_context(with_mailbox(settings))
            house = stack.enter_context(House(settings))
            await stack.enter_async_context(running(house, bound, development=development, works=works))
            log.info("serving", url=settings.base_url, bound=f"{settings.host}:{bound.getsockname()[1]}")
            await stop.wait()
            log.info("draining")


@asynccontextmanager
async def running(house: House, bound: socket.socket, *, development: bool, works: bool = True) -> AsyncIterator[None]:
    """All of the service, while the block runs."""
    house.require_tables()
    with holding(house):
        house.executor.submit(render.inline, "<!DOCTYPE html><p>")  # the first reader should not wait for imports
        outgoing.say_who_signs(house)
        if works and house.signing is not None:
            house.signing.warm()
        stop = asyncio.Event()
        scheduler = house.scheduler
        async with asyncio.TaskGroup() as group:
            if works:
                group.create_task(house.engine.run(list(WorkLane), stop))
                group.create_task(scheduler.run(stop))
            async with pages(house.web_app(development=development), bound, house.settings.trusted_proxies):
                try:
                    yield
                finally:
                    # Before the last page is answered: a slow reader must not keep the mail from draining in time.
                    house.dispatcher.drain()
                    stop.set()
        await house.dispatcher.close()
        await house.fetcher.close()


@contextmanager
def holding(house: House) -> Iterator[None]:
    """On SQLite one service holds the database, so what an earlier one left leased is free at once.

    Raises ConfigurationError when another process serves from this folder.
    """
    if not house.database.is_sqlite:
        yield
        return
    with (house.settings.data_dir / "serve.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"Another `broadsheet serve` uses {house.settings.data_dir}. Stop it, or give this one its own data_dir; "
                "several processes on one database need PostgreSQL."
            ) from None
        with house.database.write() as session:
            found = ledger.recover_all(session, now=house.clock())
        if found.batches:
            log.warning("recovered", in_doubt=found.uncertain, untouched=found.released, batches=found.batches)
        yield


def is_held(folder: Path) -> bool:
    """Whether a service runs on this folder now."""
    try:
        with (folder / "serve.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@asynccontextmanager
async def pages(app: FastAPI, bound: socket.socket, trusted_proxies: tuple[str, ...] = ()) -> AsyncIterator[None]:
    """An app on a bound socket, while the block runs.

    Whom a request comes from is believed of these proxies only: the rightmost address in X-Forwarded-For that is none of
    them. (uvicorn would otherwise believe whatever FORWARDED_ALLOW_IPS names.)
    """
    logging.getLogger("uvicorn.error").addFilter(_is_no_farewell)
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=FAREWELL,
            lifespan="off",
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=list(trusted_proxies),
        )
    )
    task = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        while not server.started:
            if task.done():
                await task
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await task


def _is_no_farewell(record: logging.LogRecord) -> bool:
    """Whether a record is anything but the traceback of a request that was cut off at the end."""
    return record.exc_info is None or not isinstance(record.exc_info[1], asyncio.CancelledError)


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: the drain's order is ours."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens. Raises ConfigurationError when the port is taken.

    It listens from here on, not only from when uvicorn has it: two that were only bound would both be granted the port.
    """
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    with contextlib.closing(bound):
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, port))
            bound.listen()  # two that start at the same moment may both bind
        except OSError as problem:
            raise _cannot_listen(host, port, problem) from None
        yield bound


def _cannot_listen(host: str, port: int, problem: OSError) -> ConfigurationError:
    if isinstance(problem, socket.gaierror) or problem.errno == errno.EADDRNOTAVAIL:
        return ConfigurationError(
            f"Cannot listen on {host}: that is no address of this machine. Set host to 127.0.0.1, or 0.0.0.0 for all."
        )
    if problem.errno == errno.EACCES:
        return ConfigurationError(f"Cannot listen on {host}:{port}: not permitted. Set a port above 1023.")
    if problem.errno == errno.EADDRINUSE:
        return ConfigurationError(
            f"Cannot listen on {host}:{port}: the port is taken. Stop what is there, or set another port."
        )
    return ConfigurationError(f"Cannot listen on {host}:{port}: {problem.strerror}. Set another host or port.")


@asynccontextmanager
async def with_mailbox(settings: Settings) -> AsyncIterator[Settings]:
    """The local mailbox with its page, and settings that send all mail to it."""
    assert settings.bounces_maildir is not None
    mailbox = Mailbox(settings.data_dir / "mailbox", (), settings.bounces_maildir, clock.now)
    async with open_mailbox(mailbox, settings.mailbox_host, settings.mailbox_port) as (smtp_port, url):
        log.info("mailbox", page=url, smtp_port=smtp_port)
        local = Smtp(host=settings.mailbox_host, port=smtp_port, tls="none")
        yield settings.model_copy(update={"smtp": local, "routes": {}})


@asynccontextmanager
async def open_mailbox(mailbox: Mailbox, host: str, port: int) -> AsyncIterator[tuple[int, str]]:
    """Its SMTP port and the address of its page, on the next port (or any, when the port is 0)."""
    from broadsheet import resources
    from broadsheet.mailbox.pages import create_mailbox_app
    from ground.language import Languages
    from web.pages import Pages

    with listening(host, port + 1 if port else 0) as bound:
        url = f"http://{host}:{bound.getsockname()[1]}"
        app = create_mailbox_app(
            mailbox, Pages(resources.locate("templates"), Languages(resources.locate("locales")), url)
        )
        async with AsyncExitStack() as stack:
            try:
                smtp_port = await stack.enter_async_context(mailbox.serve(host, port))
            except OSError as problem:
                raise _cannot_listen(host, port, problem) from None
            await stack.enter_async_context(pages(app, bound))
            yield smtp_port, url


async def mailbox_alone(folder: Path, maildir: Path | None, rules: list[str], *, host: str, port: int) -> None:
    """`broadsheet inbox`, until SIGTERM or SIGINT. Raises ConfigurationError for a text that is no rule."""
    from broadsheet.mailbox.rules import RuleProblem, parse

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    read = [parse(text) for text in rules]
    for rule in read:
        if isinstance(rule, RuleProblem):
            raise ConfigurationError(rule.text)
    mailbox = Mailbox(folder, [rule for rule in read if not isinstance(rule, RuleProblem)], maildir, clock.now)
    async with open_mailbox(mailbox, host, port) as (smtp_port, url):
        log.info("mailbox", page=url, smtp_port=smtp_port, folder=str(folder))
        await stop.wait()
