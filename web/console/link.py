"""One-time links: the page says whose it is and shows a button; only pressing it signs in. Scanners follow links."""

from __future__ import annotations

import asyncio
from datetime import datetime

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from mailer import address
from mailer.address import EmailAddress
from staff import links, passwords, sign_in
from staff.links import Link, Standing, Use
from staff.sign_in import Entered
from staff.sign_ins import Browser
from web.console.sign_in import new_browser
from web.gate import Gate, read_form
from web.pages import Pages
from web.parts import Parts


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()

    @router.get("/sign-in/{token}")
    async def show(token: str) -> HTMLResponse:
        return _page(gate.pages, token, await _wanted(parts, token))

    @router.post("/sign-in/{token}")
    async def press(token: str, request: Request) -> Response:
        gate.refuse_foreign(request)
        link = await _wanted(parts, token)
        if link.standing is not Standing.OPEN:
            return _page(gate.pages, token, link)
        chosen = None
        if link.use is Use.PASSWORD:
            posted = await read_form(request)
            chosen, again = str(posted.get("password", "")), str(posted.get("password_again", ""))
            problem = problem_with(chosen, again, link.member.address)
            if problem:
                return _page(gate.pages, token, link, problem=problem)
        new = new_browser(parts, request)
        former = gate.cookies.token(request, now=parts.clock())
        entered = await asyncio.to_thread(_enter, parts, token, new, chosen, former)
        if entered is None:  # somebody pressed it a moment earlier
            return _page(gate.pages, token, await _wanted(parts, token))
        answer = RedirectResponse("/console", status_code=303)
        gate.cookies.keep(answer, new.token, now=parts.clock())
        return answer

    return router


def problem_with(chosen: str, again: str, member_address: str) -> str | None:
    """Why this cannot be the new password, in words."""
    problem = passwords.problem(chosen, member_address)
    if problem is not None:
        return str(problem)
    return None if chosen == again else "The two do not match. Type it twice in the same way."


def _page(pages: Pages, token: str, link: Link, *, problem: str | None = None) -> HTMLResponse:
    status = 200 if link.standing is Standing.OPEN else 410
    found = address.parse(link.member.address)
    masked = found.masked if isinstance(found, EmailAddress) else "***"
    return pages.html(
        "console/link.html",
        status=422 if problem else status,
        token=token,
        name=link.member.name,
        masked=masked,
        choose=link.use is Use.PASSWORD,
        standing=link.standing.value,
        problem=problem,
        shortest=passwords.SHORTEST,
    )


async def _wanted(parts: Parts, token: str) -> Link:
    link = await asyncio.to_thread(_read, parts, token, parts.clock())
    if link is None:
        raise HTTPException(404)
    return link


def _read(parts: Parts, token: str, now: datetime) -> Link | None:
    with parts.database.read() as session:
        return links.read(session, token, keys=parts.keys, now=now)


def _enter(parts: Parts, token: str, browser: Browser, chosen: str | None, former: str | None) -> Entered | None:
    password_hash = parts.passwords.hash(chosen) if chosen is not None else None
    with parts.database.write() as session:
        return sign_in.by_link(
            session,
            token,
            browser,
            keys=parts.keys,
            now=parts.clock(),
            password_hash=password_hash,
            former=former,
        )
