"""One SMTP session, command by command, so that we always know how far it came.

aiosmtplib opens it (connect, EHLO, STARTTLS, AUTH); from there on we write the commands ourselves and note the stage of
each, because its `sendmail` raises the same "Unexpected EOF received" whether the connection fell before the content, in
the middle of it, or after the final dot: the first may be sent again, the others may have arrived.

    MAIL FROM:<b+1f-...@bounces.example.org>     nothing of the message has left: `unreachable`, retried at no cost
    RCPT TO:<reader@example.org>
    DATA                                         354
    ...content, CRLF.CRLF                        from the first byte on only a valid reply ends the doubt: `uncertain`
"""

from __future__ import annotations

import re
import ssl

import aiosmtplib
from aiosmtplib.response import SMTPResponse

from mailer import replies
from mailer.envelope import Envelope
from mailer.replies import ReplyClass
from mailer.transports import Outcome, Result, Stage
from mailer.transports.route import Route, Tls

#: A connection unused for so many seconds is asked (NOOP) before a message is given to it.
_ASK_AFTER = 5.0


class Session:
    """One connection and the stage it is at."""

    def __init__(self, route: Route, tls_context: ssl.SSLContext | None) -> None:
        self.route = route
        self.stage = Stage.CONNECT
        self.client: aiosmtplib.SMTP | None = None
        self.sent = 0
        self.used_at = 0.0
        self._tls_context = tls_context

    async def open(self) -> None:
        route, limit = self.route, self.route.timeouts
        # start_tls=False: left alone, aiosmtplib upgrades if it is offered and goes on in clear text if it is not.
        client = self.client = aiosmtplib.SMTP(
            hostname=route.host,
            port=route.port,
            local_hostname=route.helo,
            use_tls=route.tls is Tls.IMPLICIT,
            start_tls=False,
            tls_context=self._tls_context,
            timeout=limit.greeting,
        )
        self.stage = Stage.CONNECT
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
    def is_usable(self) -> bool:
        return self.client is not None and self.client.is_connected and self.sent < self.route.max_messages

    async def is_alive(self, now: float) -> bool:
        if self.client is None or not self.client.is_connected:
            return False
        if now - self.used_at < _ASK_AFTER:
            return True
        try:
            reply = await self.client.noop(timeout=self.route.timeouts.noop)
        except (aiosmtplib.SMTPException, OSError):
            return False
        return reply.code < 300

    async def carry(self, envelope: Envelope, content: bytes) -> Outcome:
        """One transaction. Raises what aiosmtplib raises; `stage` then tells how far it came."""
        assert self.client is not None
        self.stage = Stage.MAIL
        utf8 = not envelope.recipient.isascii()
        if utf8 and not self.client.supports_extension("smtputf8"):
            return self._outcome(Result.REFUSED, None, "needs SMTPUTF8")
        limit = self.route.timeouts
        options = self._options(content, utf8=utf8)
        reply = await self._command(b"MAIL", b"FROM:<%s>" % envelope.return_path.encode(), *options, timeout=limit.mail)
        if reply.code // 100 != 2:
            return await self._refusal(reply)
        self.stage = Stage.RCPT
        reply = await self._command(b"RCPT", b"TO:<%s>" % envelope.recipient.encode(), timeout=limit.rcpt)
        if reply.code // 100 != 2:
            return await self._refusal(reply)
        self.stage = Stage.DATA
        reply = await self._command(b"DATA", timeout=limit.data)
        if reply.code != 354:
            return await self._refusal(reply)
        return await self._content(content)

    async def _content(self, content: bytes) -> Outcome:
        protocol = self.client.protocol if self.client is not None else None
        if protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("Connection lost after DATA, before the content")
        protocol.write(content)  # raises before the first byte or not at all
        self.stage = Stage.DOT
        reply = await protocol.read_response(timeout=self.route.timeouts.dot)
        if reply.code // 100 == 2:
            self.sent += 1
            return self._outcome(Result.ACCEPTED, reply.code, reply.message, replies.queue_id(reply.message))
        return await self._refusal(reply)

    async def _command(self, *words: bytes, timeout: float) -> SMTPResponse:  # noqa: ASYNC109 - it is the stage's own
        assert self.client is not None
        return await self.client.execute_command(*words, timeout=timeout)

    def _options(self, content: bytes, *, utf8: bool) -> list[bytes]:
        assert self.client is not None
        options = []
        if self.client.supports_extension("size"):
            options.append(b"SIZE=%d" % len(content))
        if utf8:
            options.append(b"SMTPUTF8")
        if not content.isascii() and self.client.supports_extension("8bitmime"):
            options.append(b"BODY=8BITMIME")
        return options

    async def _refusal(self, reply: SMTPResponse) -> Outcome:
        """A reply that is no "go on". Whatever it was, the connection is clean afterwards or closed."""
        stage, code, text = self.stage, reply.code, reply.message
        if code // 100 not in {4, 5}:  # 1xx, 2xx or 3xx where it makes no sense: we no longer understand each other
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
            reply = await self._command(b"RSET", timeout=self.route.timeouts.noop)
        except (aiosmtplib.SMTPException, OSError):
            self.abandon()
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
        if self.client is not None:
            self.client.close()

    def hang_up(self) -> None:
        """Say QUIT and close without waiting for the answer."""
        if self.client is not None and self.client.protocol is not None and self.client.is_connected:
            self.client.protocol.write(b"QUIT\r\n")
        self.abandon()

    async def quit(self) -> None:
        try:
            if self.client is not None and self.client.is_connected:
                await self.client.quit(timeout=self.route.timeouts.noop)
        except (aiosmtplib.SMTPException, OSError):
            pass  # it is gone either way
        finally:
            self.abandon()


def broken(stage: Stage, error: Exception, route: str) -> Outcome:
    """No valid reply came. Before the content nothing was sent; afterwards nobody knows."""
    code = error.code if isinstance(error, aiosmtplib.SMTPResponseException) and error.code > 0 else None
    text = error.message if isinstance(error, aiosmtplib.SMTPResponseException) else f"{type(error).__name__}: {error}"
    return Outcome(
        result=Result.UNCERTAIN if stage is Stage.DOT else Result.UNREACHABLE,
        stage=stage,
        code=code,
        enhanced=replies.enhanced_code(text),
        reply=replies.clean(text),
        route=route,
    )


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
