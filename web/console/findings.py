"""What the checks say of an issue's letter: a page of its own, whose list the desk shows beside the stories."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Depends, Request, Response

from mailer.compiler import LetterJob
from mailer.letter import BrokenLetter
from mailer.lint import Report
from newsletters import digest, editorial
from web.console import issue_view
from web.console.issue_view import Number
from web.gate import Gate, Insider
from web.parts import Parts


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    reader = Depends(gate.may())

    @router.get("/console/issues/{issue_id:int}/findings")
    async def findings(request: Request, issue_id: Number, insider: Insider = reader) -> Response:
        view = await issue_view.wanted(parts, issue_id, insider)
        report = await _report(parts, issue_id)
        return gate.page(request, insider, "console/issues/findings.html", report=report, **view)

    return router


async def _report(parts: Parts, issue_id: int) -> Report | BrokenLetter:
    """The findings on the letter as it would go now; the problem where its template cannot become one."""
    job, stories = await asyncio.to_thread(_asked, parts, issue_id)
    try:
        return stories.joined(await parts.compiler.lint(job))
    except BrokenLetter as broken:
        return broken


def _asked(parts: Parts, issue_id: int) -> tuple[LetterJob, Report]:
    with parts.database.read() as session:
        issue = issue_view.find(session, issue_id).issue
        return digest.job(session, issue, base_url=parts.base_url), editorial.look(session, issue)
