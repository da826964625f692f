"""Letting an issue go: approve, send now, undo. A page asks before anything is sent at once."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session

from newsletters import flight as flights
from newsletters import launch
from newsletters.act import Done, Refused
from newsletters.flight import Act, Forecast
from newsletters.issues import Issue
from staff.members import Role
from web import forms
from web.console import flight
from web.console.flight import Acts, IssueId, desk, length, wanted
from web.gate import Gate, Insider
from web.parts import Parts


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter(prefix="/console/issues/{issue_id}")
    acts, editor, wait = Acts(parts, gate), Depends(gate.may(Role.EDITOR)), parts.undo_for

    @router.post("/approve")
    async def approve(request: Request, issue_id: IssueId, insider: Insider = editor) -> Response:
        seen = flight.seen_in((await forms.read(request)).get("seen", ""))

        def approved(session: Session, now: datetime) -> Done | Refused:
            return launch.approve(session, issue_id, by=insider.address, now=now, seen=seen, wait=wait)

        return await acts.answer(request, insider, issue_id, approved, seen=seen)

    @router.get("/send-now")
    async def ask(request: Request, issue_id: IssueId, seen: str = "", insider: Insider = editor) -> Response:
        found = await wanted(parts, issue_id, seen=flight.seen_in(seen))
        if Act.SEND_NOW not in found.acts:
            return gate.go(desk(issue_id))
        meant = await asyncio.to_thread(_forecast, parts, found.issue)
        return gate.page(
            request,
            insider,
            "console/send_now.html",
            flight=found,
            forecast=meant,
            minutes=None if meant.takes is None else -(-meant.takes // timedelta(minutes=1)),
            wait=length(parts.languages.texts("en"), wait) if wait else None,
        )

    @router.post("/send-now")
    async def send(request: Request, issue_id: IssueId, insider: Insider = editor) -> Response:
        seen = flight.seen_in((await forms.read(request)).get("seen", ""))

        def sent(session: Session, now: datetime) -> Done | Refused:
            return launch.send_now(session, issue_id, by=insider.address, now=now, seen=seen, wait=wait)

        return await acts.answer(request, insider, issue_id, sent, seen=seen)

    @router.post("/take-back")
    async def take_back(request: Request, issue_id: IssueId, insider: Insider = editor) -> Response:
        def taken_back(session: Session, now: datetime) -> Done | Refused:
            return launch.take_back(session, issue_id, by=insider.address, now=now)

        return await acts.answer(request, insider, issue_id, taken_back)

    return router


def _forecast(parts: Parts, issue: Issue) -> Forecast:
    with parts.database.read() as session:
        return flights.forecast(session, issue, now=parts.clock())
