"""The moment of the slot: how soon the first message is accepted of an issue that was frozen and signed ahead.

`python -m bench.slot`, with its orders on standard input. The clock starts when the scheduler would ask to publish.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from sqlalchemy import select

from bench import conf
from broadsheet.wiring import House
from ground.engine import WorkLane
from mailer.deliveries import Delivery


def main() -> None:
    """Publish, send, and say after how many seconds the ledger knew of the first acceptance."""
    with House(conf.ordered()) as house:
        seconds = asyncio.run(_first(house))
    sys.stdout.write(json.dumps({"seconds": seconds}) + "\n")


async def _first(house: House) -> float:
    _ = house.scheduler  # knows the tasks that publishing submits
    if house.signing is not None:
        house.signing.warm()
    stop = asyncio.Event()
    running = asyncio.create_task(house.engine.run([WorkLane.BULK, WorkLane.UPKEEP], stop))
    await asyncio.sleep(1)  # the service has run for hours
    began = time.perf_counter()
    house.engine.submit("publish_due", {}, lane=WorkLane.UPKEEP)
    while not await asyncio.to_thread(_has_left, house):  # noqa: ASYNC110 - the ledger tells, and rings no bell
        await asyncio.sleep(0.002)
    seconds = time.perf_counter() - began
    stop.set()
    house.dispatcher.drain()
    await running
    await house.dispatcher.close()
    return seconds


def _has_left(house: House) -> bool:
    with house.database.read() as session:
        return session.scalar(select(Delivery.id).where(Delivery.accepted_at.is_not(None)).limit(1)) is not None


if __name__ == "__main__":
    main()
