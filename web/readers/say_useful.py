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
        return await page("readers/useful.html", request, token, issue, answer)

    @router.post("/f/{token}")
    async def say(token: str, request: Request) -> HTMLResponse:
        posted = await forms.read(request)
        is_useful, issue = ANSWERS.get(posted.get("answer", "")), posted.get("issue", "")
        if is_useful is None:
            return await page("readers/useful.html", request, token, issue, "")
        await asyncio.to_thread(_say, parts, _subscription_of(parts, token), _number(issue), is_useful=is_useful)
        return await page("readers/useful_said.html", request, token, issue, posted["answer"])

    async def page(template: str, request: Request, token: str, number: str, answer: str) -> HTMLResponse:
        """A page about an issue, for who holds the link; for an issue or a reader that is not there, the page that says so."""
        subscription_id = _subscription_of(parts, token)
        found = await asyncio.to_thread(leave.look, parts, subscription_id)
        issue = await asyncio.to_thread(_find, parts, subscription_id, _number(number))
        if found is None or issue is None:
            return leave.gone(pages, request)
        place = found[1]
        return pages.html(
            template, language=place.edition.language, place=place, issue=issue, token=token, answer=answer
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


def _say(parts: Parts, subscription_id: int, number: int, *, is_useful: bool) -> None:
    with parts.database.write() as session:
        opinions.say(session, subscription_id, number, is_useful=is_useful, now=parts.clock())
