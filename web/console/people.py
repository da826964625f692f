"""People: who works here. Everybody may look, owners appoint.

The link for somebody new goes to them by mail, and is shown once to the owner who made it.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from mailer import address
from mailer.address import EmailAddress
from newsletters import staff_mail
from newsletters.staff_mail import WayIn, Why
from staff import members, sign_ins
from staff.appoint import NewMember, Refused
from staff.members import Member, Role
from staff.sign_ins import Presence
from web import forms
from web.console import staff_letters
from web.console.person import handover
from web.gate import Gate, Insider
from web.parts import Parts


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    reader, owner, _ = Depends(gate.may()), Depends(gate.may(Role.OWNER)), gate.texts.gettext

    async def people(request: Request, insider: Insider, status: int = 200, **context: object) -> HTMLResponse:
        known: dict[str, object] = {"typed": {}, "problems": {}, "handover": None}
        known["people"] = await asyncio.to_thread(_list, parts, parts.clock())
        return gate.page(request, insider, "console/people.html", status=status, **known | context)

    @router.get("/console/people")
    async def show(request: Request, insider: Insider = reader) -> Response:
        return await people(request, insider)

    @router.post("/console/people")
    async def invite(request: Request, insider: Insider = owner) -> Response:
        posted = await forms.read(request)
        new = _read(posted)
        if new is None:
            wrong = {"email": _("This is no email address. Write it like name@example.org.")}
            return await people(request, insider, status=422, typed=posted, problems=wrong)
        variant_id = await staff_letters.way_in(parts, Why.INVITED)
        outcome = await asyncio.to_thread(_invite, parts, new, insider, variant_id, parts.clock())
        if isinstance(outcome, Refused):
            return await people(request, insider, status=409, typed=posted, problems={"email": outcome.reason})
        staff_letters.hurry(parts, outcome.batch_id)
        return await people(request, insider, handover=handover(parts, outcome, parts.clock()))

    return router


def _read(posted: dict[str, str]) -> NewMember | None:
    found = address.parse(posted.get("email", ""))
    if not isinstance(found, EmailAddress) or posted.get("role") not in set(Role):
        return None
    role = Role(posted["role"])
    return NewMember(address=str(found), address_key=found.key, name=posted.get("name", ""), role=role)


def _list(parts: Parts, now: datetime) -> list[tuple[Member, Presence | None]]:
    with parts.database.read() as session:
        present = sign_ins.presences(session, now=now)
        return [(member, present.get(member.id)) for member in members.list_members(session)]


def _invite(parts: Parts, new: NewMember, insider: Insider, variant_id: int | None, now: datetime) -> WayIn | Refused:
    with parts.database.write() as session:
        return staff_mail.invite(session, new, variant_id, by=insider, now=now)
