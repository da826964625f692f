"""The issue desk: an issue's stories in order with their reasons, its inbox lines, what lies beside it, and the wire."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response

from newsletters import headlines, wire
from newsletters.wire import Wanted
from web.console import edits, findings, flight, issue_view, proofs
from web.console.issue_view import Number, View
from web.gate import Gate, Insider
from web.parts import Parts


def routes(parts: Parts, gate: Gate) -> APIRouter:
    """All of the desk: looking, editing, proofs."""
    router = APIRouter()
    reader = Depends(gate.may())

    @router.get("/console/issues/{issue_id:int}")
    async def show(request: Request, issue_id: Number, insider: Insider = reader) -> Response:
        view = await issue_view.wanted(parts, issue_id, insider)
        stands = await flight.wanted(parts, issue_id, seen=view["seen"])
        return gate.page(request, insider, "console/issues/desk.html", typed=None, flight=stands, **view)

    @router.get("/console/issues/{issue_id:int}/beside")
    async def beside(request: Request, issue_id: Number, insider: Insider = reader) -> Response:
        """What follows every edit; loaded anew when the script has moved a story."""
        view = await issue_view.wanted(parts, issue_id, insider)
        return gate.page(request, insider, "console/issues/_beside.html", **view)

    @router.get("/console/issues/{issue_id:int}/wire")
    async def look_at_wire(
        request: Request,
        issue_id: Number,
        insider: Insider = reader,
        section: str = "",
        text: str = "",
        before: str = "",
    ) -> Response:
        after = issue_view.number(before) or None
        wanted = Wanted(section=headlines.clean(section)[:120], text=headlines.clean(text)[:120], before=after)
        view = await asyncio.to_thread(_wire, parts, issue_id, wanted, insider)
        return gate.page(request, insider, "console/issues/wire.html", **view)

    router.include_router(edits.routes(parts, gate))
    router.include_router(proofs.routes(parts, gate))
    router.include_router(findings.routes(parts, gate))
    return router


def _wire(parts: Parts, issue_id: int, wanted: Wanted, insider: Insider) -> View:
    with parts.database.read() as session:
        found = issue_view.find(session, issue_id)
        now = parts.clock()
        offers, more = wire.offers(session, found.issue, wanted, now=now)
        return issue_view.view(session, found, insider) | {
            "offers": offers,
            "wanted": wanted,
            "named_sections": [(name, name) for name in wire.sections(session, found.issue, now=now)],
            "older_href": _older(wanted, offers[-1].article.id) if more else None,
        }


def _older(wanted: Wanted, last: int) -> str:
    return "?" + urlencode({"section": wanted.section, "text": wanted.text, "before": last})
