"""Lead images that letters show from our own host. A name is its content's hash, so what was fetched once is kept for good."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

from articles import images
from web.parts import Parts


def routes(parts: Parts) -> APIRouter:
    router = APIRouter()

    @router.get("/images/{name}")
    async def image(name: str) -> FileResponse:
        folder = parts.data_dir
        place = await asyncio.to_thread(images.file, folder / "images", name) if folder is not None else None
        if place is None:
            raise HTTPException(404)
        return FileResponse(place, headers={"Cache-Control": "public, max-age=31536000, immutable"})

    return router
