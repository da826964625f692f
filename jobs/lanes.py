"""What both engines share: how lanes are worked, refilled and drained."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from sqlalchemy.exc import OperationalError

from ground.engine import Payload, Task, WorkLane

#: Asks the ledger for due work and submits it.
Refill = Callable[[], Awaitable[None]]

log = structlog.get_logger()

#: A lane that ran dry asks for more, but not more often than this.
_REFILL_AT_MOST_EVERY = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How an engine works."""

    limits: Mapping[WorkLane, int]  # workers in each lane
    refill_every: timedelta = timedelta(seconds=0.5)  # what is resumed goes on within a second
    drain_for: timedelta = timedelta(seconds=30)  # what is still running after that is cancelled
    backlog: int = 10_000  # jobs waiting in a lane; more are refused and found again by a refill
    windows: Mapping[WorkLane, int] = field(default_factory=dict)  # lanes in which fewer may wait

    def window(self, lane: WorkLane) -> int:
        """How many jobs may wait in a lane."""
        return self.windows.get(lane, self.backlog)


class Refilling:
    """Asks the ledger what is due: at the start, at a pace, and whenever a lane runs dry."""

    def __init__(self, refills: Sequence[Refill], every: timedelta) -> None:
        self._refills = refills
        self._every = every.total_seconds()
        self._dry = asyncio.Event()

    def ask(self) -> None:
        """A lane has run dry."""
        self._dry.set()

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._dry.clear()  # before: a lane that runs dry while the ledger is asked has it asked again
            for refill in self._refills:
                try:
                    await refill()
                except OperationalError as problem:
                    log.warning("ledger_not_asked", problem=" ".join(str(problem.orig).split()))
                except Exception:
                    log.exception("refill_broke")
            await asyncio.sleep(_REFILL_AT_MOST_EVERY)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._dry.wait()


async def carry_out(task: Task, name: str, payload: Payload) -> None:
    """Run a task. One that breaks must not end its lane: what it left undone is found again by a refill."""
    try:
        await task(payload)
    except asyncio.CancelledError:
        me = asyncio.current_task()
        if me is not None and me.cancelling():
            raise
        log.exception("job_cancelled_itself", task=name)  # not us: the lane goes on
    except Exception:
        log.exception("job_broke", task=name, payload=dict(payload))


async def drain(workers: Sequence[asyncio.Task[None]], patience: timedelta) -> None:
    """Let workers that were told to stop end what they do; cancel those that take too long."""
    if not workers:
        return
    _, late = await asyncio.wait(workers, timeout=patience.total_seconds())
    for worker in late:
        log.warning("job_cut_short", after=str(patience))
        worker.cancel()
    for ended in await asyncio.gather(*workers, return_exceptions=True):
        if isinstance(ended, Exception):
            log.error("worker_broke", error=repr(ended))


def unknown(task: str, tasks: Mapping[str, Task]) -> KeyError:
    """A task that nobody knows: a mistake in the wiring."""
    return KeyError(f"no task named {task!r}; there are {', '.join(sorted(tasks))}")
