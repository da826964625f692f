"""The audit trail: who did what, when, the newest first. Nobody can change it here, owners neither."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response

from staff import trail
from staff.members import AuditEntry
from staff.trail import Wanted
from web.console import deeds
from web.gate import Gate, Insider
from web.parts import Parts

_PAGE = 50
_KIND = re.compile(r"[a-z]{1,30}\Z")


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    reader = Depends(gate.may())

    @router.get("/console/audit")
    async def show(
        request: Request, kind: str = "", subject: str = "", before: str = "", insider: Insider = reader
    ) -> Response:
        wanted = Wanted(
            kind=kind if _KIND.match(kind) else None,
            subject=subject if 0 < len(subject) <= 120 and subject.isprintable() else None,
            before=int(before) if before.isascii() and before.isdecimal() and len(before) <= 18 else None,
        )
        found = await asyncio.to_thread(_list, parts, wanted)
        lines = [(entry, deeds.told(entry, gate.texts)) for entry in found[:_PAGE]]
        last = found[_PAGE - 1].id if len(found) > _PAGE else None
        older, views = _older(wanted, last), _views(gate, wanted)
        return gate.page(
            request, insider, "console/audit.html", lines=lines, older=older, views=views, subject=wanted.subject
        )

    return router


def _older(wanted: Wanted, last: int | None) -> str | None:
    if last is None:
        return None
    asked = {"kind": wanted.kind, "subject": wanted.subject, "before": last}
    return "/console/audit?" + urlencode({name: value for name, value in asked.items() if value})


def _views(gate: Gate, wanted: Wanted) -> list[tuple[str, str, bool]]:
    """The trail as a whole, and of each kind of thing."""
    everything = ("/console/audit", gate.texts.gettext("Everything"), wanted.kind is None)
    return [everything] + [
        (f"/console/audit?kind={kind}", name, wanted.kind == kind) for kind, name in deeds.kinds(gate.texts).items()
    ]


def _list(parts: Parts, wanted: Wanted) -> list[AuditEntry]:
    with parts.database.read() as session:
        return trail.list_entries(session, wanted, limit=_PAGE + 1)
