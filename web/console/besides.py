"""What an edition's letters hold beside their stories: ticked on the page of its look."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from newsletters import besides
from newsletters.besides import NoEdition
from staff.members import Role
from web.console.look import PATH, Number
from web.gate import Gate, Insider
from web.parts import Parts


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    editor = Depends(gate.may(Role.EDITOR))

    @router.post(f"{PATH}/{{edition_id:int}}/besides")
    async def choose(request: Request, edition_id: Number, insider: Insider = editor) -> Response:
        wanted = [str(each) for each in (await request.form()).getlist("besides")]
        if not await asyncio.to_thread(_choose, parts, insider, edition_id, wanted):
            raise HTTPException(404)
        return gate.go(f"{PATH}/{edition_id}#besides", toast=gate.texts.gettext("Saved."))

    return router


def _choose(parts: Parts, insider: Insider, edition_id: int, wanted: Collection[str]) -> bool:
    with parts.database.write() as session:
        chosen = besides.choose(session, edition_id, wanted, by=insider.address, now=parts.clock())
        return not isinstance(chosen, NoEdition)
