"""SMTP: one route to one server over a few connections that stay open.

A connection serves one message at a time, up to `max_messages` of them, is asked before it is used again after a pause,
and is closed when nobody needs it. After a timeout, an end of file or a reply that makes no sense it is never used again.
"""

from __future__ import annotations

import asyncio
import ssl

from mailer.envelope import Envelope
from mailer.transports import Outcome, Result, Stage
from mailer.transports.route import Route, Tls
from mailer.transports.session import FAILURES, Session, broken, unsendable, wire

#: How long a connection is done without that the server did not grant.
_WITHHOLD_SECONDS = 60.0


class SmtpTransport:
    """A route's connections. More than `connections` callers wait for their turn."""

    def __init__(self, route: Route, *, tls_context: ssl.SSLContext | None = None) -> None:
        self.route = route
        self.name = route.name
        self.connections = route.connections
        self._tls_context = tls_context or _tls_context(route)
        self._turns = asyncio.Semaphore(route.connections)
        self._idle: list[Session] = []
        self._busy = 0  # turns taken
        self._closed = 0  # how often the server had no turn for us at all
        self._withheld: list[asyncio.TimerHandle] = []  # turns that the server did not grant
        self._sweep: asyncio.TimerHandle | None = None

    async def send(self, envelope: Envelope, message: bytes) -> Outcome:
        """Hand over one message. Never raises for anything that a server or a network does."""
        why_not = unsendable(envelope, message)
        if why_not is not None:
            return Outcome(result=Result.REFUSED, stage=Stage.RCPT, reply=why_not, route=self.name)
        content = wire(message)
        outcome = None
        while True:
            closed = self._closed
            await self._turns.acquire()
            self._busy += 1
            give_back = self._turns.release
            try:
                if outcome is not None and closed != self._closed:
                    return outcome  # meanwhile it was found out that the server serves nobody
                outcome = await self._send(envelope, content)
                if not _is_put_off(outcome):
                    return outcome
                if self._busy == 1:  # it is not the number of our connections
                    self._closed += 1
                    self._return_turns()
                    return outcome
                give_back = self._withhold_turn
            finally:
                self._busy -= 1
                give_back()

    async def close(self) -> None:
        """Close what is idle; connections in use close when their message is done."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        self._return_turns()
        idle, self._idle = self._idle, []
        for session in idle:
            await session.quit()

    async def _send(self, envelope: Envelope, content: bytes) -> Outcome:
        session = await self._fresh_idle()
        if session is not None:
            outcome = await self._carry(session, envelope, content)
            if not _worn_out(outcome):
                return outcome
        # A server may close an old connection at any time (421, or without a word); that says nothing about the route.
        return await self._carry(Session(self.route, self._tls_context), envelope, content)

    async def _carry(self, session: Session, envelope: Envelope, content: bytes) -> Outcome:
        try:
            if not session.is_open:
                await session.open()
            outcome = await session.carry(envelope, content)
        except FAILURES as error:
            session.abandon()
            return broken(session, error)
        except (
            BaseException
        ):  # cancelled: what the server has read so far is unknown, the connection must not be used again
            session.abandon()
            raise
        if session.is_usable:
            self._keep(session)
        else:
            await session.quit()
        return outcome

    def _withhold_turn(self) -> None:
        """One connection fewer for a while, since the server serves us on others; the message waits for one of them."""
        self._withheld.append(asyncio.get_running_loop().call_later(_WITHHOLD_SECONDS, self._return_turn))

    def _return_turn(self) -> None:
        self._withheld.pop(0)
        self._turns.release()

    def _return_turns(self) -> None:
        for timer in self._withheld:
            timer.cancel()
            self._turns.release()
        self._withheld.clear()

    def _keep(self, session: Session) -> None:
        loop = asyncio.get_running_loop()
        session.used_at = loop.time()
        self._idle.append(session)
        if self._sweep is None:
            self._sweep = loop.call_later(self.route.idle_seconds, self._close_idle)

    def _close_idle(self) -> None:
        loop = asyncio.get_running_loop()
        since = loop.time() - self.route.idle_seconds
        old = [session for session in self._idle if session.used_at <= since]
        self._idle = [session for session in self._idle if session.used_at > since]
        for session in old:
            session.hang_up()
        waits = min((session.used_at - since for session in self._idle), default=None)
        self._sweep = None if waits is None else loop.call_later(max(waits, 0.1), self._close_idle)

    async def _fresh_idle(self) -> Session | None:
        """The connection used last, if it still answers; the others cool down and are closed."""
        while self._idle:
            session = self._idle.pop()
            if await session.is_alive(asyncio.get_running_loop().time()):
                return session
            session.abandon()
        return None


def _tls_context(route: Route) -> ssl.SSLContext | None:
    """One for all connections: reading the system's authorities takes longer than a handshake."""
    if route.tls is Tls.NONE:
        return None
    return ssl.create_default_context(cafile=None if route.trusted_ca is None else str(route.trusted_ca))


def _is_put_off(outcome: Outcome) -> bool:
    """421 and the like for a greeting: not now, or not so many connections."""
    return outcome.stage is Stage.CONNECT and outcome.code is not None and outcome.code < 500


def _worn_out(outcome: Outcome) -> bool:
    """Whether a kept connection turned out to be dead before anything of the message was said over it."""
    return outcome.result is Result.UNREACHABLE and outcome.stage is Stage.MAIL and outcome.code in {None, 421}
