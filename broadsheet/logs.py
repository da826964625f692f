"""Logs: structlog to standard error, for people or as JSON lines. What speaks through the standard library joins in."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog

#: Where it broke, without the variables there: they hold addresses, tokens and what somebody typed.
_traceback = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))


def configure(form: Literal["console", "json"], *, least: int = logging.INFO) -> None:
    """Set up logging for this process; nothing below the level `least` is shown."""
    logging.basicConfig(level=least, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", force=True)
    for name in ("uvicorn.access", "mail.log", "apscheduler", "httpx2", "httpcore2", "alembic", "procrastinate"):
        # Per-request and per-step lines; some hold addresses or tokens.
        logging.getLogger(name).setLevel(max(least, logging.WARNING))
    render: structlog.typing.Processor
    render = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *([_traceback] if form == "json" else []),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
