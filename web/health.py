"""Health: is the process up, and may it be given work."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import structlog
from fastapi import APIRouter
from fastapi.responses import JSONResponse

from feedback import watch
from feedback.watch import Problem
from web.parts import Parts

_log = structlog.get_logger()

#: How long an answer of /readyz is given again.
ANSWER_FOR = timedelta(seconds=2)


def routes(parts: Parts) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> JSONResponse:
        return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})

    asked = _Asked(parts)

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        failing = await asked.failing()
        body: dict[str, object] = {"status": "ready"}
        if failing:
            body = {
                "status": "not ready",
                "problem": failing[0].text,
                "checks": [{"check": problem.check, "problem": problem.text} for problem in failing],
            }
        return JSONResponse(body, 503 if failing else 200, headers={"Cache-Control": "no-store"})

    return router


class _Asked:
    """The last answer: anybody may ask, a look takes the database's write lock, so one look answers all of a moment."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._turn = asyncio.Lock()
        self._until: datetime | None = None
        self._found: list[Problem] = []

    async def failing(self) -> list[Problem]:
        async with self._turn:
            now = self._parts.clock()
            if self._until is None or not self._until - ANSWER_FOR <= now < self._until:
                self._found = await asyncio.to_thread(_failing, self._parts)
                self._until = now + ANSWER_FOR
            return self._found


def _failing(parts: Parts) -> list[Problem]:
    """What keeps us from working, in words that give nothing away."""
    found = watch.problems(parts.database, parts.data_dir, now=parts.clock())
    failing = [problem for problem in found if problem.is_failing]
    for problem in failing:
        _log.error("not_ready", check=problem.check, problem=problem.text)
    return failing
