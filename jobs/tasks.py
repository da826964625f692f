"""The tasks: what the engine runs by name. Each calls one story of a room and holds no policy of its own.

Payloads carry ids only. A task may come twice, or late, or never: the stories look at what is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from ground.database import Database
from ground.engine import Engine, Payload, Task, WorkLane
from newsletters import compose, schedules, settle
from newsletters.publish import Publisher
from newsletters.schedules import Schedule

#: A story with its collaborators bound by wiring.
Story = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What wiring hands to the door of time."""

    database: Database
    clock: Callable[[], datetime]
    engine: Engine
    publisher: Publisher
    send_batch: Callable[[int], Awaitable[object]]
    collect: Story
    recover: Story
    poll_bounces: Story
    carry_import: Callable[[int], Awaitable[object]]


def tasks(parts: Parts) -> dict[str, Task]:
    """Every task by its name."""

    async def send_batch(payload: Payload) -> None:
        await parts.send_batch(int(payload["batch"]))

    async def collect(_: Payload) -> None:
        await parts.collect()

    async def reconcile(_: Payload) -> None:
        await asyncio.to_thread(_ask_for_drafts, parts)

    async def compose_drafts(payload: Payload) -> None:
        await asyncio.to_thread(_compose, parts, int(payload["schedule"]))

    async def publish_due(_: Payload) -> None:
        await parts.publisher.publish_due()

    async def settle_issues(_: Payload) -> None:
        await asyncio.to_thread(_settle, parts)

    async def recover(_: Payload) -> None:
        await parts.recover()

    async def poll_bounces(_: Payload) -> None:
        await parts.poll_bounces()

    async def carry_import(payload: Payload) -> None:
        await parts.carry_import(int(payload["import"]))

    return {
        "send_batch": send_batch,
        "collect": collect,
        "reconcile": reconcile,
        "compose": compose_drafts,
        "publish_due": publish_due,
        "settle": settle_issues,
        "recover": recover,
        "poll_bounces": poll_bounces,
        "carry_import": carry_import,
    }


def _ask_for_drafts(parts: Parts) -> None:
    with parts.database.read() as session:
        schedule_ids = [schedule.id for schedule in schedules.list_enabled(session)]
    # One task a schedule: a broken one does not hold up the others.
    for schedule_id in schedule_ids:
        parts.engine.submit("compose", {"schedule": schedule_id}, lane=WorkLane.UPKEEP, key=f"compose:{schedule_id}")


def _compose(parts: Parts, schedule_id: int) -> None:
    with parts.database.write() as session:
        schedule = session.get(Schedule, schedule_id)
        if schedule is not None and schedule.enabled:
            compose.compose_due(session, schedule, now=parts.clock())


def _settle(parts: Parts) -> None:
    with parts.database.write() as session:
        settle.settle(session, now=parts.clock())
