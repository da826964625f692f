"""Authors: the line, the link and the face that readers are shown of each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Path, Request, Response

from articles import profiles
from articles.articles import Author
from articles.profiles import NoAuthor, Profile, Unfit
from staff.members import Role
from web import forms
from web.gate import Gate, Insider
from web.parts import Parts

PATH = "/console/authors"
_PAGE = 50
_LONGEST = 2100  # of what is typed into one field
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    reader, editor = Depends(gate.may()), Depends(gate.may(Role.EDITOR))

    @router.get(PATH)
    async def every(request: Request, insider: Insider = reader, after: str = "", text: str = "") -> Response:
        found = await asyncio.to_thread(_list, parts, after[:200], text[:120].strip())
        more = found[_PAGE - 1].name if len(found) > _PAGE else None
        older = f"{PATH}?{urlencode({'text': text[:120], 'after': more})}" if more else None
        shown = found[:_PAGE]
        return gate.page(request, insider, "console/authors.html", authors=shown, text=text[:120], older_href=older)

    @router.get(f"{PATH}/{{author_id:int}}")
    async def one(request: Request, author_id: Number, insider: Insider = reader) -> Response:
        author = await asyncio.to_thread(_read, parts, author_id)
        return _page(gate, request, insider, author, profiles.read(author))

    @router.post(f"{PATH}/{{author_id:int}}")
    async def change(request: Request, author_id: Number, insider: Insider = editor) -> Response:
        typed = _typed(await forms.read(request))
        outcome = await asyncio.to_thread(_change, parts, insider, author_id, typed)
        if isinstance(outcome, NoAuthor):
            raise HTTPException(404)
        if isinstance(outcome, Unfit):
            author = await asyncio.to_thread(_read, parts, author_id)
            return _page(gate, request, insider, author, typed, outcome.problems)
        return gate.go(f"{PATH}/{author_id}", toast=gate.texts.gettext("Saved."))

    return router


def _page(
    gate: Gate, request: Request, insider: Insider, author: Author, typed: Profile, wrong: Mapping[str, str] | None = None
) -> Response:  # fmt: skip
    return gate.page(
        request,
        insider,
        "console/author.html",
        status=422 if wrong else 200,
        author=author,
        at=f"{PATH}/{author.id}",
        typed=typed,
        wrong=wrong or {},
        longest=profiles.LONGEST_BIO,
        may_edit=insider.may(Role.EDITOR),
    )


def _typed(posted: Mapping[str, str]) -> Profile:
    return Profile(**{name: posted.get(name, "")[:_LONGEST] for name in ("bio", "url", "avatar_url")})


def _list(parts: Parts, after: str, text: str) -> list[Author]:
    with parts.database.read() as session:
        return profiles.list_page(session, limit=_PAGE + 1, after=after, text=text)


def _read(parts: Parts, author_id: int) -> Author:
    with parts.database.read() as session:
        author = session.get(Author, author_id)
        if author is None:
            raise HTTPException(404)
        return author


def _change(parts: Parts, insider: Insider, author_id: int, typed: Profile) -> Profile | Unfit | NoAuthor:
    with parts.database.write() as session:
        return profiles.change(session, author_id, typed, by=insider.address, now=parts.clock())
