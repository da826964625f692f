"""Static files, with an answer that may be kept for a year when its address names the content's hash."""

from __future__ import annotations

from fastapi import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from web.pages import STATIC


class StaticPages(StaticFiles):
    def __init__(self) -> None:
        super().__init__(directory=STATIC)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code == 200 and scope["query_string"].startswith(b"v="):
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
