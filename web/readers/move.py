"""Another address: asked for on the preference page, confirmed at the new one. Mail scanners follow links: a GET does nothing."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from ground.tokens import Forged, Purpose, Valid
from mailer.address import EmailAddress
from subscribers import move, preferences, spelling
from subscribers.consents import Evidence
from subscribers.move import Moved, Standing, Wish
from subscribers.spelling import Trouble
from web import forms
from web.limits import Limit, mailbox
from web.pages import Pages
from web.parts import Parts
from web.readers import letters
from web.readers import place as places
from web.readers.confirm import masked
from web.readers.place import Place

_LINK = Limit(name="changes of address", most=6, per=timedelta(days=1))


def routes(parts: Parts, pages: Pages) -> APIRouter:
    router = APIRouter()

    @router.post("/p/{token}/address")
    async def ask(token: str, request: Request) -> HTMLResponse:
        reading = parts.keys.read(Purpose.PREFERENCES, token, now=parts.clock())
        if not isinstance(reading, Valid):
            raise HTTPException(404 if isinstance(reading, Forged) else 410)
        found = await asyncio.to_thread(_reader, parts, int(reading.payload))
        if found is None:
            raise HTTPException(404)
        subscriber_id, place = found
        new = spelling.read((await forms.read(request)).get("email", ""))
        problem = isinstance(new, Trouble)
        if not isinstance(new, Trouble):
            await _ask(parts, subscriber_id, place, new)
        return pages.html(
            "readers/move_asked.html",
            language=place.edition.language,
            status=422 if problem else 200,
            place=place,
            back=f"/p/{token}",
            problem=problem,
            masked=None if isinstance(new, Trouble) else new.masked,
        )

    @router.get("/move/{token}")
    async def show(token: str) -> HTMLResponse:
        return await _show(parts, pages, token)

    @router.post("/move/{token}")
    async def confirm(token: str, request: Request) -> HTMLResponse:
        move_id = _read(parts, token)
        found = await asyncio.to_thread(_look, parts, move_id, parts.clock())
        if found is None or found[0].standing is not Standing.WAITING:
            return await _show(parts, pages, token)
        told = await letters.variant(parts, "moved", found[1])
        outcome = await asyncio.to_thread(_confirm, parts, move_id, forms.evidence(request, "move"), told)
        if isinstance(outcome, Moved) and outcome.batch_id is not None:
            letters.hurry(parts, outcome.batch_id)
        return await _show(parts, pages, token)

    return router


async def _ask(parts: Parts, subscriber_id: int, place: Place, new: EmailAddress) -> None:
    """Always as long as the floor: an address that has a reader must not answer otherwise than a free one."""
    loop = asyncio.get_running_loop()
    earliest = loop.time() + parts.answer_floor.total_seconds()
    variant_id = await letters.variant(parts, "move", place)
    allowed = parts.limits.allow(_LINK, str(subscriber_id)) and parts.limits.allow(parts.sign_ups.address, mailbox(new))
    if allowed:
        wish = Wish(edition_id=place.edition.id, new=new, variant_id=variant_id)
        batch_id = await asyncio.to_thread(_wish, parts, subscriber_id, wish)
        if batch_id is not None:
            letters.hurry(parts, batch_id)
    await asyncio.sleep(max(0.0, earliest - loop.time()))


async def _show(parts: Parts, pages: Pages, token: str) -> HTMLResponse:
    found = await asyncio.to_thread(_look, parts, _read(parts, token), parts.clock())
    if found is None:
        raise HTTPException(404)
    link, place = found
    return pages.html(
        "readers/move.html",
        language=place.edition.language,
        status=410 if link.standing is Standing.STALE else 409 if link.standing is Standing.TAKEN else 200,
        place=place,
        token=token,
        standing=link.standing.value,
        old=masked(link.old),
        new=masked(link.new),
    )


def _read(parts: Parts, token: str) -> int:
    """Which wish a link is about; one that has run out is looked up, too, so that the page can say so."""
    reading = parts.keys.read(Purpose.MOVE, token, now=parts.clock())
    if isinstance(reading, Forged):
        raise HTTPException(404)
    return int(reading.payload)


def _reader(parts: Parts, subscription_id: int) -> tuple[int, Place] | None:
    with parts.database.read() as session:
        theirs = preferences.look(session, subscription_id, now=parts.clock())
        place = places.by_id(session, theirs.edition_id, parts.base_url) if theirs else None
        return (theirs.subscriber_id, place) if theirs and place else None


def _wish(parts: Parts, subscriber_id: int, wish: Wish) -> int | None:
    with parts.database.write() as session:
        return move.ask(session, subscriber_id, wish, now=parts.clock())


def _look(parts: Parts, move_id: int, now: datetime) -> tuple[move.Link, Place] | None:
    with parts.database.read() as session:
        link = move.look(session, move_id, now=now)
        place = places.by_id(session, link.edition_id, parts.base_url) if link else None
        return (link, place) if link and place else None


def _confirm(parts: Parts, move_id: int, evidence: Evidence, told_variant_id: int) -> Moved | Standing:
    with parts.database.write() as session:
        return move.confirm(session, move_id, evidence, told_variant_id=told_variant_id, now=parts.clock())
