"""Health: is the process up, and may it be given work."""

from __future__ import annotations

import asyncio

import structlog
from fastapi import APIRouter
from fastapi.responses import JSONResponse

from feedback import watch
from feedback.watch import Problem
from web.parts import Parts

_log = structlog.get_logger()


def routes(parts: Parts) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> JSONResponse:
        return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        failing = await asyncio.to_thread(_failing, parts)
        body: dict[str, object] = {"status": "ready"}
        if failing:
            body = {
                "status": "not ready",
                "problem": failing[0].text,
                "checks": [{"check": problem.check, "problem": problem.text} for problem in failing],
            }
        return JSONResponse(body, 503 if failing else 200, headers={"Cache-Control": "no-store"})

    return router


def _failing(parts: Parts) -> list[Problem]:
    """What keeps us from working, in words that give nothing away."""
    found = watch.problems(parts.database, parts.data_dir, now=parts.clock())
    failing = [problem for problem in found if problem.is_failing]
    for problem in failing:
        _log.error("not_ready", check=problem.check, problem=problem.text)
    return failing
