"""All issues, those made last first; narrowed to an edition or to a state."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response

from newsletters import agenda, compose, flight, issues, layouts, newsletters, schedules
from newsletters.compose import NothingToSend
from newsletters.flight import Course
from newsletters.issues import Issue, IssueState
from newsletters.newsletters import Edition, Newsletter
from staff.members import Role
from web import forms
from web.console import schedule_words
from web.gate import Gate, Insider
from web.parts import Parts

_PAGE = 40

#: What a person looks for, in the order of an issue's life.
_KINDS = {
    "open": (IssueState.DRAFT, IssueState.APPROVED, IssueState.HELD),
    "moving": (IssueState.SEALED, IssueState.SENDING, IssueState.PAUSED),
    "sent": (IssueState.FINISHED,),
    "not-sent": (IssueState.SKIPPED, IssueState.CANCELLED),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    issue: Issue
    edition: Edition
    course: Course
    waits: bool
    stories: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowed:
    """What the list is narrowed to, and from where it goes on."""

    edition: int | None
    kind: str | None
    before: int | None

    def address(self, **over: object) -> str:
        wanted = {"edition": self.edition, "state": self.kind, "before": self.before, **over}
        query = urlencode({name: value for name, value in wanted.items() if value is not None})
        return f"/console/issues?{query}" if query else "/console/issues"


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    anybody, editor = Depends(gate.may()), Depends(gate.may(Role.EDITOR))

    @router.get("/console/issues")
    async def every_issue(
        request: Request, edition: str = "", state: str = "", before: str = "", insider: Insider = anybody
    ) -> Response:
        narrowed = Narrowed(edition=_number(edition), kind=state if state in _KINDS else None, before=_number(before))
        return await page(request, insider, narrowed)

    @router.post("/console/issues")
    async def compose_one(request: Request, insider: Insider = editor) -> Response:
        posted = await forms.read(request)
        layout = posted.get("layout", "") or layouts.DAILY
        edition_id = _number(posted.get("edition", "")) or 0
        made = await asyncio.to_thread(_compose, parts, edition_id, insider, layout=layout)
        if isinstance(made, int):
            return gate.go(f"/console/issues/{made}", toast=gate.texts.gettext("A draft. It goes only when approved."))
        narrowed = Narrowed(edition=None, kind=None, before=None)
        return await page(request, insider, narrowed, problem=made.reason, status=422)

    async def page(
        request: Request, insider: Insider, narrowed: Narrowed, *, problem: str | None = None, status: int = 200
    ) -> Response:
        lines, editions = await asyncio.to_thread(_list, parts, narrowed)
        return gate.page(
            request,
            insider,
            "console/issues.html",
            status=status,
            problem=problem,
            lines=lines[:_PAGE],
            older=narrowed.address(before=lines[_PAGE - 1].issue.id) if len(lines) > _PAGE else None,
            newest=narrowed.address(before=None) if narrowed.before else None,
            narrowed=narrowed,
            kinds=tuple(_KINDS),
            editions=editions,
            layouts=[(each.name, schedule_words.choice(gate.texts, each)) for each in layouts.by_hand(parts.layouts())],
        )

    return router


def _compose(parts: Parts, edition_id: int, insider: Insider, *, layout: str) -> int | NothingToSend:
    with parts.database.write() as session:
        if newsletters.edition_by_id(session, edition_id) is None:
            return NothingToSend("This edition is not there any more. Choose another.")
        among = parts.layouts()
        made = compose.one_off(session, edition_id, now=parts.clock(), by=insider.address, layout=layout, among=among)
        return made if isinstance(made, NothingToSend) else made.id


def _list(parts: Parts, narrowed: Narrowed) -> tuple[list[Line], Sequence[tuple[Newsletter, Edition]]]:
    with parts.database.read() as session:
        found = issues.list_page(
            session,
            limit=_PAGE + 1,
            before=narrowed.before,
            edition_id=narrowed.edition,
            states=_KINDS.get(narrowed.kind or "", ()),
        )
        stories = agenda.count_stories(session, [issue.id for issue in found])
        rules = {schedule.id: schedule for schedule in schedules.list_schedules(session)}
        listed = newsletters.list_editions(session)
        editions = {edition.id: edition for _, edition in listed}
    now = parts.clock()
    lines = [
        Line(
            issue=issue,
            edition=editions[issue.edition_id],
            course=flight.course_of(issue, rules.get(issue.schedule_id or 0)),
            waits=issues.waits(issue, now=now),
            stories=stories.get(issue.id, 0),
        )
        for issue in found
    ]
    return lines, listed


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
