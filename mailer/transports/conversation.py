"""A conversation: what we say over an open connection, and one reply to each.

Strictly one for one. A reply that is too long, makes no sense, or comes when nothing was asked ends the conversation: from
then on nobody could say which command the next one belongs to. A reply has a deadline, however many bytes of it trickle in.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

#: RFC 5321 allows 512 bytes a line; nobody has that much to say about one command.
LONGEST_REPLY = 32 * 1024

LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?\Z", re.DOTALL)


class NoReply(Exception):  # noqa: N818 - what became of a conversation, no fault of the program
    """The conversation has ended; the text says how. What was said last may have been heard or not."""


@dataclass(frozen=True, slots=True)
class Reply:
    code: int
    text: str  # of several lines, joined by line feeds


class Conversation(asyncio.Protocol):
    """Takes over a connection whose greeting, EHLO, TLS and AUTH are done."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self._loop = asyncio.get_running_loop()
        self._heard = bytearray()  # lines that are not whole yet
        self._lines: list[bytes] = []  # of a reply that is not whole yet
        self._code: bytes | None = None
        self._length = 0
        self._waiting: asyncio.Future[Reply] | None = None
        self._ended: str | None = None
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        return self._ended is None and not self.transport.is_closing()

    def require_open(self) -> None:
        """Raises NoReply when nothing can be said any more."""
        if not self.is_open:
            raise NoReply(self._ended or "the connection is closed")

    async def ask(self, words: bytes, within: float) -> Reply:
        """Say it and wait for the reply. Raises NoReply; nothing was said if the conversation had ended before."""
        self.require_open()
        waiting: asyncio.Future[Reply] = self._loop.create_future()
        self._waiting = waiting
        deadline = self._loop.call_later(within, self._end, f"no reply within {within:g} s")
        try:
            self.transport.write(words)
            return await waiting
        finally:
            deadline.cancel()
            self._waiting = None

    def resume(self) -> None:
        """Listen again, after somebody else has held the conversation and heard all replies."""
        self.transport.set_protocol(self)

    def close(self, last_words: bytes = b"") -> None:
        """Say it, whether anybody hears it or not, and close."""
        if self.is_open:
            self._ended = "we closed the connection"
            self.transport.write(last_words)
            self.transport.close()

    def drop(self) -> None:
        """Close without a word, and without waiting for what is still to be written."""
        self._end("we closed the connection")

    # --- what asyncio tells -----------------------------------------------------------------------------------------
    def data_received(self, data: bytes) -> None:
        if self._ended is not None:
            return
        self._length += len(data)
        if self._waiting is None or self._waiting.done():
            self._end("more replies than commands")
            return
        if self._length > LONGEST_REPLY:
            self._end(f"a reply of more than {LONGEST_REPLY} bytes")
            return
        self._heard += data
        while (end := self._heard.find(b"\n")) >= 0:
            line = bytes(self._heard[:end]).rstrip(b"\r")
            del self._heard[: end + 1]
            if not self._takes(line):
                return

    def eof_received(self) -> bool:
        self._is_over("the server closed the connection")
        return False  # asyncio closes our half

    def connection_lost(self, error: Exception | None) -> None:
        self._is_over(f"the connection was lost: {error}" if error else "the server closed the connection")

    # ----------------------------------------------------------------------------------------------------------------
    def _takes(self, line: bytes) -> bool:
        """Add a line to the reply; whether there may be another one."""
        found = LINE.match(line)
        if found is None or self._code not in {None, found[1]}:
            self._end(f"no reply: {line[:200].decode('utf-8', 'replace')}")
            return False
        self._code = found[1]
        self._lines.append((found[3] or b"").strip())
        if found[2] == b"-":
            return True
        self._give(int(found[1]))
        return False

    def _give(self, code: int) -> None:
        assert self._waiting is not None
        text = b"\n".join(self._lines).decode("utf-8", "replace")
        self._waiting.set_result(Reply(code, text))
        self._lines, self._code, self._length = [], None, 0
        if self._heard:  # this reply counts; whose the rest is, nobody knows
            self._end("more replies than commands")

    def _end(self, why: str) -> None:
        if self._is_over(why):
            self.transport.abort()

    def _is_over(self, why: str) -> bool:
        if self._ended is not None:
            return False
        self._ended = why
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(NoReply(why))
        return True
