"""The Engine that rooms submit work to. Its adapters live in `jobs`; wiring hands one in.

The ledger is the truth, a job carries ids only: a job that comes twice is harmless, one that is lost is found again.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

Payload = Mapping[str, int | str]
Task = Callable[[Payload], Awaitable[None]]


class WorkLane(enum.StrEnum):
    """Queues with slots of their own, so that one kind of work never starves another."""

    TX = "tx"  # confirmations and answers
    BULK = "bulk"  # issues
    COLLECT = "collect"  # feeds
    INBOUND = "inbound"  # bounces
    UPKEEP = "upkeep"  # composing, recovery, pruning


@dataclass(frozen=True, slots=True)
class LaneStats:
    waiting: int
    running: int


class Engine(Protocol):
    def submit(
        self, task: str, payload: Payload, *, lane: WorkLane, run_at: datetime | None = None, key: str | None = None
    ) -> bool:
        """Ask for `task(payload)`, from any thread. False when work with the same `key` is waiting or running."""

    async def run(self, lanes: Sequence[WorkLane], stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish what is running."""

    def stats(self) -> Mapping[WorkLane, LaneStats]: ...

    def cancel(self, key: str) -> bool:
        """Drop waiting work; False when nothing waited under this key."""
