"""`/ops/bounces`: what was refused or came back, by class, group and day, and the newest with their raw words."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Depends, Request, Response

from feedback import bounce_figures, history
from feedback.bounce_figures import BounceFigures
from mailer import lookup
from mailer.bounce_reports import BounceReport
from mailer.inbound.maildir import Maildir
from mailer.lookup import Sheet, Show, Wanted
from mailer.pacing import GROUPS
from newsletters import issues
from newsletters.issues import Issue
from web.gate import Gate, Insider
from web.ops.deliveries import told
from web.parts import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounces:
    figures: BounceFigures
    sheet: Sheet
    reports: Mapping[int, BounceReport]  # the last on each delivery of the sheet
    issues: Mapping[int, Issue]
    unmatched: Sequence[BounceReport]
    put_aside: int | None  # mails in the bounce Maildir that could not be read; None where it is not on this machine


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    anybody = Depends(gate.may())

    @router.get("/ops/bounces")
    async def bounces(request: Request, group: str = "", after: str = "", insider: Insider = anybody) -> Response:
        known = group if group in GROUPS else ""
        return gate.page(
            request,
            insider,
            "ops/bounces.html",
            seen=await asyncio.to_thread(_look, parts, known or None, after),
            group=known,
            groups=GROUPS,
            told=told,
            told_report=history.told,
        )

    return router


def _look(parts: Parts, group: str | None, after: str) -> Bounces:
    box = Maildir(parts.bounces_maildir) if parts.bounces_maildir is not None else None
    with parts.database.read() as session:
        sheet = lookup.find(session, Wanted(show=Show.BOUNCED, domain_group=group, after=after))
        return Bounces(
            figures=bounce_figures.bounce_figures(session, now=parts.clock()),
            sheet=sheet,
            reports=bounce_figures.last_reports(session, [line.id for line in sheet.lines]),
            issues=issues.of_letters(session, {line.letter_id for line in sheet.lines}),
            unmatched=bounce_figures.unmatched(session),
            put_aside=box.count_shunted() if box is not None else None,
        )
