"""The running service for a browser to visit: in a thread of its own, for Playwright keeps this thread's loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.stories.service import Service, a_service

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Live:
    service: Service
    loop: asyncio.AbstractEventLoop

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Have the service's own loop do this, and wait for it: `live.do(live.service.collect())`."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=60)

    def url(self, path: str) -> str:
        return str(self.service.client.base_url).rstrip("/") + path


@contextmanager
def a_live_service(folder: Path) -> Iterator[Live]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="the service")
    thread.start()
    try:
        context = a_service(folder)
        service = asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(timeout=60)
        try:
            yield Live(service, loop)
        finally:
            asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(timeout=60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
