"""`/ops`: what goes on now, what is wrong, and the switch that pauses all sending."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import APIRouter, Depends, Request, Response

from feedback import alerts, heartbeats, intervene, probe, watch
from feedback.alerts import Standing
from feedback.board import Board, Progress
from feedback.heartbeats import Heartbeat
from feedback.intervene import Done, Refused
from feedback.probe import Probe
from feedback.watch import Problem
from mailer import queue
from mailer.breakers import Trouble
from mailer.letters import Lane
from mailer.queue import LaneQueue
from newsletters import issues, newsletters
from newsletters.issues import Issue
from newsletters.newsletters import Edition
from staff.members import Role
from subscribers import subscriptions
from subscribers.subscriptions import Because
from web import forms
from web.gate import Gate, Insider
from web.parts import Parts

_NEWEST = 12
_LEFT_WITHIN = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """All that the board shows."""

    at: datetime
    problems: Sequence[Problem]
    breakers: Sequence[Standing]
    lanes: Mapping[Lane, LaneQueue]
    under_way: Sequence[Progress]
    workers: Sequence[Heartbeat]
    newest: Sequence[tuple[Issue, Edition]]
    leavers: Sequence[tuple[Edition, Mapping[Because, int]]]  # why they left, of late, as far as they said
    probe: Probe | None  # the last test of the way back
    database_size: int
    free_disk: int | None


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    board = Board()
    anybody, ops = Depends(gate.may()), Depends(gate.may(Role.OPS))

    @router.get("/ops")
    async def now(request: Request, insider: Insider = anybody) -> Response:
        seen = await asyncio.to_thread(_look, parts, board)
        return gate.page(request, insider, "ops/board.html", now=seen, bulk=Lane.BULK, refused=None, reason="")

    @router.get("/ops/now")
    async def refreshed(request: Request, insider: Insider = anybody) -> Response:
        seen = await asyncio.to_thread(_look, parts, board)
        return gate.page(request, insider, "ops/now.html", now=seen, bulk=Lane.BULK)

    @router.post("/ops/hold")
    async def hold(request: Request, insider: Insider = ops) -> Response:
        reason = (await forms.read(request)).get("reason", "")
        done = await asyncio.to_thread(_hold, parts, reason, insider.address)
        if isinstance(done, Done):
            return gate.go("/ops", toast="All sending is paused. What is in the air still arrives.", undo="/ops/free")
        seen = await asyncio.to_thread(_look, parts, board)
        return gate.page(
            request, insider, "ops/board.html", status=422, now=seen, bulk=Lane.BULK, refused=done, reason=reason
        )

    @router.post("/ops/free")
    async def free(insider: Insider = ops) -> Response:
        done = await asyncio.to_thread(_free, parts, insider.address)
        return gate.go("/ops", toast="Sending goes on." if isinstance(done, Done) else done.reason)

    return router


def _look(parts: Parts, board: Board) -> Now:
    now = parts.clock()
    problems = watch.problems(parts.database, parts.data_dir, now=now)
    with parts.database.read() as session:
        editions = {edition.id: edition for _, edition in newsletters.list_editions(session)}
        return Now(
            at=now,
            problems=[problem for problem in problems if problem.check not in set(Trouble)],  # told with their buttons
            breakers=alerts.standing(session),
            lanes=queue.lanes(session, now=now),
            under_way=board.on_their_way(session, now=now),
            workers=heartbeats.workers(session),
            newest=[(issue, editions[issue.edition_id]) for issue in issues.list_newest(session, _NEWEST)],
            leavers=[
                (editions[edition_id], counted)
                for edition_id, counted in subscriptions.reasons(session, since=now - _LEFT_WITHIN).items()
            ],
            probe=probe.last(session, now=now),
            database_size=watch.database_size(session),
            free_disk=watch.free_disk(parts.data_dir),
        )


def _hold(parts: Parts, reason: str, by: str) -> Done | Refused:
    with parts.database.write() as session:
        return intervene.hold_sending(session, reason=reason, by=by, now=parts.clock())


def _free(parts: Parts, by: str) -> Done | Refused:
    with parts.database.write() as session:
        return intervene.free_sending(session, by=by, now=parts.clock())
