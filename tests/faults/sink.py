"""A mail server in a thread, which keeps what it accepted and can be told to do something at an exact moment."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.mailer.doubles import OFFERED, ScriptedServer


@dataclass(slots=True)
class Trap:
    """At the nth time that a stage is reached, `spring`."""

    stage: str  # MAIL | RCPT | DATA | content | dot | accepted
    nth: int
    spring: Callable[[], object]


class Sink(ScriptedServer):
    """`accepted` is sprung when a message is kept and its 250 not yet said; `content` when the 354 has been said."""

    def __init__(self, mode: str = "sequential") -> None:
        super().__init__(EHLO=OFFERED[mode])
        self.trap: Trap | None = None
        self.at_content: Callable[[str], object] | None = None  # is told every RCPT whose content may come
        self._recipient = ""

    def _answer(self, stage: str, line: str = "") -> str:
        if stage == "DATA" and self.at_content is not None:
            self.at_content(self._recipient)
        if stage == "RCPT":
            self._recipient = line.split("<")[1].split(">", maxsplit=1)[0]
        self._reached(stage)
        return super()._answer(stage, line)

    async def _say(self, writer: asyncio.StreamWriter, reply: str) -> bool:
        if "queued as" in reply:
            self._reached("accepted")
        said = await super()._say(writer, reply)
        if reply.startswith("354"):
            self._reached("content")
        return said

    def _reached(self, stage: str) -> None:
        trap = self.trap
        if trap is not None and trap.stage == stage:
            trap.nth -= 1
            if trap.nth <= 0:
                self.trap = None
                trap.spring()

    @property
    def copies(self) -> Counter[str]:
        return Counter(recipient for recipient, _ in self.messages)

    @property
    def contents(self) -> dict[str, set[bytes]]:
        found: dict[str, set[bytes]] = {}
        for recipient, content in self.messages:
            found.setdefault(recipient, set()).add(content)
        return found


@contextmanager
def listening(sink: Sink) -> Iterator[Sink]:
    """Run the server in a thread of its own, so that the test may wait and kill."""
    ready, done = threading.Event(), threading.Event()

    async def serve() -> None:
        async with sink.running():
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield sink
    finally:
        done.set()
        thread.join(10)
