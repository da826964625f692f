"""`/ops/queue`: what waits in each lane, who works on it, and when each round last ran."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Depends, Request, Response

from feedback import heartbeats, watch
from feedback.heartbeats import Heartbeat
from feedback.watch import Problem
from ground.engine import LaneStats, WorkLane
from mailer import queue
from mailer.letters import Lane
from mailer.queue import LaneQueue, Leased
from newsletters import issues
from newsletters.issues import Issue
from web.gate import Gate, Insider
from web.parts import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    at: datetime
    stats: Mapping[WorkLane, LaneStats]  # of this process, or of all that share the queue
    lanes: Mapping[Lane, LaneQueue]
    leased: Sequence[Leased]
    issues: Mapping[int, Issue]
    rounds: Sequence[Heartbeat]
    workers: Sequence[Heartbeat]
    problems: Sequence[Problem]


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    anybody = Depends(gate.may())

    @router.get("/ops/queue")
    async def queue_and_workers(request: Request, insider: Insider = anybody) -> Response:
        seen = await asyncio.to_thread(_look, parts)
        return gate.page(request, insider, "ops/queue.html", seen=seen)

    return router


def _look(parts: Parts) -> Queue:
    now = parts.clock()
    with parts.database.read() as session:
        leased = queue.list_leased(session)
        return Queue(
            at=now,
            stats=parts.engine.stats(),
            lanes=queue.lanes(session, now=now),
            leased=leased,
            issues=issues.of_letters(session, {each.letter_id for each in leased}),
            rounds=heartbeats.rounds(session),
            workers=heartbeats.workers(session),
            problems=[*watch.queue_problems(session, now=now), *watch.round_problems(session, now=now)],
        )
