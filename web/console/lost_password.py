"""The way back in for who has lost their password: an address is asked for, and a link goes there if it is staff's.

The answer is the same for every address, after the same time: nobody learns here who works for the newsroom.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response

from mailer import address
from mailer.address import EmailAddress
from newsletters import staff_mail
from newsletters.staff_mail import Why
from web import limits
from web.console import staff_letters
from web.gate import Gate, read_form
from web.limits import Limit
from web.parts import Parts

_log = structlog.get_logger()

#: Letters to one address, which is told to nobody; and requests from one network, which is.
_ADDRESS = Limit(name="new passwords for an address", most=3, per=timedelta(hours=1))
_NETWORK = Limit(name="new passwords from a network", most=20, per=timedelta(hours=1))


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()

    def page(*, status: int = 200, **said: object) -> Response:
        blank: dict[str, Any] = {"typed": "", "problem": None, "asked": None}
        return gate.pages.html("console/lost_password.html", status=status, **blank | said)

    @router.get("/sign-in/lost")
    async def show() -> Response:
        return page()

    @router.post("/sign-in/lost")
    async def ask(request: Request) -> Response:
        gate.refuse_foreign(request)
        typed = str((await read_form(request)).get("email", "")).strip()[:320]
        who = address.parse(typed)
        if not isinstance(who, EmailAddress):
            return page(status=422, typed=typed, problem="address")
        network = limits.network(request.client.host if request.client else None)
        if not parts.limits.allow(_NETWORK, network):
            return page(status=429, typed=typed, problem="limit")
        await _ask(parts, who, network)
        return page(asked=str(who))

    return router


async def _ask(parts: Parts, who: EmailAddress, network: str) -> None:
    """Always as long as the floor: an address of staff must not answer otherwise than any other."""
    loop = asyncio.get_running_loop()
    earliest = loop.time() + parts.answer_floor.total_seconds()
    variant_id = await staff_letters.way_in(parts, Why.ASKED)
    if variant_id is not None and parts.limits.allow(_ADDRESS, who.key):
        batch_id = await asyncio.to_thread(_lost, parts, who, variant_id, parts.clock())
        _log.info("new_password_asked_for", address=who.masked, network=network)
        staff_letters.hurry(parts, batch_id)
    await asyncio.sleep(max(0.0, earliest - loop.time()))


def _lost(parts: Parts, who: EmailAddress, variant_id: int, now: datetime) -> int | None:
    with parts.database.write() as session:
        return staff_mail.lost_password(session, who, variant_id, now=now)
