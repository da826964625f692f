"""Alerts: an editor makes one of a story on the wire. Its desk asks for the two words."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Depends, Request, Response

from newsletters import breaking
from newsletters.act import Refused
from newsletters.issues import Issue
from staff.members import Role
from web import forms
from web.gate import Gate, Insider
from web.parts import Parts


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    editor = Depends(gate.may(Role.EDITOR))

    @router.post("/console/alerts")
    async def make(request: Request, insider: Insider = editor) -> Response:
        posted = await forms.read(request)
        edition_id, article_id = (_number(posted.get(name, "")) for name in ("edition", "article"))
        made = await asyncio.to_thread(_draft, parts, edition_id, article_id, insider)
        if isinstance(made, Refused):
            return gate.go("/console/issues", toast=made.reason)
        said = gate.texts.gettext("An alert of one story. It takes two words: approve it, then send it.")
        return gate.go(f"/console/issues/{made.id}", toast=said)

    return router


def _draft(parts: Parts, edition_id: int, article_id: int, insider: Insider) -> Issue | Refused:
    with parts.database.write() as session:
        return breaking.draft(session, edition_id, article_id, by=insider.address, now=parts.clock())


def _number(text: str) -> int:
    """0, which is nothing's, for what is no number."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
