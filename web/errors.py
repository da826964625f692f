"""Pages for what went wrong: what happened, what it means, what to do, in the visitor's language."""

from __future__ import annotations

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import Scope

from web.gate import INSIDE
from web.pages import Pages

#: The statuses that have words of their own in error.html; any other is told as the nearest of them.
_TOLD = frozenset({400, 404, 405, 413, 500})


def install(app: FastAPI, pages: Pages) -> None:
    """Every refusal becomes a page of ours. (What breaks is answered by the guard, so that it too bears all headers.)"""

    @app.exception_handler(StarletteHTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        page = error_page(pages, request.scope, error.status_code)
        page.headers.update(error.headers or {})
        return page

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, _: RequestValidationError) -> Response:
        return error_page(pages, request.scope, 400)


def error_page(pages: Pages, scope: Scope, status: int) -> HTMLResponse:
    told = status if status in _TOLD else (500 if status >= 500 else 400)
    if scope["path"].startswith(INSIDE):
        return pages.html("console/error.html", status=status, code=status, told=told)
    language = pages.negotiate(Headers(scope=scope).get("accept-language"))
    page = pages.html("error.html", language=language, status=status, code=status, told=told)
    page.headers["Vary"] = "Accept-Language"
    return page
