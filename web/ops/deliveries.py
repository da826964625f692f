"""`/ops/deliveries`: find a delivery, and read what happened to it, reply by reply."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from feedback import history, intervene
from feedback.history import History
from feedback.intervene import Refused
from mailer import lookup, plain_words
from mailer.deliveries import State
from mailer.lookup import Line, Sheet, Show, Wanted
from mailer.pacing import GROUPS
from mailer.plain_words import PlainWords, Said
from newsletters import issues
from newsletters.issues import Issue
from web.gate import Gate, Insider
from web.ops.numbers import number
from web.parts import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the filters say, as they were typed."""

    issue: str = ""
    show: str = ""
    group: str = ""
    address: str = ""
    after: str = ""

    def path(self, after: str) -> str:
        kept = {"issue": self.issue, "show": self.show, "group": self.group, "address": self.address, "after": after}
        return "/ops/deliveries?" + urlencode({name: value for name, value in kept.items() if value})


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    anybody = Depends(gate.may())

    @router.get("/ops/deliveries")
    async def search(
        request: Request,
        issue: str = "",
        show: str = "",
        group: str = "",
        address: str = "",
        after: str = "",
        insider: Insider = anybody,
    ) -> Response:
        asked = Asked(issue=issue, show=show, group=group, address=address.strip(), after=after)
        sheet, named, problem = await asyncio.to_thread(_search, parts, asked)
        return gate.page(
            request,
            insider,
            "ops/deliveries.html",
            status=422 if problem else 200,
            asked=asked,
            sheet=sheet,
            issues=named,
            problem=problem,
            shows=list(Show),
            groups=GROUPS,
            told=told,
        )

    @router.get("/ops/deliveries/{delivery_id:int}")
    async def message(request: Request, delivery_id: int, insider: Insider = anybody) -> Response:
        found = await asyncio.to_thread(_history, parts, number(delivery_id))
        if found is None:
            raise HTTPException(404)
        return gate.page(request, insider, "ops/delivery.html", seen=found)

    return router


def told(line: Line) -> PlainWords | None:
    """The last answer of a delivery in plain words; None where there is nothing to explain."""
    if line.state in {State.FAILED, State.DEFERRED, State.UNCERTAIN}:
        said = Said(
            text=line.reply or "",
            code=line.code,
            enhanced=line.enhanced,
            stage=line.stage,
            outcome=line.state,
            reason=line.reason,
        )
        return plain_words.explain(said)
    return None


def _search(parts: Parts, asked: Asked) -> tuple[Sheet, dict[int, Issue], Refused | None]:
    with parts.database.read() as session:
        wanted = _wanted(session.get(Issue, int(asked.issue)) if _is_number(asked.issue) else None, asked)
        if isinstance(wanted, Refused):
            return Sheet(), {}, wanted
        sheet = lookup.find(session, wanted)
        return sheet, issues.of_letters(session, {line.letter_id for line in sheet.lines}), None


def _wanted(issue: Issue | None, asked: Asked) -> Wanted | Refused:
    if asked.issue and (issue is None or issue.letter_id is None):
        return Refused(
            f"Issue {asked.issue[:20]} has no deliveries: there is no such issue, or nothing of it went.", "issue"
        )
    address_key = None
    if asked.address:
        found = intervene.read_address(asked.address)
        if isinstance(found, Refused):
            return found
        address_key = found.key
    return Wanted(
        show=Show(asked.show) if asked.show in set(Show) else Show.ALL,
        letter_id=issue.letter_id if issue is not None else None,
        domain_group=asked.group if asked.group in GROUPS else None,
        address_key=address_key,
        after=asked.after,
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18


def _history(parts: Parts, delivery_id: int) -> History | None:
    with parts.database.read() as session:
        return history.of(session, delivery_id, now=parts.clock())
