"""A worker in a process of its own, with all that a real one has: it publishes what is due and sends until nothing is left.

It can be told to kill itself (SIGKILL, so that nothing is tidied up) at an exact moment of its work.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import event, update
from sqlalchemy.orm import Session

from broadsheet.relays import Smtp
from broadsheet.settings import Settings
from broadsheet.wiring import House
from mailer import ledger
from mailer.deliveries import Row
from mailer.leases import Lease
from mailer.letters import InDoubt, Lane, Letter

C = TypeVar("C")
CONNECTIONS = 8
_FORK = multiprocessing.get_context("forkserver")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Where it kills itself: at the nth message built, or before or after the nth commit of a part of its work."""

    at: str  # build | before commit | after commit
    nth: int
    publishing: bool = False  # while the audience is written, not while mails are sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    url: str
    folder: Path
    port: int
    policy: InDoubt = InDoubt.RESEND
    dies: Moment | None = None
    limits: dict[str, Any] = field(default_factory=dict)  # of the smtp settings


def start(orders: Orders) -> ForkServerProcess:
    """A worker process; it has its imports behind it, for all of them are forked from one that has."""
    _FORK.set_forkserver_preload([__name__])
    process = _FORK.Process(target=work, args=(orders,))
    process.start()
    return process


def house_of(orders: Orders) -> House:
    smtp = {"host": "127.0.0.1", "port": orders.port, "tls": "none", "connections": CONNECTIONS, **orders.limits}
    settings = Settings(
        data_dir=orders.folder,
        database_url=orders.url,
        base_url="https://news.example",
        smtp=Smtp(**smtp),
    )
    return House(settings)


def work(orders: Orders) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with house_of(orders) as house:
        asyncio.run(_work(house, orders))


async def _work(house: House, orders: Orders) -> None:
    _ = house.scheduler  # knows the tasks that publishing submits
    if orders.dies is not None and orders.dies.publishing:
        _arm_commits(house, orders.dies)
    await house.publisher.publish_due()
    with house.database.write() as session:
        session.execute(update(Letter).values(in_doubt=orders.policy))
    if orders.dies is not None and not orders.dies.publishing:
        _arm(house, orders.dies)
    await send_all(house)
    await house.dispatcher.close()


async def send_all(house: House) -> None:
    """Send what is due, two batches at a time as `serve` does, until nothing is."""
    while True:
        with house.database.read() as session:
            due = ledger.due_batches(session, Lane.BULK, now=house.clock(), limit=2)
        if not due:
            return
        await asyncio.gather(*(house.dispatcher.send_batch(batch) for batch in due))


def _arm(house: House, moment: Moment) -> None:
    if moment.at != "build":
        _arm_commits(house, moment)
        return
    press, count = house.dispatcher._press, _countdown(moment.nth)

    def build(compiled: Any, row: Row, lease: Lease) -> Sequence[bytes]:  # noqa: ANN401 - whatever the press loads
        count()
        return press.build(compiled, row, lease)

    house.dispatcher._press = replace(press, build=build)


def _arm_commits(house: House, moment: Moment) -> None:
    count = _countdown(moment.nth)
    if moment.at == "before commit":
        event.listen(house.database.writer, "commit", lambda _: count())
    else:
        event.listen(Session, "after_commit", lambda _: count())


def _countdown(nth: int) -> Callable[[], None]:
    left = [nth]

    def count() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return count
