"""The issue desk: an issue's stories in order, its inbox lines, and every editing act as a plain form.

What was typed is never lost: an act that is refused comes back with its words in the field, one that another editor
forestalled shows both texts and lets the editor take either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from sqlalchemy.orm import Session

from ground.language import direction
from newsletters import curate, desk, undo, wire
from newsletters.act import Done, Refused, Stale
from newsletters.desk import Desk
from newsletters.wire import Wanted
from staff import members
from staff.members import Role
from web import forms
from web.gate import Gate, Insider
from web.pages import Pages
from web.parts import Parts

Outcome = Done | Refused | Stale
Act = Callable[..., Outcome]
Posted = Mapping[str, str]

#: What a toast says after an act.
_SAID = {
    "move": "Moved.",
    "drop": "Taken out; it lies in the tray.",
    "restore": "Back, at the end.",
    "pin": "Pinned: it stays when the issue is composed again.",
    "unpin": "No longer pinned.",
    "rewrite": "Saved.",
    "original": "The article's own words again.",
    "subject": "Saved.",
    "add": "Added at the end.",
    "recompose": "Composed again.",
    "undo": "Taken back.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What an editor typed that was not saved, and why."""

    fields: Posted
    item_id: int | None = None  # the story whose words they are; None: the inbox lines, or nothing
    problem: str = ""


def routes(parts: Parts, pages: Pages, gate: Gate) -> APIRouter:
    del pages  # every page here goes through the gate
    router = APIRouter()
    reader, editor = Depends(gate.may()), Depends(gate.may(Role.EDITOR))

    async def shown(
        request: Request, insider: Insider, issue_id: int, *, typed: Typed | None = None, status: int = 200
    ) -> Response:
        about = await asyncio.to_thread(view, parts, issue_id, insider)
        return gate.page(request, insider, "console/issues/desk.html", status=status, typed=typed, **about)

    async def answered(
        request: Request, insider: Insider, issue_id: int, kind: str, outcome: Outcome, typed: Typed
    ) -> Response:
        home = f"/console/issues/{issue_id}"
        match outcome:
            case Done():
                place = f"{home}#story-{typed.item_id}" if typed.item_id else home
                return gate.go(place, toast=_SAID[kind], undo=None if kind == "undo" else f"{home}/undo")
            case Refused():
                again = replace(typed, problem=outcome.reason)
                return await shown(request, insider, issue_id, typed=again, status=422)
        about = await asyncio.to_thread(view, parts, issue_id, insider)
        return gate.page(
            request, insider, "console/issues/stale.html", status=409, kind=kind, stale=outcome, typed=typed, **about
        )

    @router.get("/console/issues/{issue_id:int}")
    async def show(request: Request, issue_id: int, insider: Insider = reader) -> Response:
        return await shown(request, insider, issue_id)

    @router.get("/console/issues/{issue_id:int}/beside")
    async def beside(request: Request, issue_id: int, insider: Insider = reader) -> Response:
        about = await asyncio.to_thread(view, parts, issue_id, insider)
        return gate.page(request, insider, "console/issues/_beside.html", **about)

    @router.get("/console/issues/{issue_id:int}/wire")
    async def look_at_wire(
        request: Request,
        issue_id: int,
        insider: Insider = reader,
        section: str = "",
        text: str = "",
        before: int | None = None,
    ) -> Response:
        wanted = Wanted(section=section[:120], text=text.strip()[:120], before=before)
        about = await asyncio.to_thread(_wire, parts, issue_id, wanted, insider)
        return gate.page(request, insider, "console/issues/wire.html", **about)

    def item_act(kind: str) -> Callable[..., Awaitable[Response]]:
        async def edit(request: Request, issue_id: int, item_id: int, insider: Insider = editor) -> Response:
            posted = await forms.read(request)
            outcome = await asyncio.to_thread(_do, parts, insider, ITEM_ACTS[kind](posted), item_id)
            typed = Typed(item_id=item_id, fields=posted)
            return await answered(request, insider, issue_id, kind, outcome, typed)

        return edit

    def issue_act(kind: str) -> Callable[..., Awaitable[Response]]:
        async def edit(request: Request, issue_id: int, insider: Insider = editor) -> Response:
            posted = await forms.read(request)
            outcome = await asyncio.to_thread(_do, parts, insider, ISSUE_ACTS[kind](posted), issue_id)
            return await answered(request, insider, issue_id, kind, outcome, Typed(fields=posted))

        return edit

    for kind in ITEM_ACTS:
        router.add_api_route(
            f"/console/issues/{{issue_id:int}}/items/{{item_id:int}}/{kind}", item_act(kind), methods=["POST"]
        )
    for kind in ISSUE_ACTS:
        router.add_api_route(f"/console/issues/{{issue_id:int}}/{kind}", issue_act(kind), methods=["POST"])
    return router


def _move(posted: Posted) -> Act:
    seen = number(posted.get("seen", ""))
    match posted.get("way"):
        case "up":
            return partial(curate.shift, by_places=-1, seen=seen)
        case "down":
            return partial(curate.shift, by_places=1, seen=seen)
    return partial(curate.move, position=max(1, number(posted.get("position", ""))), seen=seen)


def _rewrite(posted: Posted) -> Act:
    return partial(
        curate.rewrite,
        title=posted.get("title", ""),
        summary=posted.get("summary", ""),
        seen=number(posted.get("seen", "")),
        article_seen=number(posted.get("article", "")) or None,
    )


def _original(posted: Posted) -> Act:
    return partial(curate.rewrite, title=None, summary=None, seen=number(posted.get("seen", "")))


def _subject(posted: Posted) -> Act:
    # A suggestion's button brings a subject of its own; the preheader stays as it is in the field beside it.
    return partial(
        curate.set_subject,
        subject=posted.get("suggestion") or posted.get("subject", ""),
        preheader=posted.get("preheader", ""),
        seen=number(posted.get("seen", "")),
    )


ITEM_ACTS: Mapping[str, Callable[[Posted], Act]] = {
    "move": _move,
    "drop": lambda _: curate.drop,
    "restore": lambda _: curate.restore,
    "pin": lambda _: partial(curate.pin, is_pinned=True),
    "unpin": lambda _: partial(curate.pin, is_pinned=False),
    "rewrite": _rewrite,
    "original": _original,
}
ISSUE_ACTS: Mapping[str, Callable[[Posted], Act]] = {
    "subject": _subject,
    "add": lambda posted: partial(curate.add, article_id=number(posted.get("article", ""))),
    "recompose": lambda _: curate.recompose,
    "undo": lambda _: undo.undo,
}


def number(text: str) -> int:
    """What a field of ours holds; 0, which numbers nothing, for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


def _do(parts: Parts, insider: Insider, act: Act, number: int) -> Outcome:
    with parts.database.write() as session:
        return act(session, number, by=insider.address, now=parts.clock())


def view(parts: Parts, issue_id: int, insider: Insider) -> dict[str, object]:
    """What every page of an issue shows of it; raises 404 where there is none."""
    with parts.database.read() as session:
        found = desk.read(session, issue_id)
        if found is None:
            raise HTTPException(404)
        return _about(session, found, insider)


def _about(session: Session, found: Desk, insider: Insider) -> dict[str, object]:
    return {
        "desk": found,
        "issue": found.issue,
        "edition": found.edition,
        "home": f"/console/issues/{found.issue.id}",
        "direction": direction(found.edition.language),
        "may_edit": found.is_open and insider.may(Role.EDITOR),
        "undoable": found.undoable(insider.address),
        "names": {member.address: member.name for member in members.list_members(session)},
    }


def _wire(parts: Parts, issue_id: int, wanted: Wanted, insider: Insider) -> dict[str, object]:
    with parts.database.read() as session:
        found = desk.read(session, issue_id)
        if found is None:
            raise HTTPException(404)
        now = parts.clock()
        offers, more = wire.offers(session, found.issue, wanted, now=now)
        return _about(session, found, insider) | {
            "offers": offers,
            "wanted": wanted,
            "sections": wire.sections(session, found.issue, now=now),
            "older": offers[-1].article.id if more else None,
        }
