"""The tests' own SMTP servers: one that plays a script on a socket, and a way to wire a dispatcher to a transport."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from ground.database import Database
from mailer.books import Habits
from mailer.deliveries import Row
from mailer.dispatch import Dispatcher
from mailer.leases import Lease
from mailer.letters import Lane
from mailer.lines import Way
from mailer.pacing import Cap
from mailer.press import Press, Sign
from mailer.transports import Transport
from mailer.transports.route import Timeouts

DROP = "DROP"  # a script's word for: close the connection without an answer
SILENCE = "SILENCE"  # and for: never answer

#: What a well-behaved server says at each stage.
WELL = {
    "greeting": "220 mx.test ESMTP",
    "EHLO": "250-mx.test\r\n250-SIZE 10000000\r\n250 ENHANCEDSTATUSCODES",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 End data with <CR><LF>.<CR><LF>",
    "dot": "250 2.0.0 Ok: queued as 4XkZ1s3Nqb",
    "RSET": "250 2.0.0 Ok",
    "NOOP": "250 2.0.0 Ok",
    "QUIT": "221 2.0.0 Bye",
}
#: What each mode of speaking is offered by.
OFFERED = {
    "sequential": WELL["EHLO"],
    "pipelining": "250-mx.test\r\n250-SIZE 10000000\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES",
    "chunking": "250-mx.test\r\n250-SIZE 10000000\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 ENHANCEDSTATUSCODES",
}
_FORGETS = {"EHLO", "HELO", "RSET", "MAIL"}
Answer = str | Callable[[str], str]  # a reply, or what makes one of the command line


BRIEF = Timeouts(greeting=0.5, mail=0.5, rcpt=0.5, data=0.5, dot=0.5, noop=0.5)
PATIENT = Timeouts(greeting=20.0, opening=40.0, mail=20.0, rcpt=20.0, data=20.0, dot=20.0, noop=20.0)


class ScriptedServer:
    """Answers each stage as told; a stage may be told more than one answer, the last one stays."""

    def __init__(self, **script: Answer | list[Answer]) -> None:
        self.answers: dict[str, list[Answer]] = {stage: [reply] for stage, reply in WELL.items()}
        for stage, answer in script.items():
            self.answers[stage] = list(answer) if isinstance(answer, list) else [answer]
        self.connections = 0
        self.commands: list[str] = []
        self.messages: list[tuple[str, bytes]] = []  # RCPT and content of what was accepted
        self.port = 0
        #: How long a client had better wait: a moment where there will be no answer, and else as long as a busy machine takes.
        self.patience = BRIEF if any(SILENCE in told for told in self.answers.values()) else PATIENT
        self.tls: ssl.SSLContext | None = None  # what STARTTLS leads to
        self.clear: list[bytes] = []  # every line that came outside TLS
        self._open: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def running(self, *, implicit: bool = False) -> AsyncIterator[ScriptedServer]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls if implicit else None)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in list(self._open):
                writer.close()
            await asyncio.sleep(0.01)
            await server.wait_closed()

    def _answer(self, stage: str, line: str = "") -> str:
        answers = self.answers[stage]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return answer if isinstance(answer, str) else answer(line)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            await self._converse(reader, writer)
        except (OSError, asyncio.IncompleteReadError):  # ssl.SSLError is one, too
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recipient = ""
        has_recipient = False
        if not await self._say(writer, self._answer("greeting")):
            return
        while heard := await reader.readline():
            line = heard.decode("utf-8", "replace")
            verb = self._noted(line, heard, is_clear=writer.get_extra_info("sslcontext") is None)
            if verb == "RCPT":
                recipient = line.split("<")[1].split(">")[0]
            if verb == "BDAT":
                if not await self._chunk(reader, writer, line, recipient if has_recipient else ""):
                    return
                has_recipient = False
                continue
            if verb == "DATA" and not has_recipient:
                answer = "554 5.5.1 No valid recipients"
                if not await self._say(writer, answer):
                    return
                continue
            if not await self._say(writer, answer := self._answer(verb, line)) or verb == "QUIT":
                return
            has_recipient = answer.startswith("2") if verb == "RCPT" else has_recipient and verb not in _FORGETS
            if verb == "STARTTLS" and answer.startswith("220") and self.tls is not None:
                await writer.start_tls(self.tls)
            if verb == "DATA" and answer.startswith("354") and not await self._content(reader, writer, recipient):
                return

    def _noted(self, line: str, heard: bytes, *, is_clear: bool) -> str:
        """The verb of a command; EHLO inside TLS may have answers of its own."""
        self.commands.append(line.strip())
        if is_clear:
            self.clear.append(heard)
        verb = line.split(maxsplit=1)[0].upper()
        return "EHLO inside" if verb == "EHLO" and not is_clear and "EHLO inside" in self.answers else verb

    async def _content(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, recipient: str) -> bool:
        if "mid" in self.answers:
            await reader.read(100)
            return False
        content = await reader.readuntil(b"\r\n.\r\n")
        answer = self._answer("dot", recipient)
        if answer.startswith("2"):
            self.messages.append((recipient, content))
        return await self._say(writer, answer)

    async def _chunk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: str, recipient: str
    ) -> bool:
        """BDAT: exactly so many bytes, whatever is then said about them."""
        _, size, last = line.split()
        assert last == "LAST"
        content = await reader.readexactly(int(size))
        assert content.endswith(b"\r\n")
        if not recipient:
            return await self._say(writer, "503 5.5.1 No valid recipients")
        answer = self._answer("dot", recipient)
        if answer.startswith("2"):
            self.messages.append((recipient, content + b".\r\n"))  # as after DATA, so that tests compare one form
        return await self._say(writer, answer)

    async def _say(self, writer: asyncio.StreamWriter, reply: str) -> bool:
        if reply == SILENCE:
            await asyncio.sleep(60)
        if reply == DROP:
            return False
        writer.write(reply.encode("latin-1") + b"\r\n")
        await writer.drain()
        return True


def build(compiled: bytes, row: Row, lease: Lease) -> Sequence[bytes]:
    """A message that names its delivery: the tests' stand-in for the real builder."""
    if row.fields.get("name") is None:
        raise ValueError("field name is empty")
    head = f"To: {row.address}\r\nMessage-ID: <{lease.span.letter_id}.{row.recipient_id}@test>\r\n"
    return [head.encode(), compiled]


def dispatcher(
    database: Database,
    *ways: Transport | Way,
    clock: Callable[[], datetime],
    owner: str = "worker-1",
    habits: Habits | None = None,
    caps: dict[str, Cap] | None = None,
    sign: Sign | None = None,
) -> Dispatcher[bytes]:
    press = Press(load=bytes, build=build, return_path=lambda number: f"b+{number}@bounces.test", sign=sign)
    out = [each if isinstance(each, Way) else Way(transport=each) for each in ways]
    lanes = {Lane.BULK: out, Lane.TX: out}
    return Dispatcher(
        database,
        lanes,
        press,
        clock=clock,
        owner=owner,
        rng=random.Random(7),
        habits=habits or Habits(),
        caps=caps,
    )
