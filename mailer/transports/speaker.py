"""What is said on a stream: as much as the mode, the replies so far and the connection's room allow."""

from __future__ import annotations

import asyncio
from typing import Generic

from mailer.transports import Feed, Outcome, P, Result, Stage
from mailer.transports.manners import Mode
from mailer.transports.outcomes import unsaid
from mailer.transports.reader import Reader
from mailer.transports.trip import Step, Terms, Trip
from mailer.transports.wire import canonical, stuffed, unsendable

#: More than a window of messages may wait in our own memory before we are told to wait.
_BUFFER = 1024 * 1024


class Speaker(Reader[Step, "Trip[P] | None"], Generic[P]):
    """What a stream says, and when; `Stream` hears what is answered."""

    def __init__(self, transport: asyncio.Transport, feed: Feed[P], terms: Terms) -> None:
        limit = terms.route.timeouts
        limits = {
            Step.MAIL: limit.mail,
            Step.RCPT: limit.rcpt,
            Step.DATA: limit.data,
            Step.CONTENT: limit.dot,
            Step.EMPTY: limit.dot,
            Step.RESET: limit.mail,
        }
        super().__init__(transport, limits)
        self.handed_over = 0
        self.given_back: list[P] = []
        self._feed = feed
        self._terms = terms
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._room = terms.room
        self._ahead = min(terms.room // 2, 4 * terms.window)  # messages before the last, for the next connection's sake
        self._trips: dict[Trip[P], None] = {}  # under way, in their order
        self._held: Trip[P] | None = None  # waits for a reply before its content may leave
        self._ready: Trip[P] | None = None  # has that reply
        self._is_careful = True  # one message at a time
        self._must_reset = False
        self._must_end_nothing = False  # 354, for nobody
        self._closing = False
        self._stopped = False

    async def run(self, first: P) -> None:
        """Until the feed has nothing more, or the connection takes no more."""
        self.transport.set_write_buffer_limits(high=_BUFFER)
        self.begin()
        self._feed.listen(self._wake)
        try:
            if self.ended is None:
                self._go(first)
            elif self._is_worn:
                self.given_back.append(first)
            else:
                self._feed.settle(first, unsaid(self._terms.route.name, Stage.MAIL, self.ended))
            await self._done
        except BaseException:
            self._stopped = True
            self.end("stopped while the message was handed over")
            raise
        finally:
            self._feed.leave(self._wake)
            self.finish()

    # --- what is said -----------------------------------------------------------------------------------------------
    def _wake(self, most: int) -> bool:
        """Messages have come: take up to so many, as far as there is room for them."""
        return self._has_room() and self._go(self._feed.take(), most=most)

    def caught_up(self) -> None:
        self._go(None)

    def idle(self) -> None:
        self._finish()

    def _finish(self) -> None:
        """Leave the connection as one that has just been opened."""
        if self._must_reset and not self._closing:
            self._must_reset = False
            self.expected.append((Step.RESET, None))
            self.say(b"RSET\r\n")
        elif not self._done.done():
            self._done.set_result(None)

    @property
    def is_clean(self) -> bool:
        """Whether all is answered, and the connection may be used again."""
        return self.ended is None and not self._closing

    def _go(self, first: P | None, *, most: int = 10_000) -> bool:
        """Say what may be said, in one write; whether a message was taken."""
        words: list[bytes] = []
        if self._must_end_nothing:
            self._must_end_nothing = False
            self.expected.append((Step.EMPTY, None))
            words.append(b".\r\n")
        if self._ready is not None:
            trip, self._ready = self._ready, None
            self._say_content(trip, words)
        taken, parcel = 0, first
        while taken < most and (parcel is not None or self._has_room()):
            parcel = parcel or self._feed.take()
            if parcel is None:
                break
            taken += self._set_out(parcel, words)
            parcel = None
        if words:
            self.say(b"".join(words))
        elif self._is_quiet() and (self._feed.is_over or self._room <= 0 or self._closing):
            self._finish()
        return taken > 0

    def _is_quiet(self) -> bool:
        return not self.expected and self._ready is None and not self._must_end_nothing

    def _has_room(self) -> bool:
        if self._closing or self.is_paused or self._room <= 0 or self.ended is not None or self._done.done():
            return False
        if self._held is not None:
            return False
        if self._terms.mode is Mode.PIPELINING:
            return not self._must_end_nothing and not (self.expected and self.expected[-1][0] is Step.EMPTY)
        return len(self._trips) < (1 if self._is_careful else self._terms.window)

    def _set_out(self, parcel: P, words: list[bytes]) -> bool:
        terms = self._terms
        content = parcel.pieces if parcel.is_canonical else (self._as_said(parcel.message),)
        trip = Trip(parcel, content, sum(map(len, content)))
        objection = self._objection(parcel) or terms.offers.objection(parcel.envelope, trip.size)
        if objection is not None:
            self._feed.settle(parcel, objection)
            return False
        if self._must_reset or (self._trips and terms.mode is Mode.CHUNKING):
            self._must_reset = False
            self.expected.append((Step.RESET, None))
            words.append(b"RSET\r\n")
        is_ascii = parcel.is_canonical or content[0].isascii()
        words.append(terms.offers.mail(parcel.envelope, trip.size, is_ascii=is_ascii))
        words.append(terms.offers.rcpt(parcel.envelope))
        self.expected.append((Step.MAIL, trip))
        self.expected.append((Step.RCPT, trip))
        self._trips[trip] = None
        self._room -= 1
        if self._room == self._ahead and self._ahead and not self._feed.is_over:
            terms.nearly_full()
        if terms.mode is Mode.PIPELINING:
            words.append(b"DATA\r\n")
            self.expected.append((Step.DATA, trip))
            self._held = trip
        elif self._is_careful:
            self._held = trip
        else:
            self._say_content(trip, words)
        return True

    def _say_content(self, trip: Trip[P], words: list[bytes]) -> None:
        if self._terms.mode is Mode.CHUNKING:
            words.append(b"BDAT %d LAST\r\n" % trip.size)
            words += trip.content
        else:
            words += trip.content
            words.append(b".\r\n")
        trip.has_left = True
        self.expected.append((Step.CONTENT, trip))

    def _as_said(self, message: bytes) -> bytes:
        """A message whose making promises nothing."""
        content = canonical(message)
        return stuffed(content) if self._terms.mode is Mode.PIPELINING else content

    def _objection(self, parcel: P) -> Outcome | None:
        why_not = unsendable(parcel)
        if why_not is None:
            return None
        return Outcome(result=Result.REFUSED, stage=Stage.RCPT, reply=why_not, route=self._terms.route.name)

    @property
    def _is_worn(self) -> bool:
        """Whether the connection is an old one: that the server gives it up says nothing about a message."""
        return self._terms.was_used or self.handed_over > 0
