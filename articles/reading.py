"""Reading: a fetched document, given to a child process, because a stranger decides what is in it."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from datetime import timedelta

import structlog

from articles import child_limits
from articles.entry import NotAFeed, ParsedFeed
from ground.fetch import Fetched

log = structlog.get_logger()


async def read(answer: Fetched, executor: Executor, *, at_most: timedelta) -> ParsedFeed | NotAFeed:
    """The feed in a document, or why there is none; given up when it takes longer than `at_most`."""
    content_type = answer.content_type
    if content_type and answer.charset:
        content_type += f"; charset={answer.charset}"
    loop = asyncio.get_running_loop()
    reading = loop.run_in_executor(executor, child_limits.parse, answer.body, content_type, answer.url)
    try:
        async with asyncio.timeout(at_most.total_seconds()):
            return await reading
    except TimeoutError:
        return NotAFeed(detail="Reading the feed took too long; its document may be made to do that. It was given up.")
    except Exception as problem:
        log.exception("feed broke its parser", url=answer.url)
        return NotAFeed(
            detail=f"The feed's document could not be read ({type(problem).__name__}); please report it with the document."
        )
