"""Importing a list of readers: hand it in, look at the dry run, let it run, watch, and fetch what was not taken."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from fastapi.responses import FileResponse, Response
from starlette.datastructures import FormData, UploadFile

from ground.engine import WorkLane
from newsletters import headlines, newsletters
from newsletters.arrivals import Received
from newsletters.newsletters import Edition, Newsletter
from staff.members import Role
from subscribers import imports
from subscribers.importing import Folder
from subscribers.imports import Import, ImportMode, Order
from subscribers.judging import Outcome
from subscribers.spreadsheet import NotCsv
from web import browser
from web.gate import Gate, Insider, read_form
from web.parts import Parts
from web.security import LARGER

_PATH = "/console/readers/import"
#: What the select for the edition says when every row names its own.
_EACH_ROW = "rows"


Number = Annotated[int, Path(ge=1, le=2**53)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """The form, as it was filled in."""

    edition: str = ""
    mode: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One import with what its page says about it."""

    found: Import
    edition: tuple[Newsletter, Edition] | None
    earlier: Import | None


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    keeper = Depends(gate.may(Role.OPS))

    @router.get(_PATH)
    async def form(request: Request, insider: Insider = keeper) -> Response:
        return await _form(parts, gate, request, insider, Filled(), {})

    @router.post(_PATH)
    async def hand_in(request: Request, insider: Insider = keeper) -> Response:
        try:
            return await _hand_in(parts, gate, request, insider)
        finally:
            await request.close()  # a file that was handed in lies in a temporary one until here

    @router.get(f"{_PATH}/{{number}}")
    async def one(request: Request, number: Number, insider: Insider = keeper) -> Response:
        shown = await asyncio.to_thread(_look, parts, number)
        template = "console/import_now.html" if browser.fragment(request) else "console/import.html"
        return gate.page(request, insider, template, shown=shown, found=shown.found, outcomes=list(Outcome))

    @router.get(f"{_PATH}/{{number}}/errors.csv")
    async def errors(number: Number, insider: Insider = keeper) -> Response:
        del insider
        shown = await asyncio.to_thread(_look, parts, number)
        place = parts.arrivals.place(shown.found)
        if not await asyncio.to_thread(place.errors.is_file):
            raise HTTPException(404)
        return FileResponse(place.errors, media_type="text/csv", filename=f"import-{number}-errors.csv")

    @router.post(f"{_PATH}/{{number}}/start")
    async def start(number: Number, insider: Insider = keeper) -> Response:
        begun = await asyncio.to_thread(_begin, parts, number, insider.address)
        if begun:
            _hurry(parts, number)
        return gate.go(f"{_PATH}/{number}", toast=None if begun else "This list runs already, or was thrown away.")

    @router.post(f"{_PATH}/{{number}}/discard")
    async def discard(number: Number, insider: Insider = keeper) -> Response:
        gone = await asyncio.to_thread(_discard, parts, number, insider.address)
        told = "The list was thrown away. Nothing about any reader was written."
        return gate.go("/console/readers", toast=told if gone else "This list runs already, or was thrown away before.")

    return router


async def _hand_in(parts: Parts, gate: Gate, request: Request, insider: Insider) -> Response:
    posted = await read_form(request)
    filled = Filled(**{name: str(posted.get(name, ""))[:500].strip() for name in Filled.__dataclass_fields__})
    editions = await asyncio.to_thread(_editions, parts)
    problems = _problems(filled, posted, {str(edition.id) for _, edition in editions})
    if problems:
        return await _form(parts, gate, request, insider, filled, problems)
    made = await _receive(parts, posted, filled, insider)
    if isinstance(made, NotCsv):
        return await _form(parts, gate, request, insider, filled, {"file": made.problem})
    _hurry(parts, made.id)
    return gate.go(f"{_PATH}/{made.id}")


def _problems(filled: Filled, posted: FormData, known: set[str]) -> dict[str, str]:
    problems = {}
    file = posted.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        problems["file"] = "Choose the file with the list."
    if filled.edition not in known | {_EACH_ROW}:
        problems["edition"] = "Say which edition they are to read."
    if filled.mode not in list(ImportMode):
        problems["mode"] = "Say whether they agreed already, or are to be asked."
    if len(filled.source) < 5:
        problems["source"] = (
            "Write where these people agreed to get this newsletter, and when. It is kept with every reader as the "
            "evidence of their consent."
        )
    return problems


async def _receive(parts: Parts, posted: FormData, filled: Filled, insider: Insider) -> Import | NotCsv:
    file = posted["file"]
    assert isinstance(file, UploadFile)
    place = Folder(parts.arrivals.folder / secrets.token_hex(12))
    file_hash = await asyncio.to_thread(place.keep, file.file)
    received = Received(file_name=headlines.clean(file.filename or "") or "list.csv", file_hash=file_hash)
    order = Order(
        edition_id=None if filled.edition == _EACH_ROW else int(filled.edition),
        mode=ImportMode(filled.mode),
        source=filled.source,
    )
    return await parts.arrivals.receive(place, received, order, by=insider.address)


async def _form(
    parts: Parts, gate: Gate, request: Request, insider: Insider, filled: Filled, problems: dict[str, str]
) -> Response:
    editions = await asyncio.to_thread(_editions, parts)
    context: dict[str, Any] = {
        "filled": filled,
        "problems": problems,
        "editions": editions,
        "each_row": _EACH_ROW,
        "most": LARGER[_PATH] // 2**20,
    }
    return gate.page(request, insider, "console/import_form.html", status=422 if problems else 200, **context)


def _editions(parts: Parts) -> list[tuple[Newsletter, Edition]]:
    with parts.database.read() as session:
        return newsletters.list_editions(session)


def _look(parts: Parts, number: int) -> Shown:
    with parts.database.read() as session:
        found = imports.find(session, number)
        if found is None:
            raise HTTPException(404)
        edition = newsletters.edition_by_id(session, found.edition_id) if found.edition_id is not None else None
        return Shown(found=found, edition=edition, earlier=imports.same_file(session, found))


def _begin(parts: Parts, number: int, by: str) -> bool:
    with parts.database.write() as session:
        return imports.begin(session, number, by=by, now=parts.clock())


def _discard(parts: Parts, number: int, by: str) -> bool:
    with parts.database.write() as session:
        gone = imports.discard(session, number, by=by, now=parts.clock())
        found = imports.find(session, number)
    if gone and found is not None:
        parts.arrivals.place(found).clear()
    return gone


def _hurry(parts: Parts, number: int) -> None:
    """Ask for the next piece now. When this is lost, the table still says that it is due."""
    parts.engine.submit("carry_import", {"import": number}, lane=WorkLane.UPKEEP, key=f"import:{number}")
