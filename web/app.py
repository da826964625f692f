"""The app: every route of the readers' door, behind the guard."""

from __future__ import annotations

from fastapi import FastAPI, Response
from starlette.middleware import Middleware
from starlette.types import Scope

from web import archive, errors, health, images, logos, metrics
from web.console import routes as console
from web.gate import Gate
from web.ops import routes as ops
from web.pages import Pages
from web.parts import Parts
from web.readers import confirm, leave, move, preferences, say_useful, say_why, send_again, sign_up
from web.security import Guard
from web.static_files import StaticPages


def create_app(parts: Parts) -> FastAPI:
    """The app for these parts. Run it with uvicorn's own access log off: paths hold tokens, the guard logs without them."""
    pages = Pages(parts.templates, parts.languages, parts.base_url, parts.clock)

    def refuse(scope: Scope, status: int) -> Response:
        return errors.error_page(pages, scope, status)

    guard = Middleware(Guard, base_url=parts.base_url, trusted_hosts=parts.trusted_hosts, refuse=refuse)
    app = FastAPI(
        title="Broadsheet",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # such a redirect would be built from the request's Host
        middleware=[guard],
    )
    errors.install(app, pages)
    gate = Gate(parts, pages)
    app.include_router(health.routes(parts))
    app.include_router(metrics.routes(parts))
    app.include_router(sign_up.routes(parts, pages))
    app.include_router(send_again.routes(parts, pages))
    app.include_router(confirm.routes(parts, pages))
    app.include_router(leave.routes(parts, pages))
    app.include_router(say_why.routes(parts, pages))
    app.include_router(say_useful.routes(parts, pages))
    app.include_router(preferences.routes(parts, pages))
    app.include_router(move.routes(parts, pages))
    app.include_router(archive.routes(parts, pages))
    app.include_router(images.routes(parts))
    app.include_router(logos.routes(parts))
    app.include_router(console.routes(parts, gate))
    app.include_router(ops.routes(parts, gate))
    gate.watch(app)
    app.mount("/static", StaticPages(), name="static")
    return app
