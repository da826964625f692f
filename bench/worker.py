"""A worker that sends what its town's ledger has ready, as `worker` does.

Its orders come on standard input. It prints one line of JSON when the issue is finished: what it cost this process, and
what the ledger says.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import and_, or_, select

from bench import conf
from broadsheet import lean
from broadsheet.wiring import House
from ground.engine import WorkLane
from mailer import ledger
from mailer.batches import Batch, BatchState
from mailer.letters import Letter, LetterState


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    seconds: float  # from the engine's start until nothing is due
    processor_seconds: float  # of this process
    children_seconds: float  # of those that sign
    megabytes: float  # resident, at the most, while it sent
    states: Mapping[str, int]  # the ledger's rows
    broken: int  # invariants


def main() -> None:
    """Send, and say what it cost."""
    with House(conf.ordered()) as house:
        figures = asyncio.run(_send(house))
    sys.stdout.write(json.dumps(asdict(figures)) + "\n")


async def _send(house: House) -> Figures:
    house.prepare_to_send()
    if house.signing is not None:
        house.signing.warm()
        await asyncio.sleep(1)  # the children's start is no part of a morning's sending
    lean.settle()
    stop = asyncio.Event()
    began, processor = time.perf_counter(), time.process_time()
    running = asyncio.create_task(house.engine.run([WorkLane.BULK], stop))
    # The ledger is asked only where nothing is under way, for its answers cost the worker time.
    while _is_busy(house) or not await asyncio.to_thread(_is_through, house):  # noqa: ASYNC110 - it rings no bell
        await asyncio.sleep(0.02)
    seconds, processor_seconds = time.perf_counter() - began, time.process_time() - processor
    stop.set()
    await running
    await house.dispatcher.close()
    megabytes = _resident()  # before all rows are read to count them
    states, broken = _counted(house)
    house.close()  # children are counted when they have ended
    return Figures(
        seconds=seconds,
        processor_seconds=processor_seconds,
        children_seconds=resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime,
        megabytes=megabytes,
        states=states,
        broken=broken,
    )


def _resident() -> float:
    """The most that this process had in memory. Not getrusage's, which counts what the process that started this one had."""
    [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(peak.split()[1]) / 1024


def _is_busy(house: House) -> bool:
    lane = house.engine.stats()[WorkLane.BULK]
    return lane.waiting > 0 or lane.running > 0


def _is_through(house: House) -> bool:
    """Whether nothing is due or under way. What is in doubt, or is tried again in some minutes, is no part of a rate."""
    under_way = or_(
        Batch.state == BatchState.LEASED, and_(Batch.state == BatchState.OPEN, Batch.next_at <= house.clock())
    )
    with house.database.read() as session:
        is_held = session.scalar(select(Letter.id).where(Letter.state == LetterState.PAUSED)) is not None
        return is_held or session.scalar(select(Batch.id).where(under_way).limit(1)) is None


def _counted(house: House) -> tuple[dict[str, int], int]:
    with house.database.read() as session:
        letter_id = session.scalar(select(Letter.id).order_by(Letter.id.desc()).limit(1))
        assert letter_id is not None
        states = {str(state): number for state, number in ledger.counts(session, letter_id).items() if number}
        return states, len(ledger.verify(session))


if __name__ == "__main__":
    main()
