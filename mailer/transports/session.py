"""One SMTP session, command by command, so that we always know how far it came.

aiosmtplib opens it (connect, EHLO, STARTTLS, EHLO again, AUTH); from there on we hold the conversation ourselves and note
the stage of each command, because its `sendmail` raises the same "Unexpected EOF received" whether the connection fell
before the content, in the middle of it, or after the final dot: the first may be sent again, the others may have arrived.

    MAIL FROM:<b+1f-...@bounces.example.org>     nothing of the message has left: `unreachable`, retried at no cost
    RCPT TO:<reader@example.org>
    DATA                                         354
    ...content, CRLF.CRLF                        from the first byte on only a valid reply ends the doubt: `uncertain`
"""

from __future__ import annotations

import asyncio
import re
import ssl
from typing import cast

import aiosmtplib

from mailer import replies
from mailer.envelope import Envelope
from mailer.replies import ReplyClass
from mailer.transports import Outcome, Result, Stage
from mailer.transports.conversation import Conversation, NoReply, Reply
from mailer.transports.route import Route, Tls

#: A connection unused for so many seconds is asked (NOOP) before a message is given to it.
_ASK_AFTER = 5.0


class Session:
    """One connection and the stage it is at."""

    def __init__(self, route: Route, tls_context: ssl.SSLContext | None) -> None:
        self.route = route
        self.stage = Stage.CONNECT
        self.sent = 0
        self.used_at = 0.0
        self._tls_context = tls_context
        self._offers: dict[str, str] = {}  # what EHLO said: size -> 10485760
        self._talk: Conversation | None = None

    async def open(self) -> None:
        """Connect, and have TLS and AUTH where the route wants them. Raises what aiosmtplib and asyncio raise."""
        route, limit = self.route, self.route.timeouts
        self.stage = Stage.CONNECT
        # start_tls=False: left alone, aiosmtplib upgrades if it is offered and goes on in clear text if it is not.
        client = aiosmtplib.SMTP(
            hostname=route.host,
            port=route.port,
            local_hostname=route.helo,
            use_tls=route.tls is Tls.IMPLICIT,
            start_tls=False,
            tls_context=self._tls_context,
            timeout=limit.greeting,
        )
        try:
            async with asyncio.timeout(limit.opening):
                await self._greet(client)
        except BaseException:
            client.close()
            raise
        self._offers = dict(client.esmtp_extensions)
        self._talk = Conversation(cast("asyncio.Transport", client.transport))

    async def _greet(self, client: aiosmtplib.SMTP) -> None:
        route = self.route
        await client.connect()
        await client.ehlo()
        if route.tls is Tls.STARTTLS:
            self.stage = Stage.TLS
            await client.starttls()
            await client.ehlo()  # what was said before the handshake no longer counts (RFC 3207 4.2)
        if route.username is not None:
            self.stage = Stage.AUTH
            await client.login(route.username, route.password or "")

    @property
    def is_open(self) -> bool:
        return self._talk is not None and self._talk.is_open

    @property
    def is_usable(self) -> bool:
        return self.is_open and self.sent < self.route.max_messages

    async def is_alive(self, now: float) -> bool:
        if not self.is_open:
            return False
        if now - self.used_at < _ASK_AFTER:
            return True
        try:
            reply = await self._ask(b"NOOP", self.route.timeouts.noop)
        except NoReply:
            return False
        return reply.code < 300

    async def carry(self, envelope: Envelope, content: bytes) -> Outcome:
        """One transaction. Raises NoReply; `stage` then tells how far it came."""
        limit = self.route.timeouts
        utf8 = not envelope.recipient.isascii()
        if utf8 and "smtputf8" not in self._offers:
            self.stage = Stage.RCPT
            return self._outcome(Result.REFUSED, None, "needs SMTPUTF8")
        self.stage = Stage.MAIL
        if not self._takes(len(content)):
            # Nobody's mailbox is at fault, and the same holds for every reader of this letter.
            return self._outcome(Result.DEFERRED, None, f"too large for this relay, which takes {self._most} bytes")
        options = self._options(content, utf8=utf8)
        words = b" ".join([b"MAIL FROM:<%s>" % envelope.return_path.encode(), *options])
        reply = await self._ask(words, limit.mail)
        if reply.code // 100 != 2:
            return await self._refusal(reply)
        self.stage = Stage.RCPT
        reply = await self._ask(b"RCPT TO:<%s>" % envelope.recipient.encode(), limit.rcpt)
        if reply.code // 100 != 2:
            return await self._refusal(reply)
        self.stage = Stage.DATA
        reply = await self._ask(b"DATA", limit.data)
        if reply.code != 354:
            return await self._refusal(reply)
        return await self._content(content)

    async def _content(self, content: bytes) -> Outcome:
        talk = self._talk
        assert talk is not None
        talk.require_open()  # until here nothing has left
        self.stage = Stage.DOT
        reply = await talk.ask(content, self.route.timeouts.dot)
        if reply.code // 100 == 2:
            self.sent += 1
            return self._outcome(Result.ACCEPTED, reply.code, reply.text, replies.queue_id(reply.text))
        return await self._refusal(reply)

    async def _ask(self, command: bytes, within: float) -> Reply:
        assert self._talk is not None
        return await self._talk.ask(command + b"\r\n", within)

    @property
    def _most(self) -> int:
        """The longest message that the server takes, as it says (RFC 1870); 0 for one that does not say."""
        said = self._offers.get("size", "")
        return int(said) if said.isascii() and said.isdigit() else 0

    def _takes(self, size: int) -> bool:
        return self._most == 0 or size <= self._most

    def _options(self, content: bytes, *, utf8: bool) -> list[bytes]:
        options = []
        if "size" in self._offers:
            options.append(b"SIZE=%d" % len(content))
        if utf8:
            options.append(b"SMTPUTF8")
        if not content.isascii() and "8bitmime" in self._offers:
            options.append(b"BODY=8BITMIME")
        return options

    async def _refusal(self, reply: Reply) -> Outcome:
        """A reply that is no "go on". Whatever it was, the connection is clean afterwards or closed."""
        stage, code, text = self.stage, reply.code, reply.text
        if code // 100 not in {4, 5}:  # 2xx or 3xx where it makes no sense: we no longer understand each other
            self.abandon()
            result = Result.UNCERTAIN if stage is Stage.DOT else Result.UNREACHABLE
            return self._outcome(result, code, text)
        about = replies.classify(stage, code, replies.enhanced_code(text), text)
        if about is ReplyClass.ROUTE:
            self.abandon()
            return self._outcome(Result.UNREACHABLE, code, text)
        outcome = self._outcome(Result.DEFERRED if code < 500 else Result.REFUSED, code, text)
        if stage is not Stage.DOT:
            await self._reset()
        return outcome

    async def _reset(self) -> None:
        """RSET after a refusal before the content. (After the dot the transaction is over: RFC 5321 4.1.1.4.)"""
        try:
            reply = await self._ask(b"RSET", self.route.timeouts.noop)
        except NoReply:
            return
        if reply.code // 100 != 2:
            self.abandon()

    def _outcome(self, result: Result, code: int | None, text: str, queue_id: str | None = None) -> Outcome:
        return Outcome(
            result=result,
            stage=self.stage,
            code=code,
            enhanced=replies.enhanced_code(text),
            reply=replies.clean(text),
            queue_id=queue_id,
            route=self.route.name,
        )

    def abandon(self) -> None:
        """Close without a word: in an unknown state the next reply might belong to an older command."""
        if self._talk is not None:
            self._talk.drop()

    def hang_up(self) -> None:
        """Say QUIT and close without waiting for the answer."""
        if self._talk is not None:
            self._talk.close(b"QUIT\r\n")

    async def quit(self) -> None:
        """Say QUIT, hear the answer, and close."""
        if self._talk is None or not self._talk.is_open:
            return
        try:
            await self._ask(b"QUIT", self.route.timeouts.noop)
        except NoReply:
            return  # it is gone either way
        self._talk.close()


#: Whatever a server or a network can do to a session.
FAILURES = (NoReply, aiosmtplib.SMTPException, OSError, UnicodeError, ValueError)


def broken(session: Session, error: Exception) -> Outcome:
    """No valid reply came. Before the content nothing was sent; afterwards nobody knows."""
    said = error if isinstance(error, aiosmtplib.SMTPResponseException) else None
    text = said.message if said is not None else _words(error, session.route)
    return Outcome(
        result=Result.UNCERTAIN if session.stage is Stage.DOT else Result.UNREACHABLE,
        stage=_stage(session, error),
        code=said.code if said is not None and 200 <= said.code < 600 else None,
        enhanced=replies.enhanced_code(text),
        reply=replies.clean(text),
        route=session.route.name,
    )


def _words(error: Exception, route: Route) -> str:
    if isinstance(error, NoReply):
        return str(error)
    if isinstance(error, TimeoutError) and not str(error):
        return f"no session within {route.timeouts.opening:g} s"
    return f"{type(error).__name__}: {error}"


def _stage(session: Session, error: Exception) -> Stage:
    """aiosmtplib shakes hands while it connects, where TLS goes from the first byte."""
    if session.stage is Stage.CONNECT and isinstance(error.__cause__, ssl.SSLError):
        return Stage.TLS
    return session.stage


_FORBIDDEN = re.compile(r"[\x00-\x20\x7f<>]")


def unsendable(envelope: Envelope, message: bytes) -> str | None:
    """Why this must not go on the wire, whoever made it. aiosmtplib would send a broken address cut short, to somebody else."""
    if _FORBIDDEN.search(envelope.recipient) or "@" not in envelope.recipient:
        return "malformed address"
    if _FORBIDDEN.search(envelope.return_path) or not envelope.return_path.isascii():
        return "malformed return path"
    if b"\x00" in message:
        return "the message holds a NUL byte"
    return None


_LONE = re.compile(rb"\r\n|\r|\n")


def wire(message: bytes) -> bytes:
    """The content as it leaves: CRLF only, dots stuffed, ended by CRLF.CRLF (RFC 5321 4.5.2).

    A lone CR or LF would let a sender hide a second message in the first (SMTP smuggling, CVE-2023-51764).
    """
    pairs = message.count(b"\r\n")
    if message.count(b"\n") != pairs or message.count(b"\r") != pairs:
        message = _LONE.sub(b"\r\n", message)
    if not message.endswith(b"\r\n"):
        message += b"\r\n"
    if message.startswith(b"."):
        message = b"." + message
    return message.replace(b"\r\n.", b"\r\n..") + b".\r\n"
