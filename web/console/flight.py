"""Where an issue stands between its approval and its last reader, live; and the answer to every act on its way.

The live part asks for itself every two seconds while something moves. It asks with the state that it shows: when that is
no longer so, the whole section comes in its place, buttons too.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Request, Response
from sqlalchemy.orm import Session

from ground.language import Texts
from mailer import signatures
from mailer.progress import Progress
from newsletters import flight
from newsletters.act import Done, Refused
from newsletters.flight import Act, Course, Flight
from newsletters.issues import Issue, IssueState
from newsletters.launch import Seen
from newsletters.newsletters import Edition
from web import browser
from web.gate import Gate, Insider
from web.parts import Parts

IssueId = Annotated[int, Path(ge=1, le=2**31 - 1)]

#: What does an act in the transaction that it is given.
Doing = Callable[[Session, datetime], Done | Refused]

#: Seconds between two looks: while something moves, and while a time that lets it go is near.
_MOVING, _NEAR = 2, 20
_IS_NEAR = timedelta(minutes=10)
_SEEN = re.compile(r"([0-9]{1,9})(?:\.([0-9a-f]{16}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A flight as `console/_flight.html` shows it. Every page that includes it is handed one as `flight`."""

    issue: Issue
    edition: Edition
    course: Course
    waits: bool
    acts: frozenset[Act]
    progress: Progress | None
    signed: signatures.Progress | None  # ahead of its time
    left: str  # until a held one leaves
    eta: str | None
    every: int | None  # seconds until the next look
    key: str  # the state, as far as the buttons go by it
    seen: Seen  # what the page around it shows of the issue; a live part that comes later has shown nothing newer


def show(parts: Parts, issue_id: int) -> Shown | None:
    """Where an issue stands now. Reads the database: call it in a thread."""
    now = parts.clock()
    with parts.database.read() as session:
        found = flight.look(session, issue_id, now=now)
    return None if found is None else _shown(parts.languages.texts("en"), found, now)


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    anybody = Depends(gate.may())

    @router.get("/console/issues/{issue_id}/flight")
    async def where_it_stands(
        request: Request, issue_id: IssueId, state: str = "", said: str = "", seen: str = "", insider: Insider = anybody
    ) -> Response:
        found = await wanted(parts, issue_id, seen=seen_in(seen))
        if not browser.fragment(request):
            return gate.page(request, insider, "console/flight.html", flight=found, problem=None)
        if state == found.key:
            return gate.page(request, insider, "console/_flight_live.html", flight=found, asked=said)
        whole = gate.page(request, insider, "console/_flight.html", flight=found, asked=said)
        whole.headers.update({"HX-Retarget": "#flight", "HX-Reswap": "outerHTML"})
        return whole

    return router


class Acts:
    """Does an act and answers: to the desk, with a word that says what follows, or with the reason why it was not done."""

    def __init__(self, parts: Parts, gate: Gate) -> None:
        self._parts, self._gate = parts, gate

    async def answer(
        self, request: Request, insider: Insider, issue_id: int, doing: Doing, *, seen: Seen | None = None
    ) -> Response:
        outcome = await asyncio.to_thread(self._do, doing)
        found = await wanted(self._parts, issue_id, seen=seen)
        if isinstance(outcome, Refused):
            return self._gate.page(
                request, insider, "console/flight.html", status=409, flight=found, problem=outcome.reason
            )
        undo = f"{desk(issue_id)}/take-back" if found.issue.state in (IssueState.APPROVED, IssueState.HELD) else None
        return self._gate.go(desk(issue_id), toast=_said(self._parts.languages.texts("en"), found), undo=undo)

    def _do(self, doing: Doing) -> Done | Refused:
        with self._parts.database.write() as session:
            return doing(session, self._parts.clock())


async def wanted(parts: Parts, issue_id: int, *, seen: Seen | None = None) -> Shown:
    """The issue that an address names, for somebody who has `seen` it like this before. Raises 404."""
    found = await asyncio.to_thread(show, parts, issue_id)
    if found is None:
        raise HTTPException(404)
    return found if seen is None else replace(found, seen=seen)


def seen_in(text: str) -> Seen | None:
    """What a form or an address of ours says was looked at; None for any other text."""
    read = _SEEN.fullmatch(text)
    return Seen(int(read[1]), read[2]) if read else None


def _shown(texts: Texts, found: Flight, now: datetime) -> Shown:
    issue, zone = found.issue, found.edition.zone
    near = found.course in _LET_GO and issue.scheduled_for - now < _IS_NEAR
    eta = None
    if found.ends_at is not None and found.a_minute is not None:
        eta = texts.gettext("%(pace)s a minute, done about %(hour)s") % {
            "pace": texts.count(found.a_minute),
            "hour": texts.time(found.ends_at, zone),
        }
    return Shown(
        issue=issue,
        edition=found.edition,
        course=found.course,
        waits=found.waits,
        acts=found.acts,
        progress=found.progress,
        signed=found.signed,
        left=length(texts, max(timedelta(0), issue.scheduled_for - now)),
        eta=eta,
        every=_MOVING if found.is_moving else _NEAR if near else None,
        seen=Seen(issue.revision),
        key=f"{issue.state}-{found.course}{'-waits' if found.waits else ''}",
    )


_LET_GO = (Course.GOES, Course.GOES_UNLESS_STOPPED, Course.ON)


def _said(texts: Texts, found: Shown) -> str:
    """What a person is told after an act, by the state that it led to."""
    words = {
        IssueState.DRAFT: texts.gettext("It is a draft again and goes only when somebody approves it."),
        IssueState.APPROVED: texts.gettext("Approved. It goes at its time."),
        IssueState.HELD: texts.gettext("It leaves in %(left)s. Nothing has left yet.") % {"left": found.left},
        IssueState.PAUSED: texts.gettext("Paused. Nothing more leaves until somebody resumes it."),
        IssueState.SENDING: texts.gettext("It goes on."),
        IssueState.CANCELLED: texts.gettext("Cancelled. Who has it keeps it; nobody else gets it."),
    }
    return words.get(found.issue.state, texts.gettext("It is on its way."))


def length(texts: Texts, span: timedelta) -> str:
    """A short span to the second: 4 min 12 s."""
    minutes, seconds = divmod(round(span.total_seconds()), 60)
    if not minutes:
        return texts.gettext("%(seconds)s s") % {"seconds": texts.number(seconds)}
    if not seconds:
        return texts.gettext("%(minutes)s min") % {"minutes": texts.number(minutes)}
    return texts.gettext("%(minutes)s min %(seconds)s s") % {
        "minutes": texts.number(minutes),
        "seconds": texts.number(seconds),
    }


def desk(issue_id: int) -> str:
    """The address of an issue's desk."""
    return f"/console/issues/{issue_id}"
