"""The switch on the board that tests the way back: a mail to an address that must bounce."""

from __future__ import annotations

import asyncio
import secrets

from fastapi import APIRouter, Depends, Request, Response

from feedback import probe
from feedback.intervene import Refused
from feedback.probe import Sent
from mailer.address import EmailAddress
from mailer.compiler import LetterJob
from staff.members import Role
from web import forms
from web.console import staff_letters
from web.gate import Gate, Insider
from web.parts import Parts


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    ops = Depends(gate.may(Role.OPS))
    _ = gate.texts.gettext

    @router.post("/ops/probe")
    async def send(request: Request, insider: Insider = ops) -> Response:
        typed = (await forms.read(request)).get("address", "")[:400]
        chosen = await asyncio.to_thread(_choose, parts, typed)
        if isinstance(chosen, Refused):
            return gate.go("/ops", toast=chosen.reason)
        to, job = chosen
        sent = await asyncio.to_thread(_send, parts, insider, to, await parts.compiler.variant(job))
        staff_letters.hurry(parts, sent.batch_id)
        said = _("A test is on its way to %(address)s. The board says when its bounce has come back.")
        return gate.go("/ops", toast=said % {"address": sent.address})

    return router


def _choose(parts: Parts, typed: str) -> tuple[EmailAddress, LetterJob] | Refused:
    with parts.database.read() as session:
        chance, now = secrets.token_hex(6), parts.clock()
        to = probe.choose(session, typed, chance=chance, base_url=parts.base_url, now=now)
        job = probe.job(session, base_url=parts.base_url)
        if isinstance(to, Refused) or job is None:
            return to if isinstance(to, Refused) else Refused("There is no newsletter yet that a mail could come from.")
        return to, job


def _send(parts: Parts, insider: Insider, to: EmailAddress, variant_id: int) -> Sent:
    with parts.database.write() as session:
        return probe.send(session, to, variant_id, by=insider.address, now=parts.clock())
