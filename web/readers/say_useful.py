"""Whether an issue was useful: the link shows two buttons, the press of one counts. A GET changes nothing.

Mail programs and scanners open every link of a letter; what they open must not become an answer.
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from ground.tokens import Forged, Purpose
from newsletters import opinions
from newsletters.issues import Issue
from web import forms
from web.pages import Pages
from web.parts import Parts
from web.readers import leave

ANSWERS = {"yes": True, "no": False}


def routes(parts: Parts, pages: Pages) -> APIRouter:
    router = APIRouter()

    @router.get("/f/{token}")
    async def ask(token: str, request: Request, issue: str = "", answer: str = "") -> HTMLResponse:
        subscription_id = _subscription_of(parts, token)
        found = await asyncio.to_thread(leave.look, parts, subscription_id)
        asked = await asyncio.to_thread(_find, parts, subscription_id, _number(issue))
        if found is None or asked is None:
            return leave.gone(pages, request)
        return pages.html(
            "readers/useful.html",
            language=found[1].edition.language,
            place=found[1],
            issue=asked,
            token=token,
            chosen=answer if answer in ANSWERS else "",
        )

    @router.post("/f/{token}")
    async def say(token: str, request: Request) -> HTMLResponse:
        subscription_id, posted = _subscription_of(parts, token), await forms.read(request)
        is_useful = ANSWERS.get(posted.get("answer", ""))
        found = await asyncio.to_thread(leave.look, parts, subscription_id)
        if found is None or is_useful is None:
            return leave.gone(pages, request)
        issue = await asyncio.to_thread(_say, parts, subscription_id, _number(posted.get("issue", "")), is_useful)
        if issue is None:
            return leave.gone(pages, request)
        return pages.html(
            "readers/useful_said.html",
            language=found[1].edition.language,
            place=found[1],
            issue=issue,
            token=token,
            is_useful=is_useful,
        )

    return router


def _subscription_of(parts: Parts, token: str) -> int:
    reading = parts.keys.read(Purpose.FEEDBACK, token, now=parts.clock())
    if isinstance(reading, Forged):
        raise HTTPException(404)
    return int(reading.payload)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _find(parts: Parts, subscription_id: int, number: int) -> Issue | None:
    with parts.database.read() as session:
        issue = opinions.find(session, subscription_id, number)
        if issue is not None:
            session.expunge(issue)
        return issue


def _say(parts: Parts, subscription_id: int, number: int, is_useful: bool) -> Issue | None:  # noqa: FBT001 - the answer itself
    with parts.database.write() as session:
        issue = opinions.say(session, subscription_id, number, is_useful=is_useful, now=parts.clock())
        if issue is not None:
            session.expunge(issue)
        return issue
