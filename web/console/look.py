"""How an edition's letters look: colours, faces, logos and lines, beside a letter that wears them while they are chosen."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Path, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from mailer import preview, typefaces
from mailer.compiler import LetterJob
from mailer.letter import BrokenLetter
from newsletters import look, newsletters, sample, sender
from newsletters.look import Look, NoEdition, Overtaken, Unfit
from newsletters.newsletters import Edition, Newsletter
from staff.members import Role
from web import forms
from web.gate import Gate, Insider
from web.parts import Parts
from web.security import letter_policy

PATH = "/console/look"
_LONGEST = 600  # of what is typed into one field
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dressed:
    """An edition with the look that is stored, and with the logos at their addresses."""

    newsletter: Newsletter
    edition: Edition
    stored: Look
    logo: str | None
    logo_dark: str | None
    editions: Sequence[tuple[Newsletter, Edition]]


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    page = _Page(parts, gate)
    reader, editor = Depends(gate.may()), Depends(gate.may(Role.EDITOR))
    policy = letter_policy(parts.image_sources, framed=True)
    _ = gate.texts.gettext

    @router.get(PATH)
    async def first(request: Request, insider: Insider = reader) -> Response:
        editions = await asyncio.to_thread(_editions, parts)
        if editions:
            return gate.go(f"{PATH}/{editions[0][1].id}")
        return gate.page(request, insider, "console/look_none.html")

    @router.get(f"{PATH}/{{edition_id:int}}")
    async def one(request: Request, edition_id: Number, insider: Insider = reader) -> Response:
        return await page.show(request, insider, edition_id)

    @router.post(f"{PATH}/{{edition_id:int}}")
    async def save(request: Request, edition_id: Number, insider: Insider = editor) -> Response:
        posted = await forms.read(request)
        typed = _typed(posted)
        if posted.get("act") == "try":
            return await page.show(request, insider, edition_id, typed=typed)
        outcome = await asyncio.to_thread(_change, parts, insider, edition_id, typed, posted.get("seen"))
        if isinstance(outcome, Look):
            return gate.go(f"{PATH}/{edition_id}", toast=_("Saved. Letters that are made from now on look like this."))
        return await page.show(request, insider, edition_id, typed=typed, refused=outcome)

    @router.get(f"{PATH}/{{edition_id:int}}/letter")
    async def letter(request: Request, edition_id: Number, insider: Insider = reader, dark: bool = False) -> Response:  # noqa: FBT001, FBT002 - a query's word
        del insider  # whoever may look
        headers = {
            "Content-Security-Policy": policy,
            # HTML's "navigate": a sandboxed document whose opener policy is any other is a network error.
            "Cross-Origin-Opener-Policy": "unsafe-none",
            "X-Robots-Tag": "noindex, nofollow",
        }
        found = await asyncio.to_thread(_job, parts, edition_id, request.query_params)
        try:
            if isinstance(found, LetterJob):
                copy = preview.read(await parts.compiler.compiled(found))
                return HTMLResponse(preview.page(copy, dark=dark), headers=headers)
            reasons = list(found.problems.values())
        except BrokenLetter as broken:
            reasons = [str(broken)]
        unfit = gate.pages.html("console/look_unfit.html", status=422, reasons=reasons)
        unfit.headers.update(headers)
        return unfit

    return router


class _Page:
    def __init__(self, parts: Parts, gate: Gate) -> None:
        self._parts, self._gate = parts, gate

    async def show(
        self, request: Request, insider: Insider, edition_id: int, *, typed: Look | None = None,
        refused: Unfit | Overtaken | NoEdition | None = None,
    ) -> Response:  # fmt: skip
        dressed = await asyncio.to_thread(_read, self._parts, edition_id)
        shown = typed or dressed.stored
        wrong = refused.problems if isinstance(refused, Unfit) else look.problems(look.tidied(shown)) if typed else {}
        status = 409 if isinstance(refused, Overtaken) else 422 if refused else 200
        return self._gate.page(
            request,
            insider,
            "console/look.html",
            status=status,
            dressed=dressed,
            at=f"{PATH}/{edition_id}",
            logo_at=f"{PATH}/logo",
            typed=shown,
            seen=look.version(dressed.stored),
            query=urlencode(asdict(shown)),
            wrong=wrong,
            overtaken=refused if isinstance(refused, Overtaken) else None,
            latin=tuple(typefaces.LATIN),
            arabic=tuple(typefaces.ARABIC),
            digits=look.DIGITS,
            longest=look.LONGEST,
            may_edit=insider.may(Role.EDITOR),
        )


def _typed(posted: Mapping[str, str]) -> Look:
    return Look(**{name: posted.get(name, "").strip()[:_LONGEST] for name in look.FIELDS})


def _editions(parts: Parts) -> Sequence[tuple[Newsletter, Edition]]:
    with parts.database.read() as session:
        return newsletters.list_editions(session)


def _found(session: Session, edition_id: int) -> tuple[Newsletter, Edition]:
    found = newsletters.edition_by_id(session, edition_id)
    if found is None:
        raise HTTPException(404)
    return found


def _read(parts: Parts, edition_id: int) -> Dressed:
    with parts.database.read() as session:
        newsletter, edition = _found(session, edition_id)
        theme = sender.sender_of(newsletter, edition, parts.base_url).theme
        return Dressed(
            newsletter=newsletter,
            edition=edition,
            stored=look.of(newsletter, edition),
            logo=theme.logo_url,
            logo_dark=theme.logo_dark_url,
            editions=newsletters.list_editions(session),
        )


def _change(
    parts: Parts, insider: Insider, edition_id: int, typed: Look, seen: str | None
) -> Look | Unfit | Overtaken | NoEdition:
    with parts.database.write() as session:
        return look.change(session, edition_id, typed, seen=seen, by=insider.address, now=parts.clock())


def _job(parts: Parts, edition_id: int, typed: Mapping[str, str]) -> LetterJob | Unfit:
    """The letter in the look that is tried on: what is not said is as it is stored."""
    with parts.database.read() as session:
        newsletter, edition = _found(session, edition_id)
        stored = asdict(look.of(newsletter, edition))
        tried = {name: typed[name][:_LONGEST] for name in look.FIELDS if name in typed}
        wanted = look.tidied(Look(**{**stored, **tried}))
        wrong = look.problems(wanted)
        return Unfit(wrong) if wrong else sample.job(session, newsletter, edition, wanted, base_url=parts.base_url)
