"""A newsroom hands in its logo, or takes it out of its letters."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from starlette.datastructures import FormData

from articles.resize import Resized, Unusable
from newsletters import logos, look
from newsletters.look import NoEdition
from staff.members import Role
from web.console.look import PATH
from web.gate import Gate, Insider, read_upload
from web.parts import Parts
from web.security import LARGER

LOGO = f"{PATH}/logo"
LARGER[LOGO] = logos.MAX_BYTES + 64 * 1024  # the form around the file


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    editor = Depends(gate.may(Role.EDITOR))
    _ = gate.texts.gettext

    @router.post(LOGO)
    async def put(request: Request, insider: Insider = editor) -> Response:
        posted, body = await read_upload(request, most=logos.MAX_BYTES)
        edition_id = _number(posted)
        made = None if posted.get("act") == "remove" else await logos.read(parts.executor, body)
        if isinstance(made, Unusable):
            said = _("The logo was not taken. %(reason)s") % {"reason": made.reason}
            return gate.go(f"{PATH}/{edition_id}", toast=said)
        for_dark = posted.get("paper") == "dark"
        if not await asyncio.to_thread(_put, parts, insider, edition_id, made, for_dark=for_dark):
            raise HTTPException(404)
        said = _("Letters that are made from now on show it.") if made else _("Letters show it no more.")
        return gate.go(f"{PATH}/{edition_id}", toast=said)

    return router


def _number(posted: FormData) -> int:
    number = str(posted.get("edition", ""))
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else 0


def _put(parts: Parts, insider: Insider, edition_id: int, made: Resized | None, *, for_dark: bool) -> bool:
    with parts.database.write() as session:
        now = parts.clock()
        logo = logos.keep(session, made, now=now) if made else None
        put = look.put_logo(session, edition_id, logo, for_dark=for_dark, by=insider.address, now=now)
        return not isinstance(put, NoEdition)
