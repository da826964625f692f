"""The tasks: what the engine runs by name. Each calls one story of a room and holds no policy of its own.

Payloads carry ids only. A task may come twice, or late, or never: the stories look at what is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from feedback import heartbeats
from feedback.heartbeats import Beat
from ground.database import Database
from ground.engine import Engine, Payload, Task, WorkLane
from jobs import sending
from jobs.timetable import HEARTBEATS
from newsletters import compose, schedules, settle
from newsletters.layouts import LAYOUTS, Layout
from newsletters.publish import Publisher
from newsletters.schedules import Schedule

#: A story with its collaborators bound by wiring.
Story = Callable[[], Awaitable[object]]
#: A story that may come back with what kept it from its work, in words for ops.
Round = Callable[[], Awaitable[str | None]]

log = structlog.get_logger()


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
    poll_bounces: Round
    tell: Story
    remind: Story
    put_right: Story
    look_again: Story
    sign_ahead: Story
    carry_import: Callable[[int], Awaitable[object]]
    layouts: Callable[[], Sequence[Layout]] = lambda: LAYOUTS  # what an issue may be set as now
    process: str = "here"  # who runs the rounds, as ops see it
    paces: Mapping[str, timedelta] = field(default_factory=lambda: {beat.task: beat.every for beat in HEARTBEATS})


def tasks(parts: Parts) -> dict[str, Task]:
    """Every task by its name."""

    async def reconcile() -> None:
        await asyncio.to_thread(_ask_for_drafts, parts)

    async def compose_drafts(payload: Payload) -> None:
        await asyncio.to_thread(_compose, parts, int(payload["schedule"]))

    async def publish_due() -> None:
        await parts.publisher.publish_due()

    async def settle_issues() -> None:
        await asyncio.to_thread(_settle, parts)

    async def carry_import(payload: Payload) -> None:
        await parts.carry_import(int(payload["import"]))

    rounds: dict[str, Round] = {
        "collect": _round(parts.collect),
        "reconcile": reconcile,
        "publish_due": publish_due,
        "settle": settle_issues,
        "recover": _round(parts.recover),
        "poll_bounces": parts.poll_bounces,
        "tell": _round(parts.tell),
        "remind": _round(parts.remind),
        "put_right": _round(parts.put_right),
        "look_again": _round(parts.look_again),
        "sign_ahead": _round(parts.sign_ahead),
    }
    beating = {name: _beating(parts, name, each) for name, each in rounds.items()}
    return {
        "send_batch": sending.task(parts.send_batch),
        "compose": compose_drafts,
        "carry_import": carry_import,
        **beating,
    }


def _round(story: Story) -> Round:
    """A story that ends well or raises."""

    async def run() -> None:
        await story()

    return run


def _beating(parts: Parts, name: str, story: Round) -> Task:
    """A round of the timetable, with a note of when it ran, how long, and what went wrong."""

    async def run(_: Payload) -> None:
        began_at = parts.clock()
        problem: str | None = "It was stopped before its end."
        try:
            problem = await story()
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            raise
        finally:
            beat = Beat(
                name=name,
                process=parts.process,
                pace=parts.paces[name],
                began_at=began_at,
                ended_at=parts.clock(),
                problem=problem,
            )
            await asyncio.shield(asyncio.to_thread(_note, parts, beat))

    return run


def _note(parts: Parts, beat: Beat) -> None:
    try:
        with parts.database.write() as session:
            heartbeats.note(session, beat)
    except SQLAlchemyError as error:
        # The round itself is not at fault; what is missing here is what readiness looks at.
        log.warning("heartbeat_not_written", round=beat.name, error=str(error))


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
            compose.compose_due(session, schedule, now=parts.clock(), among=parts.layouts())


def _settle(parts: Parts) -> None:
    with parts.database.write() as session:
        settle.settle(session, now=parts.clock())
