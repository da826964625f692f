"""Newsrooms' logos, for letters in readers' inboxes. A name is its content's hash, so what was fetched once is kept for good."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, HTTPException, Response

from newsletters import logos
from newsletters.logos import Logo
from web.parts import Parts

_TYPES = {"png": "image/png", "jpg": "image/jpeg"}


def routes(parts: Parts) -> APIRouter:
    router = APIRouter()

    @router.get("/logos/{name}")
    async def logo(name: str) -> Response:
        found = await asyncio.to_thread(_find, parts, name)
        if found is None:
            raise HTTPException(404)
        return Response(
            found.body,
            media_type=_TYPES[found.name.rpartition(".")[2]],
            headers={"Cache-Control": "public, max-age=31536000, immutable"},
        )

    return router


def _find(parts: Parts, name: str) -> Logo | None:
    with parts.database.read() as session:
        return logos.find(session, name)
