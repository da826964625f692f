"""The answer to the one question that a leaver is asked. The link is the letter's, as for leaving itself."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from subscribers import leave as leaving
from subscribers.subscriptions import Because
from web import forms
from web.pages import Pages
from web.parts import Parts
from web.readers import leave


def routes(parts: Parts, pages: Pages) -> APIRouter:
    router = APIRouter()

    @router.post("/u/{token}/why")
    async def say_why(token: str, request: Request) -> HTMLResponse:
        subscription_id = leave.subscription_of(parts, token)
        because = (await forms.read(request)).get("because", "")
        found = await asyncio.to_thread(leave.look, parts, subscription_id)
        if found is None:
            return leave.gone(pages, request)
        if because in set(Because):
            await asyncio.to_thread(_say_why, parts, subscription_id, Because(because))
        return pages.html("readers/thanks.html", language=found[1].edition.language, place=found[1])

    return router


def _say_why(parts: Parts, subscription_id: int, because: Because) -> None:
    with parts.database.write() as session:
        leaving.say_why(session, subscription_id, because)
