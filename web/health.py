"""Health: is the process up, and may it be given work."""

from __future__ import annotations

import asyncio

import structlog
from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from ground import migrations
from ground.database import Database

_log = structlog.get_logger()


def routes(database: Database) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> JSONResponse:
        return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        problem = await asyncio.to_thread(_problem, database)
        body = {"status": "ready"} if problem is None else {"status": "not ready", "problem": problem}
        return JSONResponse(body, 200 if problem is None else 503, headers={"Cache-Control": "no-store"})

    return router


def _problem(database: Database) -> str | None:
    """What keeps us from working, in words that give nothing away; the log has the rest."""
    try:
        current = migrations.is_current(database)
    except SQLAlchemyError as error:
        _log.error("database unreachable", error=str(error))
        return "The database cannot be reached."
    return None if current else "The tables are at another revision than the program: run `broadsheet migrate`."
