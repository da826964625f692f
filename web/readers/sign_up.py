"""Signing up: the page, its plain form for other sites, and the answer that tells nobody who is subscribed.

A form that comes without our signed token (embedded elsewhere, too old, filled in faster than a person can) is not
refused: it is answered by a page with one button that carries the address and a token. So a plain form works on any
site, and no post from afar sends a letter by itself.
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from mailer.address import EmailAddress
from newsletters import archive, newsletters
from newsletters.issues import Issue
from subscribers import spelling
from subscribers.spelling import Trouble
from web import brand, forms
from web.pages import Pages
from web.parts import Parts
from web.readers import asking
from web.readers.place import Place, wanted

_RECENT = 5


def routes(parts: Parts, pages: Pages) -> APIRouter:
    router = APIRouter()

    @router.get("/")
    async def front(request: Request) -> HTMLResponse:
        language = pages.negotiate(request.headers.get("accept-language"))
        editions = await asyncio.to_thread(_editions, parts)
        page = pages.html("readers/front.html", language=language, editions=editions)
        page.headers["Vary"] = "Accept-Language"
        return page

    @router.get("/n/{slug}/{language}")
    async def sign_up_page(slug: str, language: str) -> HTMLResponse:
        return await _form(parts, pages, await wanted(parts, slug, language))

    @router.post("/n/{slug}/{language}")
    async def sign_up(slug: str, language: str, request: Request) -> HTMLResponse:
        place = await wanted(parts, slug, language)
        posted = await forms.read(request)
        typed = posted.get("email", "")
        reader = spelling.read(typed)
        if isinstance(reader, Trouble):
            return await _form(parts, pages, place, typed=typed, trouble=reader)
        if posted.get(forms.HONEYPOT):
            return asking.check_inbox(parts, pages, place, reader)
        if not _is_ours(parts, place, posted.get("token", "")) or _may_be_a_slip(reader, posted):
            return _one_more_step(parts, pages, place, reader)
        crowd = asking.crowd(parts, request)
        if crowd is not None:
            return asking.come_later(pages, place, crowd)
        evidence = forms.evidence(request, _source(posted), wording=asking.wording(parts, place))
        await asking.ask(parts, place, reader, evidence)
        return asking.check_inbox(parts, pages, place, reader)

    @router.get("/n/{slug}/{language}/brand.css")
    async def brand_colours(slug: str, language: str) -> Response:
        place = await wanted(parts, slug, language)
        return Response(brand.stylesheet(place.sender.theme), media_type="text/css")

    @router.get("/n/{slug}/{language}/embed")
    async def embed(slug: str, language: str) -> HTMLResponse:
        place = await wanted(parts, slug, language)
        return pages.html("readers/embed.html", language=language, place=place, wording=asking.wording(parts, place))

    return router


async def _form(
    parts: Parts, pages: Pages, place: Place, *, typed: str = "", trouble: Trouble | None = None
) -> HTMLResponse:
    recent = await asyncio.to_thread(_recent, parts, place)
    return pages.html(
        "readers/sign_up.html",
        language=place.edition.language,
        status=200 if trouble is None else 422,
        place=place,
        recent=[(issue, place.day_of(issue)) for issue in recent],
        typed=typed[:320],
        problem=trouble.reason if trouble else None,
        meant=str(trouble.meant) if trouble and trouble.meant else None,
        step=forms.step_token(parts.keys, place.edition.id, parts.form, now=parts.clock()),
        token=forms.page_token(parts.keys, place.edition.id, parts.form, now=parts.clock()),
        wording=asking.wording(parts, place),
    )


def _may_be_a_slip(reader: EmailAddress, posted: dict[str, str]) -> bool:
    """Whether to ask once more about the spelling. Who says that it is right is believed."""
    return posted.get("sure") != "1" and spelling.meant(str(reader)) is not None


def _one_more_step(parts: Parts, pages: Pages, place: Place, reader: EmailAddress) -> HTMLResponse:
    meant = spelling.meant(str(reader))
    return pages.html(
        "readers/one_more_step.html",
        language=place.edition.language,
        place=place,
        address=str(reader),
        meant=str(meant) if meant else None,
        token=forms.step_token(parts.keys, place.edition.id, parts.form, now=parts.clock()),
        wording=asking.wording(parts, place),
    )


def _is_ours(parts: Parts, place: Place, token: str) -> bool:
    return forms.is_ours(parts.keys, token, place.edition.id, parts.form, now=parts.clock())


def _source(posted: dict[str, str]) -> str:
    return "form:step" if posted.get("via") == "step" else "form:page"


def _editions(parts: Parts) -> list[tuple[newsletters.Newsletter, newsletters.Edition]]:
    with parts.database.read() as session:
        return newsletters.list_editions(session)


def _recent(parts: Parts, place: Place) -> list[Issue]:
    with parts.database.read() as session:
        return archive.list_published(session, place.edition.id, limit=_RECENT)
