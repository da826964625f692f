"""The same letter once more, for whom it did not reach. The page that follows tells nobody whether one left."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from subscribers import opt_in, spelling
from subscribers.spelling import Trouble
from web import forms
from web.pages import Pages
from web.parts import Parts
from web.readers import asking
from web.readers.place import wanted


def routes(parts: Parts, pages: Pages) -> APIRouter:
    router = APIRouter()

    @router.post("/n/{slug}/{language}/again")
    async def send_again(slug: str, language: str, request: Request) -> Response:
        place = await wanted(parts, slug, language)
        posted = await forms.read(request)
        reader = spelling.read(posted.get("email", ""))
        asked = forms.again(parts.keys, posted.get("token", ""), place.edition.id, now=parts.clock())
        if isinstance(reader, Trouble) or asked is None:  # from elsewhere, or too old: from the beginning
            return RedirectResponse(place.path, 303)
        time, looked_for = asked
        if looked_for < opt_in.AGAIN_AFTER:
            return asking.check_inbox(parts, pages, place, reader, time=time)
        crowd = asking.crowd(parts, request)
        if crowd is not None:
            return asking.come_later(pages, place, crowd)
        evidence = forms.evidence(request, "form:again", wording=asking.wording(parts, place))
        await asking.ask(parts, place, reader, evidence, again=True)
        return asking.check_inbox(parts, pages, place, reader, time=time + 1)

    return router
