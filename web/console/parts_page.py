"""Every part of the design in its states, for those who build pages: `/console/_parts`, in development only."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from web.pages import Pages
from web.parts import Parts


def routes(parts: Parts, pages: Pages) -> APIRouter:
    """The page needs nobody signed in: it holds nothing of the newsroom's."""
    router = APIRouter()

    @router.get("/console/_parts")
    async def every_part() -> HTMLResponse:
        return pages.html(
            "console/parts_page.html",
            insider=SimpleNamespace(name="Hanar Aziz", address="hanar@zagroscourier.example"),
            newsroom="The Zagros Courier",
            here="/console/_parts",
            form_token=lambda action: f"sample of {action}",
            toast=SimpleNamespace(text="“Bridge reopens” was dropped from the issue.", undo="/console/_parts"),
            now=parts.clock(),
            minute=timedelta(minutes=1),
        )

    return router
