"""Every part of the design in its states, for those who build pages: `/console/_parts`, in development only."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from web.gate import Gate, Insider
from web.kept import Toast
from web.parts import Parts
from web.security import letter_policy

_LETTER = """<!doctype html><html lang="en"><title>Letter</title><style>
body { margin: 0 auto; max-width: 600px; padding: 24px; font: 17px/1.5 Georgia, serif; color: #14212b }
</style><h1>Bridge at Zeryan reopens</h1><p>A letter brings its own style, and a policy of its own.</p></html>
"""


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    member = Depends(gate.may())

    @router.get("/console/_parts")
    async def every_part(request: Request, insider: Insider = member) -> HTMLResponse:
        toast = Toast(text="“Bridge reopens” was dropped from the issue.", undo="/console/_parts")
        return gate.page(
            request,
            insider,
            "console/parts_page.html",
            toast=toast,
            now=parts.clock(),
            minute=timedelta(minutes=1),
        )

    @router.get("/console/_parts/letter", dependencies=[member])
    async def letter() -> HTMLResponse:
        return HTMLResponse(_LETTER, headers={"Content-Security-Policy": letter_policy(("'none'",), framed=True)})

    return router
