"""SMTP: one route to one server over a few connections that stay open.

A connection serves up to `max_messages`, one at a time or, where the server takes them so, a stream of them. It is asked
before it is used again after a pause, and is closed when nobody needs it. After a timeout, an end of file or a reply that
makes no sense it is never used again.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque

from mailer.envelope import Envelope
from mailer.transports import Feed, Outcome, P, Parcel, Result, Stage
from mailer.transports.conversation import NoReply
from mailer.transports.manners import Manners, Mode
from mailer.transports.outcomes import unsaid
from mailer.transports.route import Route, Tls
from mailer.transports.session import FAILURES, Session, broken
from mailer.transports.single import Single
from mailer.transports.wire import unsendable

#: How long a connection is done without that the server did not grant.
_WITHHOLD_SECONDS = 60.0


class SmtpTransport:
    """A route's connections. More than `connections` callers wait for their turn."""

    def __init__(
        self, route: Route, *, tls_context: ssl.SSLContext | None = None, manners: Manners | None = None
    ) -> None:
        self.route = route
        self.name = route.name
        self.connections = route.connections
        self._tls_context = tls_context or _tls_context(route)
        self._manners = manners or Manners()
        self._ahead: set[asyncio.Task[None]] = set()  # connections being made before they are needed
        self._goes_ahead = True
        self._turns = asyncio.Semaphore(route.connections)
        self._idle: list[Session] = []
        self._busy = 0  # turns taken
        self._closed = 0  # how often the server had no turn for us at all
        self._withheld: list[asyncio.TimerHandle] = []  # turns that the server did not grant
        self._sweep: asyncio.TimerHandle | None = None

    async def send(self, envelope: Envelope, message: bytes) -> Outcome:
        """Hand over one message. Never raises for anything that a server or a network does."""
        single = Single(Parcel(envelope, (message,)))
        await self.carry(single)
        assert single.outcome is not None
        return single.outcome

    async def carry(self, feed: Feed[P]) -> None:
        """Hand over what the feed has, over one connection after another, until it is over."""
        again: deque[P] = deque()  # what a connection did not get to say
        while (parcel := again.popleft() if again else await feed.next()) is not None:
            try:
                again += await self._pass_on(parcel, feed)
            except BaseException:
                for each in again:
                    feed.settle(each, unsaid(self.name, Stage.MAIL, "stopped before it was handed over"))
                raise

    async def _pass_on(self, parcel: P, feed: Feed[P]) -> list[P]:
        """One message, and over a connection that takes them so as many as come; what it gave back."""
        why_not = unsendable(parcel)
        if why_not is not None:
            feed.settle(parcel, Outcome(result=Result.REFUSED, stage=Stage.RCPT, reply=why_not, route=self.name))
            return []
        outcome: Outcome | None = None
        while True:
            closed = self._closed
            await self._take_turn(parcel, feed)
            self._busy += 1
            give_back = self._turns.release
            try:
                if outcome is not None and closed != self._closed:  # it was found out that the server serves nobody
                    break
                told = await self._send(parcel, feed)
                if isinstance(told, list):
                    return told
                outcome = told
                if not _is_put_off(outcome):
                    break
                if self._busy == 1:  # it is not the number of our connections
                    self._closed += 1
                    self._return_turns()
                    break
                give_back = self._withhold_turn
            finally:
                self._busy -= 1
                give_back()
        feed.settle(parcel, outcome)
        return []

    async def _take_turn(self, parcel: P, feed: Feed[P]) -> None:
        try:
            await self._turns.acquire()
        except asyncio.CancelledError:
            feed.settle(parcel, unsaid(self.name, Stage.CONNECT, "stopped while it waited for a connection"))
            raise

    async def close(self) -> None:
        """Close what is idle; connections in use close when their message is done."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        self._return_turns()
        for task in tuple(self._ahead):
            task.cancel()
        await asyncio.gather(*self._ahead, return_exceptions=True)
        idle, self._idle = self._idle, []
        for session in idle:
            await session.quit()

    async def _send(self, parcel: P, feed: Feed[P]) -> Outcome | list[P]:
        session = await self._fresh_idle()
        if session is not None:
            outcome = await self._carry(session, parcel, feed)
            if isinstance(outcome, list) or not _worn_out(outcome):
                return outcome
        # A server may close an old connection at any time (421, or without a word); that says nothing about the route.
        return await self._carry(Session(self.route, self._tls_context), parcel, feed)

    async def _carry(self, session: Session, parcel: P, feed: Feed[P]) -> Outcome | list[P]:
        """The message's outcome; or, where it and others went as they came, all are settled but those given back."""
        is_settled = False
        try:
            if not session.is_open:
                await session.open(self._manners)
            if session.mode is Mode.SEQUENTIAL:
                outcome: Outcome | list[P] = await session.carry(parcel.envelope, parcel.message)
            else:
                is_settled = True
                outcome = await session.stream(feed, parcel, self._manners, self._go_ahead)
        except FAILURES as error:
            session.abandon()
            if is_settled:
                raise
            return broken(session, error)
        except BaseException:  # cancelled: what the server has read so far is unknown, the connection must not be used
            session.abandon()
            if not is_settled:
                feed.settle(parcel, broken(session, NoReply("stopped while the message was handed over")))
            raise
        if session.is_usable:
            self._keep(session)
        elif isinstance(outcome, list):
            session.hang_up()
        else:
            await session.quit()
        return outcome

    def _go_ahead(self) -> None:
        """A connection will soon have carried all that it may: make the next one meanwhile."""
        if self._goes_ahead:
            task = asyncio.get_running_loop().create_task(self._open_ahead())
            self._ahead.add(task)
            task.add_done_callback(self._ahead.discard)

    async def _open_ahead(self) -> None:
        session = Session(self.route, self._tls_context)
        try:
            await session.open(self._manners)
        except FAILURES:
            self._goes_ahead = False  # one more than it grants at a time, perhaps: then each waits for the one before
            session.abandon()
        else:
            self._keep(session)

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
