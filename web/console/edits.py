"""Every editing act at the desk: a plain form that is posted, and what comes of it.

What was typed is never lost: an act that is refused comes back with its words in the field, one that another editor
forestalled shows both texts and lets the editor take either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response

from newsletters import curate, leave_out, note, pieces, undo
from newsletters.act import Done, Refused, Stale
from staff.members import Role
from web import forms
from web.console import flight, issue_view
from web.console.issue_view import Number, number
from web.gate import Gate, Insider
from web.parts import Parts

Outcome = Done | Refused | Stale
Act = Callable[..., Outcome]
Posted = Mapping[str, str]
Route = Callable[..., Awaitable[Response]]

#: The fields that a page may show again, whatever a post left out.
_BLANK = dict.fromkeys(
    (
        "title",
        "summary",
        "seen",
        "article",
        "subject",
        "preheader",
        "suggestion",
        "words",
        "name",
        "figure",
        "url",
        "lines",
    ),
    "",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What an editor typed that was not saved, and why."""

    kind: str
    fields: Posted
    item_id: int | None = None  # the story that it was about
    problem: str = ""


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    editor = Depends(gate.may(Role.EDITOR))

    async def answer(request: Request, insider: Insider, issue_id: int, typed: Typed, outcome: Outcome) -> Response:
        if isinstance(outcome, Done):
            return _done(gate, issue_id, typed)
        view = await issue_view.wanted(parts, issue_id, insider)
        if isinstance(outcome, Refused):
            view["typed"] = replace(typed, problem=outcome.reason)
            stands = await flight.wanted(parts, issue_id, seen=view["seen"])
            return gate.page(request, insider, "console/issues/desk.html", status=422, flight=stands, **view)
        view |= {"typed": typed, "stale": outcome, "story": view["desk"].story(typed.item_id)}
        return gate.page(request, insider, "console/issues/stale.html", status=409, **view)

    def item_act(kind: str) -> Route:
        async def edit(request: Request, issue_id: Number, item_id: Number, insider: Insider = editor) -> Response:
            posted = await forms.read(request)
            outcome = await asyncio.to_thread(_do, parts, insider, ITEM_ACTS[kind](posted), item_id)
            typed = Typed(kind=kind, fields=_BLANK | posted, item_id=item_id)
            return await answer(request, insider, issue_id, typed, outcome)

        return edit

    def issue_act(kind: str) -> Route:
        async def edit(request: Request, issue_id: Number, insider: Insider = editor) -> Response:
            posted = await forms.read(request)
            outcome = await asyncio.to_thread(_do, parts, insider, ISSUE_ACTS[kind](posted), issue_id)
            typed = Typed(kind=kind, fields=_BLANK | posted)
            return await answer(request, insider, issue_id, typed, outcome)

        return edit

    for kind in ITEM_ACTS:
        router.post(f"/console/issues/{{issue_id:int}}/items/{{item_id:int}}/{kind}")(item_act(kind))
    for kind in ISSUE_ACTS:
        router.post(f"/console/issues/{{issue_id:int}}/{kind}")(issue_act(kind))
    return router


def _done(gate: Gate, issue_id: int, typed: Typed) -> Response:
    home = f"/console/issues/{issue_id}"
    to = f"{home}#story-{typed.item_id}" if typed.item_id and typed.kind not in ("drop", "restore") else home
    if typed.kind == "add":
        to = _back_to_wire(home, typed.fields)
    return gate.go(to, toast=_SAID[typed.kind], undo=None if typed.kind == "undo-edit" else f"{home}/undo-edit")


def _back_to_wire(home: str, fields: Posted) -> str:
    """An editor who adds one story adds a second: the same page of the wire again."""
    kept = {name: fields[name][:120] for name in ("section", "text", "before") if fields.get(name)}
    return f"{home}/wire?{urlencode(kept)}" if kept else f"{home}/wire"


def _move(posted: Posted) -> Act:
    seen = number(posted.get("seen", ""))
    ways = {"up": -1, "down": 1}
    if posted.get("way") in ways:
        return partial(curate.shift, by_places=ways[posted["way"]], seen=seen)
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
    # A suggestion's button brings a subject of its own; the preheader is the one in the field beside it.
    return partial(
        curate.set_subject,
        subject=posted.get("suggestion") or posted.get("subject", ""),
        preheader=posted.get("preheader", ""),
        seen=number(posted.get("seen", "")),
    )


def _note(posted: Posted) -> Act:
    return partial(
        note.write, words=posted.get("words", ""), name=posted.get("name", ""), seen=number(posted.get("seen", ""))
    )


def _figure(posted: Posted) -> Act:
    return partial(
        pieces.set_figure,
        figure=posted.get("figure", ""),
        words=posted.get("words", ""),
        url=posted.get("url", ""),
        seen=number(posted.get("seen", "")),
    )


def _diary(posted: Posted) -> Act:
    return partial(pieces.set_diary, lines=posted.get("lines", ""), seen=number(posted.get("seen", "")))


def _add(posted: Posted) -> Act:
    return partial(curate.add, article_id=number(posted.get("article", "")))


def _leave_out(posted: Posted) -> Act:
    return partial(leave_out.leave_out, erratum_id=number(posted.get("erratum", "")))


def _put_back(posted: Posted) -> Act:
    return partial(leave_out.put_back, erratum_id=number(posted.get("erratum", "")))


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
    "note": _note,
    "figure": _figure,
    "diary": _diary,
    "add": _add,
    "leave-out": _leave_out,
    "put-back": _put_back,
    "recompose": lambda _: curate.recompose,
    "undo-edit": lambda _: undo.undo,
}
#: What a toast says after an act.
_SAID = {
    "move": "Moved.",
    "drop": "Taken out. It lies in the tray.",
    "restore": "Back in the issue, at the end.",
    "pin": "Pinned: it stays when the issue is composed again.",
    "unpin": "No longer pinned.",
    "rewrite": "Saved.",
    "original": "The article’s own words again.",
    "subject": "Saved.",
    "note": "Saved.",
    "figure": "Saved.",
    "diary": "Saved.",
    "add": "Added at the end of the issue.",
    "leave-out": "Taken out: readers are not told of it.",
    "put-back": "Readers are told of it.",
    "recompose": "Composed again. What lost its place lies in the tray.",
    "undo-edit": "Taken back.",
}


def _do(parts: Parts, insider: Insider, act: Act, number: int) -> Outcome:
    with parts.database.write() as session:
        return act(session, number, by=insider.address, now=parts.clock())
