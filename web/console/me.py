"""One's own page: the password, the mail one gets, and the browsers that one is signed in with."""

from __future__ import annotations

import asyncio
from datetime import datetime

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from staff import appoint, members, passwords, sign_in, sign_ins
from staff.members import Member
from staff.sign_in import Change, Entered
from staff.sign_ins import SignIn
from web import forms
from web.browser import called
from web.console.link import problem_with
from web.console.person import number_of
from web.console.sign_in import Tries, new_browser
from web.gate import Gate, Insider
from web.parts import Parts

_ME = "/console/me"


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    me, _ = Depends(gate.may()), gate.texts.gettext

    async def own_page(request: Request, insider: Insider, status: int = 200, **problems: str) -> HTMLResponse:
        browsers, member = await asyncio.to_thread(_own, parts, insider.member_id, parts.clock())
        known = {
            "browsers": browsers,
            "called": called,
            "problems": problems,
            "shortest": passwords.SHORTEST,
            "has_password": bool(member and member.password_hash),
            "gets_mail": bool(member and member.gets_mail),
        }
        return gate.page(request, insider, "console/me.html", status=status, **known)

    @router.get(_ME)
    async def show(request: Request, insider: Insider = me) -> Response:
        return await own_page(request, insider)

    @router.post(_ME + "/password")
    async def change(request: Request, insider: Insider = me) -> Response:
        posted, tries = await forms.read(request), Tries(parts, insider.address, request)
        chosen = posted.get("password", "")
        problem = problem_with(chosen, posted.get("password_again", ""), insider.address)
        if problem:
            return await own_page(request, insider, 422, password=problem)
        if tries.closed() is not None:
            words = _("There were too many wrong passwords, so nothing was checked. Try again in an hour.")
            return await own_page(request, insider, 429, current_password=words)
        new = new_browser(parts, request)
        wanted = Change(
            member_id=insider.member_id, current=posted.get("current_password", ""), chosen=chosen, browser=new
        )
        entered = await asyncio.to_thread(_change, parts, wanted, parts.clock())
        tries.note(right=entered is not None)
        if entered is None:
            words = _("This is not your password. Nothing was changed.")
            return await own_page(request, insider, 422, current_password=words)
        answer = gate.go(_ME, toast=_("Your password is changed. Every other browser was signed out."))
        gate.cookies.keep(answer, new.token, now=parts.clock())
        return answer

    @router.post(_ME + "/mail")
    async def mail(request: Request, insider: Insider = me) -> Response:
        wanted = (await forms.read(request)).get("wanted") == "1"
        await asyncio.to_thread(_set_mail, parts, insider, wanted, parts.clock())
        said = _("You are mailed what concerns you.") if wanted else _("You are no longer mailed.")
        return gate.go(_ME, toast=said)

    @router.post(_ME + "/browsers/{number}/end")
    async def end(number: str, insider: Insider = me) -> Response:
        if not await asyncio.to_thread(_end, parts, number_of(number), insider.member_id, parts.clock()):
            raise HTTPException(404)
        return gate.go(_ME, toast=_("That browser was signed out."))

    return router


def _own(parts: Parts, member_id: int, now: datetime) -> tuple[list[SignIn], Member | None]:
    with parts.database.read() as session:
        return sign_ins.list_open(session, member_id, now=now), members.by_id(session, member_id)


def _set_mail(parts: Parts, insider: Insider, wanted: bool, now: datetime) -> None:  # noqa: FBT001 - from a thread
    with parts.database.write() as session:
        appoint.set_mail(session, insider.member_id, wanted=wanted, by=insider.address, now=now)


def _change(parts: Parts, wanted: Change, now: datetime) -> Entered | None:
    return sign_in.change_password(parts.database, parts.passwords, wanted, now=now)


def _end(parts: Parts, sign_in_id: int, member_id: int, now: datetime) -> bool:
    with parts.database.write() as session:
        return sign_ins.end(session, sign_in_id, member_id, now=now)
