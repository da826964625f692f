"""One member of staff: their role, their browsers, a new link, and whether they may work here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from newsletters import staff_mail
from newsletters.staff_mail import WayIn, Why
from staff import appoint, links, members, sign_ins
from staff.appoint import Refused
from staff.links import Use
from staff.members import Member, Role
from staff.sign_ins import SignIn
from web import forms
from web.browser import called
from web.console import staff_letters
from web.gate import Gate, Insider
from web.parts import Parts

_PERSON = "/console/people/{number}"
_MOST = 1_000_000_000  # nobody has such a number; databases refuse numbers beyond theirs

_ACTS = {"disable": appoint.disable, "enable": appoint.enable, "sign-out": appoint.sign_out_everywhere}
_Story = Callable[[Session, int], Member | Refused]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """A one-time link, and who is to have it."""

    member: Member
    link: str
    hours: int
    is_mailed: bool


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    reader, owner, _ = Depends(gate.may()), Depends(gate.may(Role.OWNER)), gate.texts.gettext
    toasts = {
        "disable": _("{name} can no longer sign in, and was signed out everywhere."),
        "enable": _("{name} may sign in again."),
        "sign-out": _("{name} was signed out everywhere."),
        "role": _("{name} has another role now, and signs in again."),
    }

    async def person(request: Request, insider: Insider, member_id: int, **context: object) -> HTMLResponse:
        found = await asyncio.to_thread(_find, parts, member_id, parts.clock())
        if found is None:
            raise HTTPException(404)
        known: dict[str, object] = {"member": found[0], "browsers": found[1], "called": called}
        known |= {"refused": None, "handover": None}
        status = 409 if context.get("refused") else 200
        return gate.page(request, insider, "console/person.html", status=status, **known | context)

    async def done(request: Request, insider: Insider, act: str, member_id: int, story: _Story) -> Response:
        outcome = await asyncio.to_thread(_write, parts, member_id, story)
        if isinstance(outcome, Refused):
            return await person(request, insider, member_id, refused=outcome.reason)
        return gate.go("/console/people", toast=toasts[act].format(name=outcome.name))

    @router.get(_PERSON)
    async def show(request: Request, number: str, insider: Insider = reader) -> Response:
        return await person(request, insider, number_of(number))

    @router.post(_PERSON + "/link")
    async def link(request: Request, number: str, insider: Insider = owner) -> Response:
        variant_id = await staff_letters.way_in(parts, Why.HANDED)
        outcome = await asyncio.to_thread(_new_link, parts, number_of(number), insider, variant_id, parts.clock())
        if isinstance(outcome, Refused):
            return await person(request, insider, number_of(number), refused=outcome.reason)
        staff_letters.hurry(parts, outcome.batch_id)
        return await person(request, insider, outcome.member.id, handover=handover(parts, outcome, parts.clock()))

    @router.post(_PERSON + "/role")
    async def role(request: Request, number: str, insider: Insider = owner) -> Response:
        wanted = (await forms.read(request)).get("role", "")
        if wanted not in set(Role):
            raise HTTPException(400)
        story = partial(appoint.set_role, role=Role(wanted), by=insider.address, now=parts.clock())
        return await done(request, insider, "role", number_of(number), story)

    @router.post(_PERSON + "/{act}")
    async def other(request: Request, number: str, act: str, insider: Insider = owner) -> Response:
        if act not in _ACTS:
            raise HTTPException(404)
        story = partial(_ACTS[act], by=insider.address, now=parts.clock())
        return await done(request, insider, act, number_of(number), story)

    return router


def number_of(text: str) -> int:
    """The number in an address, or the page "nothing here"."""
    if not text.isascii() or not text.isdecimal() or len(text) > 10 or int(text) > _MOST:
        raise HTTPException(404)
    return int(text)


def handover(parts: Parts, made: WayIn, now: datetime) -> Handover:
    """The link of a way in, to be shown to the owner who made it."""
    token = links.sign(made.payload, Use.PASSWORD, keys=parts.keys, now=now)
    hours = int(links.LASTS[Use.PASSWORD].total_seconds() // 3600)
    return Handover(
        member=made.member,
        link=f"{parts.base_url}/sign-in/{token}",
        hours=hours,
        is_mailed=made.batch_id is not None,
    )


def _find(parts: Parts, member_id: int, now: datetime) -> tuple[Member, list[SignIn]] | None:
    with parts.database.read() as session:
        member = members.by_id(session, member_id)
        return (member, sign_ins.list_open(session, member_id, now=now)) if member else None


def _write(parts: Parts, member_id: int, story: _Story) -> Member | Refused:
    with parts.database.write() as session:
        return story(session, member_id)


def _new_link(parts: Parts, member_id: int, insider: Insider, variant_id: int | None, now: datetime) -> WayIn | Refused:
    with parts.database.write() as session:
        return staff_mail.hand_over(session, member_id, variant_id, by=insider, now=now)
