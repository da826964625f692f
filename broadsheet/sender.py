"""One sending process: `python -m broadsheet.sender NAME LANE..`, as `broadsheet worker` starts it, one for each core.

It loads what sending needs and nothing else: no web server, no templates, no feeds, no migrations.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence

from broadsheet import lean, logs  # lean before all others
from broadsheet.settings import Settings, load
from broadsheet.wiring import House
from ground.engine import WorkLane

#: Seconds between two looks whether the parent lives.
_LOOK_EVERY = 1.0


async def send(settings: Settings, name: str, lanes: Sequence[WorkLane]) -> None:
    """Send until SIGTERM, SIGINT or the parent's end, then finish what is in flight."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with House(settings, name=name) as house:
        house.prepare_to_send()
        if house.signing is not None:
            house.signing.warm()
        lean.settle()
        async with asyncio.TaskGroup() as group:
            group.create_task(house.engine.run(lanes, stop))
            orphaned = group.create_task(_end_with_parent(os.getppid(), stop))
            await stop.wait()
            orphaned.cancel()
            house.dispatcher.drain()
        await house.dispatcher.close()


async def _end_with_parent(parent: int, stop: asyncio.Event) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110 - nothing tells a child
        await asyncio.sleep(_LOOK_EVERY)
    stop.set()


def main() -> None:
    name, *lanes = sys.argv[1:]
    os.umask(0o077)
    settings = load()
    logs.configure(settings.log_format)
    asyncio.run(send(settings, name, [WorkLane(lane) for lane in lanes]))


if __name__ == "__main__":
    main()
