"""Sponsors: who has booked the labelled place in an edition's issues, for which days; booked and taken back here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from articles.resize import Resized, Unusable
from newsletters import book, logos, newsletters, sponsors
from newsletters.act import Refused
from newsletters.newsletters import Edition, Newsletter
from newsletters.sponsors import Booking, Sponsor
from staff.members import Role
from web.console.holidays import day
from web.gate import Gate, Insider, read_upload
from web.parts import Parts
from web.security import LARGER

PATH = "/console/sponsors"
LARGER[PATH] = logos.MAX_BYTES + 64 * 1024  # the form around the file
_FIELDS = ("edition", "name", "headline", "text", "url", "image_alt", "first", "last")
RowNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    reader, editor = Depends(gate.may()), Depends(gate.may(Role.EDITOR))
    _ = gate.texts.gettext

    @router.get(PATH)
    async def every_booking(request: Request, insider: Insider = reader) -> Response:
        return await page(request, insider, {})

    @router.post(PATH)
    async def add(request: Request, insider: Insider = editor) -> Response:
        posted, body = await read_upload(request, most=logos.MAX_BYTES)
        typed = {name: str(posted.get(name, ""))[:1_000] for name in _FIELDS}
        image = await logos.read(parts.executor, body) if body else None
        if isinstance(image, Unusable):
            return await page(request, insider, typed, problem=image.reason)
        booked = await asyncio.to_thread(_book, parts, insider, typed, image)
        if isinstance(booked, Refused):
            return await page(request, insider, typed, problem=booked.reason)
        return gate.go(PATH, toast=_("Booked. It stands in the issues of these days, labelled."))

    @router.post(f"{PATH}/{{sponsor_id}}/remove")
    async def remove(sponsor_id: RowNumber, insider: Insider = editor) -> Response:
        released = await asyncio.to_thread(_release, parts, insider, sponsor_id)
        said = released.reason if isinstance(released, Refused) else _("Removed: %(name)s.") % {"name": released}
        return gate.go(PATH, toast=said)

    async def page(request: Request, insider: Insider, typed: Mapping[str, str], *, problem: str = "") -> Response:
        editions, lines = await asyncio.to_thread(_read, parts)
        return gate.page(
            request,
            insider,
            "console/sponsors.html",
            status=422 if problem else 200,
            editions=editions,
            lines=lines,
            typed={**dict.fromkeys(_FIELDS, ""), **typed},
            problem=problem,
            longest=sponsors.LONGEST,
            may_edit=insider.may(Role.EDITOR),
        )

    return router


def _read(parts: Parts) -> tuple[Sequence[tuple[Newsletter, Edition]], list[Sponsor]]:
    with parts.database.read() as session:
        yesterday = parts.clock().date() - timedelta(days=1)  # somewhere it still is
        return newsletters.list_editions(session), sponsors.list_from(session, yesterday)


def _book(parts: Parts, insider: Insider, typed: Mapping[str, str], image: Resized | None) -> Sponsor | Refused:
    first, last = day(typed["first"]), day(typed["last"] or typed["first"])
    if first is None or last is None:
        return Refused("A booking needs a first day, as 2026-03-20.")
    texts = {name: typed[name] for name in ("name", "headline", "text", "url", "image_alt")}
    number = int(typed["edition"]) if typed["edition"].isdecimal() and len(typed["edition"]) < 10 else 0
    with parts.database.write() as session:
        booking = Booking(**texts, first_on=first, last_on=last)
        return book.book(session, number, booking, image, by=insider.address, now=parts.clock())


def _release(parts: Parts, insider: Insider, sponsor_id: int) -> str | Refused:
    with parts.database.write() as session:
        return book.release(session, sponsor_id, by=insider.address, now=parts.clock())
