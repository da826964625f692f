"""The list of sources as a file: OPML that comes in, and OPML that goes out."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import UploadFile

from articles import feeds, opml
from articles.opml import NotOpml
from ground.engine import WorkLane
from newsletters import bring_feeds, newsletters
from newsletters.bring_feeds import Brought
from staff.members import Role
from web.gate import Gate, Insider, read_form
from web.parts import Parts

_FILE = "/console/sources/feeds.opml"
_BACK = "/console/sources"
_TOLD = 3


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    reader, editor = Depends(gate.may()), Depends(gate.may(Role.EDITOR))

    @router.get(_FILE)
    async def give(insider: Insider = reader) -> Response:
        del insider
        return Response(
            await asyncio.to_thread(_written, parts),
            media_type="text/x-opml",
            headers={"Content-Disposition": 'attachment; filename="feeds.opml"', "Cache-Control": "no-store"},
        )

    @router.post(_FILE)
    async def take(request: Request, insider: Insider = editor) -> Response:
        try:
            posted = await read_form(request)
            file = posted.get("file")
            body = await file.read(opml.MAX_BYTES + 1) if isinstance(file, UploadFile) else b""
        finally:
            await request.close()
        outcome = await asyncio.to_thread(_bring, parts, body, insider.address)
        if isinstance(outcome, Brought) and outcome.added:
            parts.engine.submit("collect", {}, lane=WorkLane.COLLECT, key="collect:list")
        return gate.go(_BACK, toast=_told(gate, outcome))

    return router


def _written(parts: Parts) -> bytes:
    with parts.database.read() as session:
        return opml.write(feeds.list_feeds(session), title="Broadsheet")


def _bring(parts: Parts, body: bytes, by: str) -> Brought | NotOpml:
    with parts.database.write() as session:
        editions = newsletters.list_editions(session)
        outlines = opml.read(body, zone=editions[0][1].zone if editions else "UTC")
        if isinstance(outlines, NotOpml):
            return outlines
        return bring_feeds.bring(session, outlines, [], by=by, now=parts.clock())


def _told(gate: Gate, outcome: Brought | NotOpml) -> str:
    if isinstance(outcome, NotOpml):
        return outcome.reason
    texts = gate.texts
    said = texts.ngettext("%(n)s new source.", "%(n)s new sources.", outcome.added) % {"n": texts.number(outcome.added)}
    if outcome.known:
        was = texts.ngettext("%(n)s was there already.", "%(n)s were there already.", outcome.known)
        said += " " + was % {"n": texts.number(outcome.known)}
    if outcome.refused:
        named = "; ".join(f"{url[:80]} ({reason})" for url, reason in outcome.refused[:_TOLD])
        said += " " + texts.gettext("%(n)s not taken: %(named)s") % {
            "n": texts.number(len(outcome.refused)),
            "named": named,
        }
    return said
