"""Holidays on the page of schedules: days on which a newsletter makes no issue, added and taken away."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from newsletters import observe
from newsletters.act import Refused
from newsletters.holidays import Holiday, HolidayProblem
from staff.members import Role
from web.gate import Gate, Insider
from web.parts import Parts

_LIST = "/console/schedules"
RowNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    editor = Depends(gate.may(Role.EDITOR))
    _ = gate.texts.gettext

    @router.post("/console/holidays")
    async def rest(request: Request, insider: Insider = editor) -> Response:
        posted = {name: str(value)[:200] for name, value in (await request.form()).items()}
        first, last = day(posted.get("first", "")), day(posted.get("last", "") or posted.get("first", ""))
        number = posted.get("newsletter", "")
        if first is None or last is None or not (number.isdecimal() and len(number) < 10):
            return gate.go(_LIST, toast=_("Not saved: a holiday needs a first day, as 2026-03-20."))
        outcome = await asyncio.to_thread(_rest, parts, int(number), posted.get("name", ""), (first, last), insider)
        if isinstance(outcome, HolidayProblem):
            return gate.go(_LIST, toast=_("Not saved: %(why)s") % {"why": outcome})
        said = _("Saved: no issue on “%(name)s”.") % {"name": outcome.name}
        return gate.go(_LIST, toast=said, undo=f"/console/holidays/{outcome.id}/remove")

    @router.post("/console/holidays/{holiday_id}/remove")
    async def work(holiday_id: RowNumber, insider: Insider = editor) -> Response:
        outcome = await asyncio.to_thread(_work, parts, holiday_id, insider)
        if isinstance(outcome, Refused):
            return gate.go(_LIST, toast=outcome.reason)
        return gate.go(_LIST, toast=_("“%(name)s” is removed: issues go out on these days.") % {"name": outcome.name})

    return router


def day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _rest(
    parts: Parts, newsletter_id: int, name: str, days: tuple[date, date], insider: Insider
) -> Holiday | HolidayProblem:
    with parts.database.write() as session:
        return observe.rest(session, newsletter_id, name, *days, by=insider.address, now=parts.clock())


def _work(parts: Parts, holiday_id: int, insider: Insider) -> observe.Removed | Refused:
    with parts.database.write() as session:
        return observe.work(session, holiday_id, by=insider.address, now=parts.clock())
