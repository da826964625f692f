"""`/ops/suppressions`: the addresses that must not be mailed; add one, or lift one with a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request, Response

from feedback import intervene
from feedback.intervene import Done, Refused
from mailer import suppressions
from mailer.suppressions import Cause, Suppression
from staff.members import Role
from web import forms
from web.gate import Gate, Insider
from web.parts import Parts

_PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """What the page shows: a list, or one address's past."""

    rows: Sequence[Suppression]
    further: int | None
    counts: Mapping[Cause, int]
    address: str = ""  # that was looked for, as it is written
    standing: Suppression | None = None
    problem: Refused | None = None
    typed: Mapping[str, str] = field(default_factory=dict)


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    anybody, ops = Depends(gate.may()), Depends(gate.may(Role.OPS))

    def page(request: Request, insider: Insider, seen: Suppressed, cause: str = "") -> Response:
        return gate.page(
            request,
            insider,
            "ops/suppressions.html",
            status=422 if seen.problem else 200,
            seen=seen,
            cause=cause,
            causes=list(Cause),
            may_act=insider.may(Role.OPS),
        )

    @router.get("/ops/suppressions")
    async def listed(
        request: Request, address: str = "", cause: str = "", before: str = "", insider: Insider = anybody
    ) -> Response:
        seen = await asyncio.to_thread(_look, parts, address.strip(), cause, before)
        return page(request, insider, seen, cause)

    @router.post("/ops/suppressions")
    async def add(request: Request, insider: Insider = ops) -> Response:
        typed = await forms.read(request)
        done = await asyncio.to_thread(_add, parts, typed, str(request.state.home.zone or "UTC"), insider.address)
        if isinstance(done, Done):
            return gate.go(_place(done.subject), toast=f"{done.subject} is suppressed.")
        return page(request, insider, await asyncio.to_thread(_look, parts, "", "", "", done, typed))

    @router.post("/ops/suppressions/lift")
    async def lift(request: Request, insider: Insider = ops) -> Response:
        typed = await forms.read(request)
        who = typed.get("address", "")
        done = await asyncio.to_thread(_lift, parts, who, typed.get("reason", ""), insider.address)
        if isinstance(done, Done):
            return gate.go(_place(done.subject), toast=f"{done.subject} may be mailed again.")
        return page(request, insider, await asyncio.to_thread(_look, parts, who, "", "", done, typed))

    return router


def _place(address: str) -> str:
    return f"/ops/suppressions?address={quote(address)}"


def _look(
    parts: Parts,
    who: str,
    cause: str,
    before: str,
    refused: Refused | None = None,
    typed: Mapping[str, str] | None = None,
) -> Suppressed:
    now = parts.clock()
    found = intervene.read_address(who) if who else None
    with parts.database.read() as session:
        counts = suppressions.count_standing(session)
        if isinstance(found, Refused):
            return Suppressed(rows=[], further=None, counts=counts, address=who, problem=refused or found)
        if found is not None:
            key, mark = intervene.known_as(found, parts.keys)
            return Suppressed(
                rows=suppressions.history(session, key, mark),
                further=None,
                counts=counts,
                address=str(found),
                standing=suppressions.standing(session, key, now=now, mark=mark),
                problem=refused,
                typed=typed or {},
            )
        rows = suppressions.page_standing(
            session,
            now=now,
            cause=Cause(cause) if cause in set(Cause) else None,
            before=int(before) if before.isascii() and before.isdecimal() and len(before) <= 18 else None,
            limit=_PAGE + 1,
        )
    further = rows[_PAGE - 1].id if len(rows) > _PAGE else None
    return Suppressed(rows=rows[:_PAGE], further=further, counts=counts, problem=refused, typed=typed or {})


def _add(parts: Parts, typed: Mapping[str, str], zone: str, by: str) -> Done | Refused:
    until: datetime | None = None
    if text := typed.get("until", "").strip():
        try:
            until = datetime.combine(date.fromisoformat(text), time(), ZoneInfo(zone)).astimezone(UTC)
        except (ValueError, OverflowError):
            return Refused("This is no day. Write it as 2026-03-31, or leave it empty for always.", "until")
    with parts.database.write() as session:
        return intervene.suppress(
            session,
            typed.get("address", ""),
            note=typed.get("note", ""),
            until=until,
            by=by,
            now=parts.clock(),
        )


def _lift(parts: Parts, who: str, reason: str, by: str) -> Done | Refused:
    with parts.database.write() as session:
        return intervene.lift(session, who, keys=parts.keys, reason=reason, by=by, now=parts.clock())
