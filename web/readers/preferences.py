"""The preference page: what a reader gets, how often, in which language, and the way out of all of it.

A signed link leads here from every letter; no password, no script. Each button is a form of its own that names one
setting and what it is to be, so that two open tabs never undo each other. A GET changes nothing.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from ground.tokens import Expired, Forged, Purpose
from mailer.letter import BrokenLetter
from newsletters import zones as zones_known
from subscribers import choose, preferences, tell_changes
from subscribers.choose import Chosen, Refused, Why
from subscribers.consents import Evidence
from subscribers.preferences import (
    BeAlerted,
    Choice,
    ComeAt,
    Follow,
    Narrow,
    Pause,
    Preferences,
    Speak,
    TurnOff,
    TurnOn,
)
from web import forms
from web.pages import Pages
from web.parts import Parts
from web.readers import choices, letters, shelf, wishes
from web.readers.confirm import masked
from web.readers.shelf import Shelf

#: How long a link works that a page gives out. Letters carry their own.
_LINK_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """The page's data, and what a press of a button has come to."""

    theirs: Preferences
    shelf: Shelf
    choice: Choice | None = None
    outcome: Chosen | Refused | None = None


def routes(parts: Parts, pages: Pages) -> APIRouter:
    router = APIRouter()

    @router.get("/p/{token}")
    async def show(token: str, request: Request) -> HTMLResponse:
        subscription_id, expired = _read(parts, token)
        seen = await asyncio.to_thread(_look, parts, subscription_id)
        if seen is None:
            return _nothing(pages, request)
        return _old_link(parts, pages, subscription_id, seen) if expired else _page(parts, pages, token, seen)

    @router.post("/p/{token}")
    async def save(token: str, request: Request) -> HTMLResponse:
        subscription_id, expired = _read(parts, token)
        if expired:
            return await show(token, request)
        posted = await forms.read_listed(request)
        evidence = forms.evidence(request, "preferences: undo" if posted.get("undo") else "preferences")
        seen = await asyncio.to_thread(_save, parts, subscription_id, posted, evidence)
        if seen is not None and tell_changes.is_worth_a_letter(seen.choice, seen.outcome):
            await _tell(parts, subscription_id, seen)
        return _nothing(pages, request) if seen is None else _page(parts, pages, token, seen)

    return router


async def _tell(parts: Parts, subscription_id: int, seen: _Seen) -> None:
    """A letter about it. A template that is broken must not make a choice look as if it had failed."""
    with suppress(BrokenLetter):
        variant_id = await letters.variant(parts, tell_changes.NAME, seen.shelf.place)
        texts = parts.languages.texts(seen.shelf.place.edition.language)
        newsletters = seen.shelf.told(seen.theirs, texts, now=parts.clock())
        batch_id = await asyncio.to_thread(_write, parts, subscription_id, variant_id, newsletters)
        if batch_id is not None:
            letters.hurry(parts, batch_id)


def _write(parts: Parts, subscription_id: int, variant_id: int, newsletters: str) -> int | None:
    with parts.database.write() as session:
        return tell_changes.tell(session, subscription_id, variant_id, newsletters, now=parts.clock())


def link(parts: Parts, subscription_id: int) -> str:
    """The path of a reader's preference page, for other pages that only they see."""
    expires_at = parts.clock() + _LINK_FOR
    return f"/p/{parts.keys.sign(Purpose.PREFERENCES, str(subscription_id), expires_at=expires_at)}"


def _read(parts: Parts, token: str) -> tuple[int, bool]:
    """The subscription that the link is about, and whether its time is over."""
    reading = parts.keys.read(Purpose.PREFERENCES, token, now=parts.clock())
    if isinstance(reading, Forged):
        raise HTTPException(404)
    return int(reading.payload), isinstance(reading, Expired)


def _page(parts: Parts, pages: Pages, token: str, seen: _Seen) -> HTMLResponse:
    language = _language(parts, seen)
    texts = parts.languages.texts(language)
    outcome, zones = seen.outcome, seen.shelf.zones
    undo = outcome.undo if isinstance(outcome, Chosen) else None
    rows = seen.shelf.rows(seen.theirs, texts, now=parts.clock())
    return pages.html(
        "readers/preferences.html",
        language=language,
        status=409 if isinstance(outcome, Refused) else 200,
        place=seen.shelf.place,
        path=f"/p/{token}",
        theirs=seen.theirs,
        masked=masked(seen.theirs.address),
        rows=rows,
        languages=[parts.languages.texts(tag) for tag in parts.languages.available],
        refused=outcome.why if isinstance(outcome, Refused) else None,
        said=_said(seen.choice) if seen.choice and isinstance(outcome, Chosen) else None,
        about=[row for row in rows if row.edition.id in _editions(seen.choice)],
        undo=choices.fields(undo, zones) if undo else None,
        wording=_wording(parts, language),
        hours=wishes.HOURS,
        cities=zones_known.names(),
    )


def _old_link(parts: Parts, pages: Pages, subscription_id: int, seen: _Seen) -> HTMLResponse:
    """Too old to choose with; the way out works for ever."""
    way_out = f"/u/{parts.keys.sign(Purpose.UNSUBSCRIBE, str(subscription_id))}"
    return pages.html(
        "readers/old_link.html",
        language=_language(parts, seen),
        status=410,
        place=seen.shelf.place,
        way_out=way_out if seen.theirs.is_on(seen.theirs.edition_id) else None,
    )


def _nothing(pages: Pages, request: Request) -> HTMLResponse:
    """The link is ours, the reader is gone."""
    return pages.html(
        "readers/nothing_to_choose.html", language=pages.negotiate(request.headers.get("accept-language"))
    )


def _language(parts: Parts, seen: _Seen) -> str:
    theirs = seen.theirs.language
    return theirs if theirs in parts.languages.available else seen.shelf.place.edition.language


def _wording(parts: Parts, language: str) -> str:
    """What a reader agrees to by turning an edition on; shown above the list, kept with the consent."""
    return parts.languages.texts(language).gettext(
        "What is turned on comes by email to this address, as often as it says, until it is turned off."
    )


def _said(choice: Choice) -> str:
    """Which sentence tells what was done."""
    match choice:
        case TurnOn(pause=Pause()):
            return "paused"
        case TurnOn():
            return "on"
        case TurnOff(edition_ids=None):
            return "off-all"
        case TurnOff():
            return "off"
        case Pause(until=None):
            return "resumed"
        case Pause():
            return "paused"
        case Follow():
            return "rhythm"
        case Narrow():
            return "topics" if choice.topics else "everything"
        case ComeAt():
            return "hour" if choice.hour else "at-once"
        case BeAlerted():
            return "alerts-on" if choice.is_on else "alerts-off"
        case Speak():
            return "language"


def _editions(choice: Choice | None) -> tuple[int, ...]:
    match choice:
        case TurnOn() | TurnOff():
            return choice.edition_ids or ()
        case Follow() | Pause() | Narrow() | ComeAt() | BeAlerted():
            return (choice.edition_id,)
        case _:
            return ()


def _look(parts: Parts, subscription_id: int) -> _Seen | None:
    with parts.database.read() as session:
        return _see(session, parts, subscription_id)


def _see(session: Session, parts: Parts, subscription_id: int) -> _Seen | None:
    theirs = preferences.look(session, subscription_id, now=parts.clock())
    offered = shelf.of(session, theirs, parts.base_url, now=parts.clock()) if theirs else None
    return _Seen(theirs=theirs, shelf=offered) if theirs and offered else None


def _save(parts: Parts, subscription_id: int, posted: dict[str, str], evidence: Evidence) -> _Seen | None:
    with parts.database.write() as session:
        seen = _see(session, parts, subscription_id)
        if seen is None:
            return None
        choice = choices.read(posted, seen.shelf.zones)
        if choice is None or (isinstance(choice, Speak) and choice.language not in parts.languages.available):
            return replace(seen, outcome=Refused(why=Why.NOT_OFFERED))
        shown = replace(evidence, wording=_wording(parts, _language(parts, seen)))
        outcome = choose.choose(session, seen.theirs.subscriber_id, choice, seen.shelf.offer, shown, now=parts.clock())
        session.flush()
        after = preferences.look(session, subscription_id, now=parts.clock())
        return replace(seen, theirs=after or seen.theirs, choice=choice, outcome=outcome)
