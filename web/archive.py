"""The archive: issues that went out, for everybody, and the same as feeds (RSS, JSON Feed).

An issue is shown as it was sent, so its page is a letter's HTML with a policy of its own: sandboxed, no script, no
forms, nothing but pictures and its own styles.
"""

from __future__ import annotations

import asyncio
import json
import re
from email.utils import format_datetime

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, Response

from newsletters import archive
from newsletters.archive import Published
from web import fresh, issue_feed
from web.pages import Pages
from web.parts import Parts
from web.readers.place import Place, wanted
from web.security import letter_policy

_PAGE = 30
_FEED = 20
_MOST = 1_000_000_000  # no edition has such an issue; databases refuse numbers beyond theirs

#: What XML 1.0 cannot hold (section 2.2).
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

#: Where a note about a correction is put into a letter.
_BODY = re.compile(r"<body[^>]*>", re.IGNORECASE)


def routes(parts: Parts, pages: Pages) -> APIRouter:
    router = APIRouter()
    policy = letter_policy(parts.image_sources, framed=False)

    @router.get("/archive/{slug}/{language}")
    async def back_numbers(slug: str, language: str, before: str = "") -> HTMLResponse:
        place = await wanted(parts, slug, language)
        found = await asyncio.to_thread(_list, parts, place, _PAGE + 1, _number(before) if before else None)
        page = pages.html(
            "readers/archive.html",
            language=language,
            place=place,
            issues=[(each, place.day_of(each.issue)) for each in found[:_PAGE]],
            older=found[_PAGE - 1].issue.number if len(found) > _PAGE else None,
        )
        page.headers.update(_listed(parts, place.sender.archive_url))
        return page

    @router.get("/archive/{slug}/{language}/feed.xml")
    async def feed(slug: str, language: str, request: Request) -> Response:
        place = await wanted(parts, slug, language)
        found = await asyncio.to_thread(_list, parts, place, _FEED, None)
        entries = [(each, format_datetime(each.issue.scheduled_for)) for each in found]
        page = pages.html("readers/feed.xml", language=language, place=place, entries=entries)
        text = _NOT_XML.sub("", bytes(page.body).decode())
        return fresh.answer(request, text.encode(), "application/rss+xml; charset=utf-8")

    @router.get("/archive/{slug}/{language}/feed.json")
    async def json_feed(slug: str, language: str, request: Request) -> Response:
        place = await wanted(parts, slug, language)
        found = await asyncio.to_thread(_list, parts, place, _FEED, None)
        body = json.dumps(issue_feed.feed(place, found), ensure_ascii=False, indent=1).encode("utf-8", "replace")
        return fresh.answer(request, body, "application/feed+json; charset=utf-8")

    @router.get("/archive/{slug}/{language}/{number}")
    async def issue(slug: str, language: str, number: str, request: Request) -> Response:
        place = await wanted(parts, slug, language)
        found = await asyncio.to_thread(_find, parts, place, _number(number))
        if found is None or found.issue.web_html is None:
            raise HTTPException(404)
        html = found.issue.web_html
        if found.corrections:
            note = pages.html("readers/correction_note.html", language=language, place=place, found=found)
            html = _BODY.sub(lambda body: body[0] + bytes(note.body).decode(), html, count=1)
        answer = fresh.answer(request, html.encode(), "text/html; charset=utf-8")
        answer.headers.update(
            {
                "Content-Security-Policy": policy,
                "Content-Language": language,
                # HTML's "navigate": a sandboxed document whose opener policy is any other is a network error.
                "Cross-Origin-Opener-Policy": "unsafe-none",
                **_listed(parts, f"{place.sender.archive_url}/{found.issue.number}"),
            }
        )
        return answer

    return router


def _listed(parts: Parts, address: str) -> dict[str, str]:
    """Which address search engines are to keep, or that they are to keep none."""
    canonical = {"Link": f'<{address}>; rel="canonical"'} if address.isascii() else {}
    return canonical if parts.archive_indexed else {**canonical, "X-Robots-Tag": "noindex"}


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 10 or int(text) > _MOST:
        raise HTTPException(404)
    return int(text)


def _list(parts: Parts, place: Place, limit: int, before: int | None) -> list[Published]:
    with parts.database.read() as session:
        return archive.with_corrections(
            session, archive.list_published(session, place.edition.id, limit=limit, before=before)
        )


def _find(parts: Parts, place: Place, number: int) -> Published | None:
    with parts.database.read() as session:
        found = archive.find_published(session, place.edition.id, number)
        return archive.with_corrections(session, [found])[0] if found is not None else None
