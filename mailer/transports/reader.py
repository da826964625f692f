"""A reader: the replies to many commands on their way at once, strictly in their order, under one deadline.

No task, future or timer for each command: a deque says what is expected next, and one timer of the connection looks
from time to time whether the first of it is overdue.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Generic, TypeVar

from mailer.transports.conversation import LONGEST_REPLY

S = TypeVar("S")  # a step
T = TypeVar("T")  # whose

#: What a line of a reply begins with (mailer.transports.conversation.LINE), looked up: four lines come for each message.
_CODES = {b"%d" % code: code for code in range(200, 600)}
_BETWEEN = frozenset({b" ", b"-", b""})
#: A connection on which nothing is expected for so long is given back.
_IDLE = 1.0


class Reader(asyncio.Protocol, Generic[S, T]):
    """Reads replies for whoever says what is expected."""

    def __init__(self, transport: asyncio.Transport, limits: Mapping[S, float]) -> None:
        self.transport = transport
        self.expected: deque[tuple[S, T]] = deque()
        self.is_paused = False  # what we wrote has not left yet
        self.ended: str | None = None
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._sweep = min(_IDLE, *(limit / 2 for limit in limits.values()))
        self._timer: asyncio.TimerHandle | None = None
        self._since = self._loop.time()  # when the first of what is expected began to be waited for
        self._waits_for_nobody = True
        self._rest = b""  # of a line that is not whole yet
        self._lines: list[bytes] = []  # of a reply that is not whole yet
        self._code: bytes | None = None
        self._length = 0

    def is_open(self) -> bool:
        return self.ended is None

    # --- for whoever expects ----------------------------------------------------------------------------------------
    def heard(self, step: S, whose: T, code: int, text: str) -> None:
        raise NotImplementedError

    def caught_up(self) -> None:
        """All that has come is read: more may be said."""
        raise NotImplementedError

    def idle(self) -> None:
        """Nothing has been expected for a while."""
        raise NotImplementedError

    def over(self, why: str, *, babble: bool) -> None:
        """The connection has ended. `babble`: because what was said makes no sense."""
        raise NotImplementedError

    # ----------------------------------------------------------------------------------------------------------------
    def begin(self) -> None:
        self.transport.set_protocol(self)
        self._timer = self._loop.call_later(self._sweep, self._look)
        if self.transport.is_closing():
            self.end("the connection is closed")

    def finish(self) -> None:
        """No more looking at the clock."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def say(self, words: bytes) -> None:
        if self._waits_for_nobody:
            self._waits_for_nobody = False
            self._since = self._loop.time()
        self.transport.write(words)

    def end(self, why: str, *, babble: bool = False) -> None:
        """Close without a word: nobody could say which command the next reply belongs to."""
        if self.ended is None:
            self.ended = why
            self.transport.abort()
            self.over(why, babble=babble)

    # --- what asyncio tells -----------------------------------------------------------------------------------------
    def data_received(self, data: bytes) -> None:
        if not self.is_open():
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        replied = False
        for line in lines:
            self._length += len(line)
            if self._length > LONGEST_REPLY or not self.expected:
                break
            replied = self._takes(line.rstrip(b"\r")) or replied
            if not self.is_open():
                return
        if not self.expected and (self._rest or self._length):
            self.end("more replies than commands", babble=True)
        elif self._length + len(self._rest) > LONGEST_REPLY:
            self.end(f"a reply of more than {LONGEST_REPLY} bytes", babble=True)
        elif replied:
            self._since, self._waits_for_nobody = self._loop.time(), not self.expected
            self.caught_up()

    def eof_received(self) -> bool:
        self.end("the server closed the connection")
        return False  # asyncio closes our half

    def connection_lost(self, error: Exception | None) -> None:
        self.end(f"the connection was lost: {error}" if error else "the server closed the connection")

    def pause_writing(self) -> None:
        self.is_paused = True

    def resume_writing(self) -> None:
        self.is_paused = False
        if self.ended is None:
            self.caught_up()

    # ----------------------------------------------------------------------------------------------------------------
    def _takes(self, line: bytes) -> bool:
        """Add a line to the reply; whether it was the last one."""
        code, between = line[:3], line[3:4]
        if code not in _CODES or between not in _BETWEEN or self._code not in {None, code}:
            self.end(f"no reply: {line[:200].decode('utf-8', 'replace')}", babble=True)
            return False
        said = line[4:].strip()
        if between == b"-":
            self._lines.append(said)
            self._code = code
            return False
        if self._lines:
            said = b"\n".join((*self._lines, said))
            self._lines, self._code = [], None
        self._length = 0
        step, whose = self.expected.popleft()
        self.heard(step, whose, _CODES[code], said.decode("utf-8", "replace"))
        return True

    def _look(self) -> None:
        now = self._loop.time()
        self._timer = self._loop.call_later(self._sweep, self._look)
        if not self.expected:
            if now - self._since >= _IDLE:
                self.idle()
            return
        within = self._limits[self.expected[0][0]]
        if now - self._since >= within:
            self.end(f"no reply within {within:g} s")
