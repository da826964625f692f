"""One SMTP session of the local mailbox: aiosmtpd's, but the content is read in large pieces.

aiosmtpd reads it line by line, two thirds of what a mail of 36 KB costs; in `serve --dev` that is taken from the pages,
for the mailbox shares their loop.
"""

from __future__ import annotations

import asyncio

from aiosmtpd.smtp import SMTP, syntax

_DOT = b".\r\n"
_END = b"\r\n.\r\n"


class MailboxSession(SMTP):
    line_length_limit = 128 * 1024  # what the reader holds before it gives out a piece

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        if await self.check_helo_needed():
            return
        if self.envelope is None or not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 RCPT comes first")
            return
        if arg:
            await self.push("501 5.5.4 DATA takes nothing")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        content = await self._content()
        if content is None:
            answer = f"552 5.3.4 More than {self.data_size_limit} bytes"
        else:
            self.envelope.content = self.envelope.original_content = content
            answer = await self._call_handler_hook("DATA")
        self._set_post_data_state()  # type: ignore[no-untyped-call] # aiosmtpd's, untyped
        await self.push(answer)

    async def _content(self) -> bytes | None:
        """All up to the final dot, dots unstuffed (RFC 5321 4.5.2); None when it is too much, after reading it all."""
        data = bytearray()
        too_much = False
        while data != _DOT and not data.endswith(_END):
            data += await self._piece()
            if self.data_size_limit and len(data) > self.data_size_limit:
                too_much = True
                del data[: -len(_END)]
        if too_much:
            return None
        lines = b"\r\n" + bytes(data[: -len(_DOT)])
        return lines.replace(b"\r\n.", b"\r\n")[2:]

    async def _piece(self) -> bytes:
        try:
            return await self._reader.readuntil(_DOT)
        except asyncio.LimitOverrunError as overrun:
            return await self._reader.read(overrun.consumed)
