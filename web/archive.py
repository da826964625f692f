"""The archive: issues that went out, for everybody, and the same as a feed.

An issue is shown as it was sent, so its page is a letter's HTML with a policy of its own: sandboxed, no script, no
forms, nothing but pictures and its own styles.
"""

from __future__ import annotations

import asyncio
import re
from email.utils import format_datetime

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse, Response

from newsletters import archive
from newsletters.issues import Issue
from web.pages import Pages
from web.parts import Parts
from web.readers.place import Place, wanted
from web.security import letter_policy

_PAGE = 30
_FEED = 20
_MOST = 1_000_000_000  # no edition has such an issue; databases refuse numbers beyond theirs

#: What XML 1.0 cannot hold (section 2.2).
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def routes(parts: Parts, pages: Pages) -> APIRouter:
    router = APIRouter()
    policy = letter_policy(parts.image_sources, framed=False)

    @router.get("/archive/{slug}/{language}")
    async def back_numbers(slug: str, language: str, before: str = "") -> HTMLResponse:
        place = await wanted(parts, slug, language)
        issues = await asyncio.to_thread(_list, parts, place, _PAGE + 1, _number(before) if before else None)
        return pages.html(
            "readers/archive.html",
            language=language,
            place=place,
            issues=[(issue, place.day_of(issue)) for issue in issues[:_PAGE]],
            older=issues[_PAGE - 1].number if len(issues) > _PAGE else None,
        )

    @router.get("/archive/{slug}/{language}/feed.xml")
    async def feed(slug: str, language: str) -> Response:
        place = await wanted(parts, slug, language)
        issues = await asyncio.to_thread(_list, parts, place, _FEED, None)
        entries = [(issue, format_datetime(issue.scheduled_for)) for issue in issues]
        page = pages.html("readers/feed.xml", language=language, place=place, entries=entries)
        text = _NOT_XML.sub("", bytes(page.body).decode())
        return Response(text, media_type="application/rss+xml; charset=utf-8")

    @router.get("/archive/{slug}/{language}/{number}")
    async def issue(slug: str, language: str, number: str) -> HTMLResponse:
        place = await wanted(parts, slug, language)
        found = await asyncio.to_thread(_find, parts, place, _number(number))
        if found is None or found.web_html is None:
            raise HTTPException(404)
        headers = {
            "Content-Security-Policy": policy,
            "Content-Language": language,
            # HTML's "navigate": a sandboxed document whose opener policy is any other is a network error.
            "Cross-Origin-Opener-Policy": "unsafe-none",
        }
        return HTMLResponse(found.web_html, headers=headers)

    return router


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 10 or int(text) > _MOST:
        raise HTTPException(404)
    return int(text)


def _list(parts: Parts, place: Place, limit: int, before: int | None) -> list[Issue]:
    with parts.database.read() as session:
        return archive.list_published(session, place.edition.id, limit=limit, before=before)


def _find(parts: Parts, place: Place, number: int) -> Issue | None:
    with parts.database.read() as session:
        return archive.find_published(session, place.edition.id, number)
