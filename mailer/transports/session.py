"""One SMTP session, command by command, so that we always know how far it came.

aiosmtplib opens it (connect, EHLO, STARTTLS, EHLO again, AUTH); from there on we hold the conversation ourselves and note
the stage of each command, because its `sendmail` raises the same "Unexpected EOF received" whether the connection fell
before the content, in the middle of it, or after the final dot: the first may be sent again, the others may have arrived.

    MAIL FROM:<b+1f-...@bounces.example.org>     nothing of the message has left: `unreachable`, retried at no cost
    RCPT TO:<reader@example.org>
    DATA                                         354
    ...content, CRLF.CRLF                        from the first byte on only a valid reply ends the doubt: `uncertain`

That is one command at a time, which every server understands. `mailer.transports.stream` is for those that can do more.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

import aiosmtplib

from mailer import replies
from mailer.envelope import Envelope
from mailer.transports import Feed, Outcome, P, Result, Stage
from mailer.transports.conversation import Conversation, NoReply, Reply
from mailer.transports.manners import Manners, Mode
from mailer.transports.offers import Offers
from mailer.transports.outcomes import outcome, refused
from mailer.transports.route import Route, Tls
from mailer.transports.stream import Stream
from mailer.transports.trip import Terms
from mailer.transports.wire import wire

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
        self.offers = Offers({}, route.name)
        self.mode = Mode.SEQUENTIAL
        self._talk: Conversation | None = None

    async def open(self, manners: Manners) -> None:
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
        self.offers = Offers(client.esmtp_extensions, route.name)
        self.mode = manners.mode(route, client.esmtp_extensions)
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
            reply = await self._ask(b"NOOP\r\n", self.route.timeouts.noop)
        except NoReply:
            return False
        return reply.code < 300

    async def carry(self, envelope: Envelope, message: bytes) -> Outcome:
        """One transaction, command by command. Raises NoReply; `stage` then tells how far it came."""
        limit = self.route.timeouts
        content = wire(message)
        self.stage = Stage.MAIL
        if objection := self.offers.objection(envelope, len(content)):
            return objection
        mail = self.offers.mail(envelope, len(content), is_ascii=content.isascii())
        reply = await self._ask(mail, limit.mail)
        if reply.code // 100 != 2:
            return await self._refusal(reply)
        self.stage = Stage.RCPT
        reply = await self._ask(self.offers.rcpt(envelope), limit.rcpt)
        if reply.code // 100 != 2:
            return await self._refusal(reply)
        self.stage = Stage.DATA
        reply = await self._ask(b"DATA\r\n", limit.data)
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
            return outcome(Result.ACCEPTED, Stage.DOT, reply.code, reply.text, self.route.name)
        return await self._refusal(reply)

    async def stream(self, feed: Feed[P], first: P, manners: Manners, nearly_full: Callable[[], object]) -> list[P]:
        """Messages without waiting for each reply, until the feed has no more or the connection takes no more.

        All are settled, but for those given back: nothing of them was said, or the host cannot do this.
        """
        assert self._talk is not None
        terms = Terms(
            route=self.route,
            mode=self.mode,
            offers=self.offers,
            manners=manners,
            room=self.route.max_messages - self.sent,
            was_used=self.sent > 0,
            nearly_full=nearly_full,
        )
        stream = Stream(self._talk.transport, feed, terms)
        try:
            await stream.run(first)
        finally:
            self.sent += stream.handed_over
            if stream.is_clean:
                self._talk.resume()
            else:
                self._talk.drop()
        return stream.given_back

    async def _ask(self, command: bytes, within: float) -> Reply:
        assert self._talk is not None
        return await self._talk.ask(command, within)

    async def _refusal(self, reply: Reply) -> Outcome:
        """A reply that is no "go on". Whatever it was, the connection is clean afterwards or closed."""
        told = refused(self.stage, reply.code, reply.text, self.route.name)
        if told.result not in {Result.DEFERRED, Result.REFUSED}:
            self.abandon()
        elif self.stage is not Stage.DOT:
            await self._reset()
        return told

    async def _reset(self) -> None:
        """RSET after a refusal before the content. (After the dot the transaction is over: RFC 5321 4.1.1.4.)"""
        try:
            reply = await self._ask(b"RSET\r\n", self.route.timeouts.noop)
        except NoReply:
            return
        if reply.code // 100 != 2:
            self.abandon()

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
            await self._ask(b"QUIT\r\n", self.route.timeouts.noop)
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
