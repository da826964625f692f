"""Every page of ops, in the order of its navigation."""

from __future__ import annotations

from fastapi import APIRouter

from web.gate import Gate
from web.ops import board, bounces, breakers, deliveries, issues, probe, queue, suppressions
from web.parts import Parts

_PAGES = (board, probe, breakers, issues, deliveries, bounces, suppressions, queue)


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    for page in _PAGES:
        router.include_router(page.routes(parts, gate))
    return router
