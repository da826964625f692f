"""Stopping an issue on its way: pause, resume, cancel. A page says before a cancel who has it and who will not get it."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session

from newsletters import launch
from newsletters.act import Done, Refused
from newsletters.flight import Act
from staff.members import Role
from web import forms
from web.console.flight import Acts, IssueId, desk, wanted
from web.gate import Gate, Insider
from web.parts import Parts


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter(prefix="/console/issues/{issue_id}")
    acts, stopper = Acts(parts, gate), Depends(gate.may(Role.EDITOR, Role.OPS))

    @router.post("/pause")
    async def pause(request: Request, issue_id: IssueId, insider: Insider = stopper) -> Response:
        # Who stops in haste need not find words first.
        reason = (await forms.read(request)).get("reason", "").strip() or f"Paused by {insider.address}."

        def paused(session: Session, now: datetime) -> Done | Refused:
            return launch.pause(session, issue_id, reason=reason, by=insider.address, now=now)

        return await acts.answer(request, insider, issue_id, paused)

    @router.post("/resume")
    async def resume(request: Request, issue_id: IssueId, insider: Insider = stopper) -> Response:
        def resumed(session: Session, now: datetime) -> Done | Refused:
            return launch.resume(session, issue_id, by=insider.address, now=now)

        return await acts.answer(request, insider, issue_id, resumed)

    @router.get("/cancel")
    async def ask(request: Request, issue_id: IssueId, insider: Insider = stopper) -> Response:
        found = await wanted(parts, issue_id)
        if Act.CANCEL not in found.acts:
            return gate.go(desk(issue_id))
        return gate.page(request, insider, "console/cancel.html", flight=found, problem=None)

    @router.post("/cancel")
    async def cancel(request: Request, issue_id: IssueId, insider: Insider = stopper) -> Response:
        reason = (await forms.read(request)).get("reason", "").strip()
        if not reason:
            found = await wanted(parts, issue_id)
            why = parts.languages.texts("en").gettext("Say why: who looks at this issue later will ask.")
            return gate.page(request, insider, "console/cancel.html", status=422, flight=found, problem=why)

        def cancelled(session: Session, now: datetime) -> Done | Refused:
            return launch.cancel(session, issue_id, reason=reason, by=insider.address, now=now)

        return await acts.answer(request, insider, issue_id, cancelled)

    return router
