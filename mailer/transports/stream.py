"""A stream: messages over one open connection without a pause for each reply, where the server can do that.

    PIPELINING   MAIL RCPT DATA | content MAIL RCPT DATA | content ...     one round trip a message, at most one in doubt
    CHUNKING     MAIL RCPT | BDAT content, RSET MAIL RCPT BDAT content, ...     a window of messages a round trip

Until the content's first byte leaves nothing is in doubt; a connection that ends leaves every content without a reply in
doubt, each by its name. The first message of a stream waits for its RCPT: so a connection that the server gave up unseen
costs no doubt, and a host that has yet to show that it understands is given one message, not a window.

    a refused RCPT, and 354 to the DATA that was said along     an empty message ends it: the server has nobody to give it to
    a refused message in a window                               RSET in front of each keeps the next ones clean
    421                                                         nothing new is said; what is on its way may still be answered
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from mailer.transports import Feed, Outcome, P, Result, Stage
from mailer.transports.manners import Manners, Mode
from mailer.transports.offers import Offers
from mailer.transports.outcomes import lost, outcome, refused, unsaid
from mailer.transports.reader import Reader
from mailer.transports.route import Route
from mailer.transports.wire import canonical, stuffed, unsendable


class Step(enum.Enum):
    """What a reply is expected to."""

    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"
    EMPTY = "empty"  # the end of a message that nobody is to get
    RESET = "reset"


#: What the server says to BDAT when it does not know it, whatever it had offered.
_UNKNOWN_COMMAND = range(500, 505)
#: More than a window of messages may wait in our own memory before we are told to wait.
_BUFFER = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a stream may do."""

    route: Route
    mode: Mode
    offers: Offers
    manners: Manners
    room: int  # messages that the connection still takes
    was_used: bool  # it has carried messages before
    nearly_full: Callable[[], object]  # called once when the next connection had better be made

    @property
    def window(self) -> int:
        return self.route.window if self.mode is Mode.CHUNKING else 1


@dataclass(slots=True, eq=False)
class _Trip(Generic[P]):
    """One message's way over the connection."""

    parcel: P
    content: bytes
    stage: Stage = Stage.MAIL  # the first that has no good reply yet
    has_left: bool = False  # the content's first byte, as far as we know
    refusal: Outcome | None = None


class Stream(Reader[Step, "_Trip[P] | None"], Generic[P]):
    """Takes over a connection on which everything said before has been answered."""

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
        self._trips: dict[_Trip[P], None] = {}  # under way, in their order
        self._held: _Trip[P] | None = None  # waits for a reply before its content may leave
        self._ready: _Trip[P] | None = None  # has that reply
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
    def _wake(self) -> bool:
        """Messages have come: take one, if there is room for it."""
        return self._has_room() and self._go(self._feed.take(), most=1)

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
        objection = self._objection(parcel)
        content = parcel.message if parcel.is_canonical else canonical(parcel.message)
        if terms.mode is Mode.PIPELINING:
            content = (content if parcel.is_canonical else stuffed(content)) + b".\r\n"
        objection = objection or terms.offers.objection(parcel.envelope, content)
        if objection is not None:
            self._feed.settle(parcel, objection)
            return False
        trip = _Trip(parcel, content)
        if self._must_reset or (self._trips and terms.mode is Mode.CHUNKING):
            self._must_reset = False
            self.expected.append((Step.RESET, None))
            words.append(b"RSET\r\n")
        words.append(terms.offers.mail(parcel.envelope, content))
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

    def _say_content(self, trip: _Trip[P], words: list[bytes]) -> None:
        if self._terms.mode is Mode.CHUNKING:
            words.append(b"BDAT %d LAST\r\n" % len(trip.content))
        words.append(trip.content)
        trip.has_left = True
        self.expected.append((Step.CONTENT, trip))

    def _objection(self, parcel: P) -> Outcome | None:
        why_not = unsendable(parcel.envelope, parcel.message)
        if why_not is None:
            return None
        return Outcome(result=Result.REFUSED, stage=Stage.RCPT, reply=why_not, route=self._terms.route.name)

    # --- what is heard ----------------------------------------------------------------------------------------------
    def heard(self, step: Step, whose: _Trip[P] | None, code: int, text: str) -> None:
        if whose is None:  # RSET, or the end of an empty message: it had nobody, whatever the server says
            self._closing = self._closing or code == 421
            if code // 100 == 3 or (step is Step.RESET and code // 100 != 2 and code != 421):
                self._babble(step, code, text)
        elif code // 100 == 3 and (step is not Step.DATA or code != 354):
            self._babble(step, code, text)
        elif step is Step.MAIL:
            self._heard_mail(whose, code, text)
        elif step is Step.RCPT:
            self._heard_rcpt(whose, code, text)
        elif step is Step.DATA:
            self._heard_data(whose, code, text)
        else:
            self._heard_content(whose, code, text)

    def _heard_mail(self, trip: _Trip[P], code: int, text: str) -> None:
        if code < 300:
            trip.stage = Stage.RCPT
        else:
            self._refused(trip, code, text)

    def _heard_rcpt(self, trip: _Trip[P], code: int, text: str) -> None:
        if code < 300 and trip.refusal is not None:  # a recipient, for a sender that was refused
            self._babble(Step.RCPT, code, text)
            return
        if code < 300:
            trip.stage = Stage.DATA
        else:
            self._refused(trip, code, text)
        if self._held is trip and self._terms.mode is Mode.CHUNKING:  # the first: its content has waited for this
            self._held = None
            if trip.refusal is not None:
                self._conclude(trip, trip.refusal)
            else:
                self._ready = trip
                self._is_careful = not self._terms.manners.is_proven(self._terms.route, self._terms.mode)

    def _heard_data(self, trip: _Trip[P], code: int, text: str) -> None:
        self._held = None
        if code < 300:
            self._babble(Step.DATA, code, text)
        elif code == 354 and trip.refusal is None:
            self._ready = trip
        else:
            self._must_end_nothing = code == 354
            self._refused(trip, code, text)
            assert trip.refusal is not None
            self._conclude(trip, trip.refusal)

    def _heard_content(self, trip: _Trip[P], code: int, text: str) -> None:
        terms = self._terms
        if code >= 400 and not (self._is_unknown(code) and trip.refusal is None):
            trip.stage = Stage.DOT
            self._refused(trip, code, text)
            assert trip.refusal is not None
            self._conclude(trip, trip.refusal)
        elif code >= 400 or trip.refusal is not None or text.startswith("2.1."):  # the last would be about an address
            trip.has_left = code < 400  # else it did, but the server says that it made nothing of it
            self._babble(Step.CONTENT, code, text)
        else:
            self.handed_over += 1
            self._is_careful = False
            terms.manners.worked(terms.route, terms.mode)
            self._conclude(trip, outcome(Result.ACCEPTED, Stage.DOT, code, text, terms.route.name))

    def _is_unknown(self, code: int) -> bool:
        return self._terms.mode is Mode.CHUNKING and code in _UNKNOWN_COMMAND

    def _refused(self, trip: _Trip[P], code: int, text: str) -> None:
        """It counts when the replies to all of the message's commands have come: until then one may be a stray."""
        if trip.stage is not Stage.DOT or self._terms.mode is Mode.CHUNKING:
            self._must_reset = True
        if trip.refusal is None:
            trip.refusal = refused(trip.stage, code, text, self._terms.route.name)
            self._closing = self._closing or trip.refusal.result is Result.UNREACHABLE

    def _babble(self, step: Step, code: int, text: str) -> None:
        self.end(f"{code} makes no sense at {step.value}: {text}", babble=True)

    # --- what becomes of it -----------------------------------------------------------------------------------------
    def _conclude(self, trip: _Trip[P], told: Outcome) -> None:
        del self._trips[trip]
        if told.code == 421 and told.stage is Stage.MAIL and self._is_worn:
            self.given_back.append(trip.parcel)
        else:
            self._feed.settle(trip.parcel, told)

    @property
    def _is_worn(self) -> bool:
        """Whether the connection is an old one: that the server gives it up says nothing about a message."""
        return self._terms.was_used or self.handed_over > 0

    def over(self, why: str, *, babble: bool) -> None:
        again = not self._stopped and self._judges_host(why, babble=babble)
        trips, self._trips = self._trips, {}
        for place, trip in enumerate(trips):
            # Behind another nothing of it was answered: what broke the connection was not this message.
            behind = not self._stopped and trip.stage is Stage.MAIL and (self._is_worn or place > 0)
            self._abandoned(trip, why, again=again or behind, babble=babble)
        self.expected.clear()
        self._held = self._ready = None
        if not self._done.done():
            self._done.set_result(None)

    def _judges_host(self, why: str, *, babble: bool) -> bool:
        """Whether it is how we speak that the host may not understand."""
        terms = self._terms
        if babble:
            terms.manners.misbehaved(terms.route, terms.mode, why)
            return True
        if not self._trips or self._closing:
            return False
        hangs = (
            why.startswith("no reply")
            and bool(self.expected)
            and self.expected[0][0] in {Step.MAIL, Step.RCPT, Step.DATA}
        )
        if hangs or not (self._is_worn or terms.manners.is_proven(terms.route, terms.mode)):
            terms.manners.is_suspect(terms.route, terms.mode, why)
            return True
        return False

    def _abandoned(self, trip: _Trip[P], why: str, *, again: bool, babble: bool) -> None:
        name = self._terms.route.name
        if trip.refusal is not None and not babble:
            self._trips[trip] = None
            self._conclude(trip, trip.refusal)
        elif trip.has_left:
            self._feed.settle(trip.parcel, lost(name, why))
        elif again:
            self.given_back.append(trip.parcel)
        else:
            self._feed.settle(trip.parcel, unsaid(name, trip.stage, why))
