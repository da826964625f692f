"""Confirming: the link in the letter shows a button, pressing it confirms. Mail scanners follow links, so a GET does nothing."""

from __future__ import annotations

import asyncio
from datetime import datetime

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from ground.tokens import Expired, Forged, Purpose
from mailer import address
from mailer.address import EmailAddress
from subscribers import opt_in
from subscribers.opt_in import Confirmation, Confirmed, Standing
from web import forms
from web.pages import Pages
from web.parts import Parts
from web.readers import letters
from web.readers import place as places
from web.readers.place import Place

#: Page and status for a link that does nothing (any more).
_ANSWERS = {
    Standing.WAITING: ("readers/confirm.html", 200),
    Standing.CONFIRMED: ("readers/already_confirmed.html", 200),
    Standing.STALE: ("readers/stale.html", 410),
}


def routes(parts: Parts, pages: Pages) -> APIRouter:
    router = APIRouter()

    @router.get("/confirm/{token}")
    async def show(token: str) -> HTMLResponse:
        return await _show(parts, pages, token)

    @router.post("/confirm/{token}")
    async def confirm(token: str, request: Request) -> HTMLResponse:
        payload, expired = _read(parts, token)
        found = await asyncio.to_thread(_look, parts, payload, parts.clock())
        if expired or found is None or found[0].standing is not Standing.WAITING:
            return await _show(parts, pages, token)
        confirmation = Confirmation(
            payload=payload,
            evidence=forms.evidence(request, "page"),
            welcome_variant_id=await letters.variant(parts, "welcome", found[1]),
        )
        outcome = await asyncio.to_thread(_confirm, parts, confirmation, parts.clock())
        if not isinstance(outcome, Confirmed):
            return await _show(parts, pages, token)
        if outcome.batch_id is not None:
            letters.hurry(parts, outcome.batch_id)
        return pages.html("readers/confirmed.html", language=found[1].edition.language, place=found[1])

    return router


async def _show(parts: Parts, pages: Pages, token: str) -> HTMLResponse:
    payload, expired = _read(parts, token)
    found = await asyncio.to_thread(_look, parts, payload, parts.clock())
    if found is None:
        raise HTTPException(404)
    link, place = found
    standing = Standing.STALE if expired and link.standing is Standing.WAITING else link.standing
    template, status = _ANSWERS[standing]
    return pages.html(
        template,
        language=place.edition.language,
        status=status,
        place=place,
        token=token,
        masked=masked(link.address),
        expired=expired,
    )


def _read(parts: Parts, token: str) -> tuple[str, bool]:
    """The token's payload, and whether its time is over; the page "nothing here" for one that is not ours."""
    reading = parts.keys.read(Purpose.CONFIRM, token, now=parts.clock())
    if isinstance(reading, Forged):
        raise HTTPException(404)
    return reading.payload, isinstance(reading, Expired)


def _look(parts: Parts, payload: str, now: datetime) -> tuple[opt_in.Link, Place] | None:
    with parts.database.read() as session:
        link = opt_in.look(session, payload, now=now)
        place = places.by_id(session, link.edition_id, parts.base_url) if link else None
        return (link, place) if link and place else None


def _confirm(parts: Parts, confirmation: Confirmation, now: datetime) -> Confirmed | Standing:
    with parts.database.write() as session:
        return opt_in.confirm(session, confirmation, now=now)


def masked(stored: str) -> str:
    """An address as a page may show it to whoever holds the link: the letter may have been forwarded."""
    reader = address.parse(stored)
    return reader.masked if isinstance(reader, EmailAddress) else "***"
