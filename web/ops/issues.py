"""`/ops/issues/{id}`: an issue from its audience to what came back, every number with the list that it counts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from feedback import figures
from feedback.figures import IssueFigures, LeftOut
from mailer.deliveries import State
from newsletters import newsletters
from newsletters.issues import Issue
from newsletters.newsletters import Edition
from web.gate import Gate, Insider
from web.ops.numbers import number
from web.parts import Parts

_PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    issue: Issue
    edition: Edition
    figures: IssueFigures
    reasons: Mapping[State, Mapping[str, int]]


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    anybody = Depends(gate.may())

    @router.get("/ops/issues/{issue_id:int}")
    async def funnel(request: Request, issue_id: int, insider: Insider = anybody) -> Response:
        seen = await asyncio.to_thread(_funnel, parts, number(issue_id))
        if seen is None:
            raise HTTPException(404)
        return gate.page(request, insider, "ops/issue.html", seen=seen)

    @router.get("/ops/issues/{issue_id:int}/left-out")
    async def left_out(
        request: Request, issue_id: int, reason: str = "", after: str = "", insider: Insider = anybody
    ) -> Response:
        found = await asyncio.to_thread(_left_out, parts, number(issue_id), reason or None, _after(after))
        if found is None:
            raise HTTPException(404)
        issue, readers = found
        return gate.page(
            request,
            insider,
            "ops/left_out.html",
            issue=issue,
            readers=readers[:_PAGE],
            further=readers[_PAGE - 1].subscriber_id if len(readers) > _PAGE else None,
            reason=reason,
        )

    return router


def _after(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else 0


def _funnel(parts: Parts, issue_id: int) -> Funnel | None:
    with parts.database.read() as session:
        issue, counted = session.get(Issue, issue_id), figures.issue_figures(session, issue_id)
        if issue is None or counted is None:
            return None
        found = newsletters.edition_by_id(session, issue.edition_id)
        assert found is not None
        why = figures.reasons(session, issue.letter_id) if issue.letter_id is not None else {}
        return Funnel(issue=issue, edition=found[1], figures=counted, reasons=why)


def _left_out(parts: Parts, issue_id: int, reason: str | None, after: int) -> tuple[Issue, list[LeftOut]] | None:
    with parts.database.read() as session:
        issue = session.get(Issue, issue_id)
        if issue is None:
            return None
        return issue, figures.left_out(session, issue_id, reason=reason, after=after, limit=_PAGE + 1)
