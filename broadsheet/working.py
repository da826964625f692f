"""`broadsheet worker`: the work without the web. This process keeps time and does the rounds; its children send."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from broadsheet import engines, outgoing
from broadsheet.settings import Settings
from broadsheet.wiring import House
from feedback import take_over
from ground.engine import WorkLane

log = structlog.get_logger()

SENDING = (WorkLane.TX, WorkLane.BULK)

#: Seconds a child has to finish what is in flight: longer than the engine's own drain.
FAREWELL = 40.0
#: Seconds until a child that ended is started anew; doubled while children end soon after they began.
_PAUSE, _LONGEST_PAUSE, _SOON = 1.0, 60.0, 30.0


async def work(settings: Settings, lanes: Sequence[WorkLane], processes: int) -> None:
    """Work until SIGTERM or SIGINT, then finish what is in flight."""
    engines.require_shared(settings, "`broadsheet worker`")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    rounds = [lane for lane in lanes if lane not in SENDING]
    sending = [lane for lane in lanes if lane in SENDING]
    with House(settings) as house:
        house.require_tables()
        outgoing.say_who_signs(house)
        async with asyncio.TaskGroup() as group:
            if rounds:
                scheduler = house.scheduler
                group.create_task(house.engine.run(rounds, stop))
                if WorkLane.UPKEEP in rounds:
                    group.create_task(scheduler.run(stop))
            for _ in range(processes if sending else 0):
                group.create_task(_keep_sending(house, sending, stop))
            log.info("working", lanes=[lane.value for lane in lanes], processes=processes if sending else 0)
            await stop.wait()
            log.info("draining")
        await house.fetcher.close()


async def _keep_sending(house: House, lanes: Sequence[WorkLane], stop: asyncio.Event) -> None:
    """One child at a time, until told to stop; one that dies is followed by another."""
    pause = _PAUSE
    while not stop.is_set():
        name = f"{house.owner}.{secrets.token_hex(2)}"
        began = time.monotonic()
        code = await _child(name, lanes, stop)
        while not (await asyncio.to_thread(_take_over, house, name) or stop.is_set()):  # noqa: ASYNC110 - a database announces nothing
            await asyncio.sleep(_PAUSE)
        if stop.is_set():
            return
        if time.monotonic() - began > _SOON:
            pause = _PAUSE
        log.error("sender_died", process=name, code=code, meaning=f"another is started in {pause:g} s")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await stop.wait()
        pause = min(2 * pause, _LONGEST_PAUSE)


async def _child(name: str, lanes: Sequence[WorkLane], stop: asyncio.Event) -> int:
    """Run a child to its end, or until told to stop; its exit code."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "broadsheet.sender", name, *(lane.value for lane in lanes)
    )
    ended, stopped = asyncio.create_task(child.wait()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        await _end(child, ended)
    return await ended


async def _end(child: Process, ended: asyncio.Task[int]) -> None:
    if ended.done():
        return
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    await asyncio.wait({ended}, timeout=FAREWELL)
    if not ended.done():
        log.error("sender_killed", meaning="it did not finish in time; what it had in flight is in doubt")
        with contextlib.suppress(ProcessLookupError):
            child.kill()


def _take_over(house: House, name: str) -> bool:
    """What a child held that has certainly ended goes to the others now, not when it has been silent for long.

    False when the database is away.
    """
    try:
        with house.database.write_bulk() as session:
            taken = take_over.take_from(session, name, now=house.clock())
    except SQLAlchemyError as problem:
        log.warning("not_taken_over", process=name, problem=str(problem))
        return False
    if taken.batches:
        log.warning("taken_over", in_doubt=taken.uncertain, untouched=taken.released, batches=taken.batches)
    return True
