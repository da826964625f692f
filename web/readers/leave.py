"""Unsubscribing: the link shows one button; a mail program's one-click (RFC 8058) and the button are the same POST.

That POST asks nothing, needs no cookie and no form token, and always answers 200 for a link of ours: the second time,
after an erasure, whatever its body is.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from ground.tokens import Expired, Purpose, Valid
from mailer.letter import BrokenLetter
from newsletters import rhythm
from newsletters.schedules import Schedule
from subscribers import leave as leaving
from subscribers.consents import Evidence
from web import forms
from web.pages import Pages
from web.parts import Parts
from web.readers import letters, preferences, rhythms, shelf, why
from web.readers import place as places
from web.readers.confirm import masked
from web.readers.place import Place

#: The rest that is offered, in weeks, to who has just left.
_REST = 2


def routes(parts: Parts, pages: Pages) -> APIRouter:
    router = APIRouter()

    @router.get("/u/{token}")
    async def show(token: str, request: Request) -> HTMLResponse:
        found = await asyncio.to_thread(look, parts, subscription_of(parts, token))
        if found is None:
            return gone(pages, request)
        standing, place = found
        return pages.html(
            "readers/unsubscribe.html",
            language=place.edition.language,
            place=place,
            token=token,
            masked=masked(standing.address),
            ended=standing.ended,
        )

    @router.post("/u/{token}")
    async def leave(token: str, request: Request) -> HTMLResponse:
        subscription_id = subscription_of(parts, token)
        posted = await forms.read(request)
        source = "page" if posted.get("from") == "page" else "one-click"
        now = parts.clock()
        done = await asyncio.to_thread(_leave, parts, subscription_id, forms.evidence(request, source), now)
        if done is None:
            return gone(pages, request)
        left, place, offered = done
        if left.is_told:
            await _say_goodbye(parts, subscription_id, place)
        if left.undo is None:
            return pages.html("readers/left.html", language=place.edition.language, place=place, undo=None)
        texts = parts.languages.texts(place.edition.language)
        return pages.html(
            "readers/left.html",
            language=place.edition.language,
            place=place,
            undo=parts.keys.sign(Purpose.COME_BACK, left.undo, expires_at=now + leaving.UNDO_WITHIN),
            choices=preferences.link(parts, subscription_id),
            why=f"/u/{token}/why",
            reasons=why.reasons(texts),
            instead=[
                each for each in rhythms.of(offered, left.schedule_id, texts) if not (each.is_chosen or each.is_follow)
            ],
            rest=shelf.in_weeks(_REST, place.edition, now=now),
        )

    @router.get("/back/{token}")
    async def show_way_back(token: str) -> HTMLResponse:
        place = await asyncio.to_thread(_look_back, parts, _way_back(parts, token), parts.clock())
        if place is None:
            raise HTTPException(404)
        return pages.html("readers/come_back.html", language=place.edition.language, place=place, token=token)

    @router.post("/back/{token}")
    async def come_back(token: str, request: Request) -> HTMLResponse:
        evidence = forms.evidence(request, "undo")
        place = await asyncio.to_thread(_come_back, parts, _way_back(parts, token), evidence, parts.clock())
        if place is None:
            raise HTTPException(404)
        return pages.html("readers/back.html", language=place.edition.language, place=place)

    return router


async def _say_goodbye(parts: Parts, subscription_id: int, place: Place) -> None:
    """The last letter. A template that is broken must not make a leave look as if it had failed."""
    with suppress(BrokenLetter):
        variant_id = await letters.variant(parts, "goodbye", place)
        batch_id = await asyncio.to_thread(_goodbye, parts, subscription_id, variant_id)
        if batch_id is not None:
            letters.hurry(parts, batch_id)


def _goodbye(parts: Parts, subscription_id: int, variant_id: int) -> int | None:
    with parts.database.write() as session:
        return leaving.say_goodbye(session, subscription_id, variant_id, now=parts.clock())


def gone(pages: Pages, request: Request) -> HTMLResponse:
    """The link is ours and the subscription is not there any more: there is nothing left to unsubscribe."""
    language = pages.negotiate(request.headers.get("accept-language"))
    return pages.html("readers/gone.html", language=language)


def subscription_of(parts: Parts, token: str) -> int:
    reading = parts.keys.read(Purpose.UNSUBSCRIBE, token, now=parts.clock())
    if not isinstance(reading, Valid | Expired):  # an unsubscribe link works for ever, whatever it says
        raise HTTPException(404)
    return int(reading.payload)


def _way_back(parts: Parts, token: str) -> str:
    reading = parts.keys.read(Purpose.COME_BACK, token, now=parts.clock())
    if not isinstance(reading, Valid):
        raise HTTPException(404)
    return reading.payload


def look(parts: Parts, subscription_id: int) -> tuple[leaving.Standing, Place] | None:
    with parts.database.read() as session:
        standing = leaving.look(session, subscription_id)
        place = places.by_id(session, standing.edition_id, parts.base_url) if standing else None
        return (standing, place) if standing and place else None


def _leave(
    parts: Parts, subscription_id: int, evidence: Evidence, now: datetime
) -> tuple[leaving.Left, Place, list[Schedule]] | None:
    with parts.database.write() as session:
        left = leaving.leave(session, subscription_id, evidence, now=now)
        place = places.by_id(session, left.edition_id, parts.base_url) if left else None
        if left is None or place is None:
            return None
        return left, place, rhythm.offered(session, [left.edition_id]).get(left.edition_id, [])


def _look_back(parts: Parts, payload: str, now: datetime) -> Place | None:
    with parts.database.read() as session:
        subscription = leaving.look_back(session, payload, now=now)
        return places.by_id(session, subscription.edition_id, parts.base_url) if subscription else None


def _come_back(parts: Parts, payload: str, evidence: Evidence, now: datetime) -> Place | None:
    with parts.database.write() as session:
        subscription = leaving.come_back(session, payload, evidence, now=now)
        return places.by_id(session, subscription.edition_id, parts.base_url) if subscription else None
