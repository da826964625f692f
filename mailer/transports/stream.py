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

from dataclasses import replace

from mailer.transports import Outcome, P, Result, Stage
from mailer.transports.manners import Mode
from mailer.transports.outcomes import lost, outcome, refused, unsaid
from mailer.transports.speaker import Speaker
from mailer.transports.trip import Step, Trip

#: What the server says to BDAT when it does not know it, whatever it had offered.
_UNKNOWN_COMMAND = range(500, 505)


class Stream(Speaker[P]):
    """Takes over a connection on which everything said before has been answered."""

    # --- what is heard ----------------------------------------------------------------------------------------------
    def heard(self, step: Step, whose: Trip[P] | None, code: int, text: str) -> None:
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

    def _heard_mail(self, trip: Trip[P], code: int, text: str) -> None:
        if code < 300:
            trip.stage = Stage.RCPT
        else:
            self._refused(trip, code, text)

    def _heard_rcpt(self, trip: Trip[P], code: int, text: str) -> None:
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

    def _heard_data(self, trip: Trip[P], code: int, text: str) -> None:
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

    def _heard_content(self, trip: Trip[P], code: int, text: str) -> None:
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

    def _refused(self, trip: Trip[P], code: int, text: str) -> None:
        """It counts when the replies to all of the message's commands have come: until then one may be a stray."""
        if trip.stage is not Stage.DOT or self._terms.mode is Mode.CHUNKING:
            self._must_reset = True
        if trip.refusal is None:
            trip.refusal = refused(trip.stage, code, text, self._terms.route.name)
            self._closing = self._closing or trip.refusal.result is Result.UNREACHABLE

    def _babble(self, step: Step, code: int, text: str) -> None:
        self.end(f"{code} makes no sense at {step.value}: {text}", babble=True)

    # --- what becomes of it -----------------------------------------------------------------------------------------
    def _conclude(self, trip: Trip[P], told: Outcome) -> None:
        del self._trips[trip]
        if told.code == 421 and told.stage is Stage.MAIL and self._is_worn:
            self.given_back.append(trip.parcel)
        else:
            self._feed.settle(trip.parcel, told)

    def over(self, why: str, *, babble: bool) -> None:
        again = not self._stopped and self._judges_host(why, babble=babble)
        trips, self._trips = self._trips, {}
        is_told = False
        for place, trip in enumerate(trips):
            # Behind another nothing of it was answered: what broke the connection was not this message.
            behind = not self._stopped and trip.stage is Stage.MAIL and (self._is_worn or place > 0)
            broken = self._abandoned(trip, why, again=again or behind, babble=babble)
            if broken is not None:
                self._feed.settle(trip.parcel, replace(broken, is_further=is_told))
                is_told = True
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

    def _abandoned(self, trip: Trip[P], why: str, *, again: bool, babble: bool) -> Outcome | None:
        """What the end of the connection is for this message; None where it is something else, or nothing."""
        name = self._terms.route.name
        if trip.refusal is not None and not babble:
            self._trips[trip] = None
            self._conclude(trip, trip.refusal)
        elif trip.has_left:
            return lost(name, why)
        elif again:
            self.given_back.append(trip.parcel)
        else:
            return unsaid(name, trip.stage, why)
        return None
