"""Signing up: the page, its plain form for other sites, and the answer that tells nobody who is subscribed.

A form that comes without our signed token (embedded elsewhere, too old, filled in faster than a person can) is not
refused: it is answered by a page with one button that carries the address and a token. So a plain form works on any
site, and no post from afar sends a letter by itself.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from ground.language import Texts
from mailer import address, suppressions
from mailer.address import BadAddress, EmailAddress
from newsletters import archive, newsletters
from newsletters.issues import Issue
from subscribers import opt_in
from subscribers.consents import Evidence
from subscribers.opt_in import SignUp, SignUpRequest
from web import brand, forms
from web.pages import Pages
from web.parts import Parts
from web.readers import letters
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
        reader = address.parse(typed)
        if isinstance(reader, BadAddress):
            return await _form(parts, pages, place, typed=typed, problem=reader)
        if posted.get(forms.HONEYPOT):
            return _check_inbox(pages, place, reader)
        if not _is_ours(parts, place, posted.get("token", "")):
            return _one_more_step(parts, pages, place, reader)
        # Limits per visitor, domain and hour stand here: before anything is compiled or written.
        evidence = forms.evidence(request, _source(posted), wording=_wording(parts, place))
        await _ask(parts, place, reader, evidence)
        return _check_inbox(pages, place, reader)

    @router.get("/n/{slug}/{language}/brand.css")
    async def brand_colours(slug: str, language: str) -> Response:
        place = await wanted(parts, slug, language)
        return Response(brand.stylesheet(place.sender.theme.brand), media_type="text/css")

    @router.get("/n/{slug}/{language}/embed")
    async def embed(slug: str, language: str) -> HTMLResponse:
        place = await wanted(parts, slug, language)
        return pages.html("readers/embed.html", language=language, place=place, wording=_wording(parts, place))

    return router


async def _ask(parts: Parts, place: Place, reader: EmailAddress, evidence: Evidence) -> None:
    """The whole request, always as long as the floor: a known address must not answer faster than a new one."""
    loop = asyncio.get_running_loop()
    earliest = loop.time() + parts.answer_floor.total_seconds()
    request = SignUpRequest(
        edition_id=place.edition.id,
        address=reader,
        language=place.edition.language,
        evidence=evidence,
        confirm_variant_id=await letters.variant(parts, "confirm", place),
        already_variant_id=await letters.variant(parts, "already", place),
        forgotten=suppressions.mark(parts.keys, reader.key),
    )
    made = await asyncio.to_thread(_request, parts, request, parts.clock())
    if made.batch_id is not None:
        letters.hurry(parts, made.batch_id)
    await asyncio.sleep(max(0.0, earliest - loop.time()))


def _request(parts: Parts, request: SignUpRequest, now: datetime) -> SignUp:
    with parts.database.write() as session:
        return opt_in.request(session, request, now=now)


async def _form(
    parts: Parts, pages: Pages, place: Place, *, typed: str = "", problem: BadAddress | None = None
) -> HTMLResponse:
    recent = await asyncio.to_thread(_recent, parts, place)
    return pages.html(
        "readers/sign_up.html",
        language=place.edition.language,
        status=200 if problem is None else 422,
        place=place,
        recent=[(issue, place.day_of(issue)) for issue in recent],
        typed=typed[:320],
        problem=problem.reason if problem else None,
        token=forms.page_token(parts.keys, place.edition.id, parts.form, now=parts.clock()),
        wording=_wording(parts, place),
    )


def _check_inbox(pages: Pages, place: Place, reader: EmailAddress) -> HTMLResponse:
    return pages.html("readers/check_inbox.html", language=place.edition.language, place=place, masked=reader.masked)


def _one_more_step(parts: Parts, pages: Pages, place: Place, reader: EmailAddress) -> HTMLResponse:
    return pages.html(
        "readers/one_more_step.html",
        language=place.edition.language,
        place=place,
        address=str(reader),
        token=forms.step_token(parts.keys, place.edition.id, parts.form, now=parts.clock()),
        wording=_wording(parts, place),
    )


def _is_ours(parts: Parts, place: Place, token: str) -> bool:
    return forms.is_ours(parts.keys, token, place.edition.id, parts.form, now=parts.clock())


def _source(posted: dict[str, str]) -> str:
    return "form:step" if posted.get("via") == "step" else "form:page"


def _wording(parts: Parts, place: Place) -> str:
    """What a reader agrees to; kept with the consent exactly as it was shown."""
    texts: Texts = parts.languages.texts(place.edition.language)
    sentence = texts.gettext(
        "By signing up you agree that {publisher} sends you “{title}” by email: {frequency}. "
        "You can unsubscribe at any time with one click."
    )
    return sentence.format(
        publisher=place.sender.publisher, title=place.edition.title, frequency=place.edition.frequency
    )


def _editions(parts: Parts) -> list[tuple[newsletters.Newsletter, newsletters.Edition]]:
    with parts.database.read() as session:
        return newsletters.list_editions(session)


def _recent(parts: Parts, place: Place) -> list[Issue]:
    with parts.database.read() as session:
        return archive.list_published(session, place.edition.id, limit=_RECENT)
