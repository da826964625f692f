"""A correction of an issue that went: written, looked at as its readers will see it, and only then ordered."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from newsletters import correct, corrections, issues, newsletters, receivers
from newsletters.act import Refused
from newsletters.correct import Wording
from newsletters.corrections import Correction
from newsletters.issues import Issue
from newsletters.newsletters import Edition
from staff.members import Role
from web import forms
from web.console.flight import IssueId, desk, length
from web.gate import Gate, Insider
from web.parts import Parts

_AT = "/console/issues/{issue_id}/correction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known before a correction is written."""

    issue: Issue
    edition: Edition
    earlier: list[Correction]
    readers: int  # who would get it now
    refused: str | None


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    editor, texts = Depends(gate.may(Role.EDITOR)), gate.texts
    wait = length(texts, parts.undo_for) if parts.undo_for else None

    async def page(request: Request, insider: Insider, issue_id: int, status: int = 200, **said: object) -> Response:
        standing = await asyncio.to_thread(_look, parts, issue_id, parts.clock())
        if standing is None:
            raise HTTPException(404)
        known: dict[str, object] = {"standing": standing, "wording": None, "looked_at": False, "problem": None}
        known |= {"now": parts.clock(), "wait": wait, "most": correct.LONGEST_WORDS}
        return gate.page(request, insider, "console/correction.html", status=status, **known | said)

    @router.get(_AT)
    async def show(request: Request, issue_id: IssueId, insider: Insider = editor) -> Response:
        return await page(request, insider, issue_id)

    @router.post(_AT)
    async def write(request: Request, issue_id: IssueId, insider: Insider = editor) -> Response:
        """First to be looked at; with `sure`, to be sent."""
        posted = await forms.read(request)
        wording = Wording(subject=posted.get("subject", ""), words=posted.get("words", "")).clean()
        problem = wording.problem()
        if problem is not None:
            return await page(request, insider, issue_id, 422, wording=wording, problem=problem)
        if posted.get("sure") != "1":
            return await page(request, insider, issue_id, wording=wording, looked_at=True)
        outcome = await asyncio.to_thread(_order, parts, issue_id, wording, insider.address)
        if isinstance(outcome, Refused):
            return await page(request, insider, issue_id, 409, wording=wording, problem=outcome.reason)
        return gate.go(
            _AT.format(issue_id=issue_id), toast=texts.gettext("The correction is ordered. Nothing has left yet.")
        )

    @router.post(_AT + "/take-back")
    async def take_back(request: Request, issue_id: IssueId, insider: Insider = editor) -> Response:
        outcome = await asyncio.to_thread(_take_back, parts, issue_id, insider.address)
        if isinstance(outcome, Refused):
            return await page(request, insider, issue_id, 409, problem=outcome.reason)
        return gate.go(desk(issue_id), toast=texts.gettext("The correction was taken back. Nobody gets it."))

    return router


def _look(parts: Parts, issue_id: int, now: datetime) -> Standing | None:
    with parts.database.read() as session:
        issue = session.get(issues.Issue, issue_id)
        found = newsletters.edition_by_id(session, issue.edition_id) if issue else None
        if issue is None or found is None:
            return None
        return Standing(
            issue=issue,
            edition=found[1],
            earlier=corrections.of_issue(session, issue_id),
            readers=receivers.count(session, issue, now=now) if issue.letter_id else 0,
            refused=correct.may(session, issue, now=now),
        )


def _order(parts: Parts, issue_id: int, wording: Wording, by: str) -> Correction | Refused:
    with parts.database.write() as session:
        return correct.order(session, issue_id, wording, wait=parts.undo_for, by=by, now=parts.clock())


def _take_back(parts: Parts, issue_id: int, by: str) -> Correction | Refused:
    with parts.database.write() as session:
        return correct.take_back(session, issue_id, by=by, now=parts.clock())
