"""`/ops/breakers/{id}`: let go on what the service has stopped by itself; the board shows what stands."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Depends, Request, Response

from feedback import release
from feedback.intervene import Done, Refused
from staff.members import Role
from web import forms
from web.gate import Gate, Insider
from web.ops.numbers import number
from web.parts import Parts


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    ops = Depends(gate.may(Role.OPS))

    @router.post("/ops/breakers/{breaker_id:int}/lift")
    async def lift(request: Request, breaker_id: int, insider: Insider = ops) -> Response:
        believed = (await forms.read(request)).get("answer") == "believe"
        done = await asyncio.to_thread(_lift, parts, number(breaker_id), believed, insider.address)
        return gate.go("/ops", toast="Lifted: it goes on." if isinstance(done, Done) else done.reason)

    return router


def _lift(parts: Parts, breaker_id: int, believed: bool, by: str) -> Done | Refused:  # noqa: FBT001 - a form's word
    with parts.database.write() as session:
        return release.lift(session, breaker_id, believed=believed, by=by, now=parts.clock())
