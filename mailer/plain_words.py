"""Plain words: what a server's answer means to somebody who runs a newsroom's mail, not a mail server.

    550 5.1.1 <r@example.org>: Recipient address rejected: User unknown
    -> "No such address": the mailbox does not exist. The reader's. Never mailed again until somebody lifts it.

Pure: what is decided about an answer is decided in `mailer.replies` and `mailer.bounces.verdicts`; here it is told.
The sentences are English and marked for the catalogue; a page translates them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from mailer import replies
from mailer.bounces import verdicts
from mailer.bounces.phrases import Reason
from mailer.replies import ReplyClass
from mailer.transports import Stage


def N_(sentence: str) -> str:  # noqa: N802 - the name that gettext's tools look for
    """Mark a sentence for the catalogue."""
    return sentence


class Whose(enum.StrEnum):
    """Whose problem it is."""

    ADDRESS = "address"  # this one mailbox
    DOMAIN = "domain"  # the receiving server, for everybody there
    US = "us"  # our server, our name, our way out
    MESSAGE = "message"  # what we wrote
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainWords:
    title: str
    meaning: str
    whose: Whose
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer as it is kept: by the ledger, by the attempts' log or by a report."""

    text: str = ""
    code: int | None = None
    enhanced: str | None = None
    stage: str | None = None
    outcome: str = "failed"  # deferred | failed | uncertain | unreachable
    reason: str | None = None  # why the ledger says so


_SUPPRESSED = N_("The address is suppressed: nothing more is sent there until somebody lifts that.")
_AGAIN = N_("We try again by ourselves, with growing pauses, until the letter's lifetime ends.")
_KEPT = N_("This letter is not tried again. The reader keeps the subscription and gets the next one.")
_PUT_RIGHT = N_("The reader is not to blame and keeps the subscription. Put the cause right before the next issue.")
_ROUTE = N_("No attempt is counted and no reader is touched: the route rests a while and is tried again.")

_TOLD: Mapping[Reason, tuple[str, str, Whose]] = {
    Reason.NO_SUCH_USER: (
        N_("No such address"),
        N_("The receiving server knows no mailbox of this name. It was mistyped, or is gone."),
        Whose.ADDRESS,
    ),
    Reason.NO_SUCH_HOST: (
        N_("No such domain"),
        N_("The part after the @ cannot be found, or takes no mail."),
        Whose.DOMAIN,
    ),
    Reason.MOVED: (
        N_("Moved away"),
        N_("The mailbox has moved and left no way to follow."),
        Whose.ADDRESS,
    ),
    Reason.DISABLED: (
        N_("Mailbox disabled"),
        N_("The mailbox exists and is locked or asleep."),
        Whose.ADDRESS,
    ),
    Reason.MAILBOX_FULL: (
        N_("Mailbox full"),
        N_("There is no room for more mail. Its owner may not have looked for a long time."),
        Whose.ADDRESS,
    ),
    Reason.TOO_BIG: (
        N_("Too large"),
        N_("The message is larger than they take."),
        Whose.MESSAGE,
    ),
    Reason.CONTENT: (
        N_("Refused for what it says"),
        N_("They refuse this message: it looks like spam to them, or something in it is malformed."),
        Whose.MESSAGE,
    ),
    Reason.POLICY: (
        N_("They refuse us"),
        N_("Our server or our name is blocked, not trusted, or not authenticated as they want it."),
        Whose.US,
    ),
    Reason.RATE: (
        N_("Too much at once"),
        N_("They want us to send more slowly, or to come again later."),
        Whose.US,
    ),
    Reason.EXPIRED: (
        N_("Time ran out"),
        N_("It was tried until the time for it was over."),
        Whose.DOMAIN,
    ),
    Reason.NETWORK: (
        N_("No way through"),
        N_("Their server could not be reached, or the mail went in a circle."),
        Whose.DOMAIN,
    ),
    Reason.SYSTEM: (
        N_("Trouble on their side"),
        N_("Their server is broken, overloaded or not set up."),
        Whose.DOMAIN,
    ),
    Reason.OTHER: (
        N_("Refused, no reason we know"),
        N_("The answer says no, in words that we cannot read. The raw reply is all there is."),
        Whose.DOMAIN,
    ),
}

_IN_DOUBT = PlainWords(
    title=N_("In doubt"),
    meaning=N_("The message had begun to leave and no valid answer came. It may have arrived, or not."),
    whose=Whose.NOBODY,
    next=N_("We wait for evidence; after that the letter's rule decides: send once more, take it as sent, or hold it."),
)
_CRASHED = PlainWords(
    title=N_("In doubt after a stop"),
    meaning=N_("Broadsheet stopped at the moment when this was being handed over. It may have arrived, or not."),
    whose=Whose.US,
    next=_IN_DOUBT.next,
)
_UNREACHABLE = PlainWords(
    title=N_("Nobody answered"),
    meaning=N_("The mail server that we send through could not be reached, or broke off before it had the message."),
    whose=Whose.US,
    next=_ROUTE,
)
_ROUTE_REFUSED = PlainWords(
    title=N_("Our mail server refuses us"),
    meaning=N_("The server that we send through does not let us in: a wrong password, or no service for now."),
    whose=Whose.US,
    next=_ROUTE,
)
_SENDER_REFUSED = PlainWords(
    title=N_("Our sender address is refused"),
    meaning=N_("They do not take mail from our sender address, whoever it is for."),
    whose=Whose.US,
    next=N_(
        "After five such answers in a row the issue is paused. Put it right with whoever runs the server; then resume."
    ),
)
_UNWRITABLE = PlainWords(
    title=N_("Could not be written"),
    meaning=N_("This one message could not be made from the letter and the reader's data. Nothing left."),
    whose=Whose.US,
    next=N_("It is not tried again. The reason below says what is wrong."),
)
_EXPIRED = PlainWords(
    title=N_("Time ran out"),
    meaning=N_("They kept asking us to come again, until the letter's lifetime was over. Their last answer is below."),
    whose=Whose.DOMAIN,
    next=_KEPT,
)


def reason_of(said: Said) -> Reason:
    """What an answer is about, by its code and its words; one word for pages and figures alike."""
    if said.stage == Stage.MAIL and said.code is not None:
        return Reason.TOO_BIG if said.enhanced == "5.3.4" else Reason.POLICY
    found = verdicts.judge(said.enhanced or "", said.text).reason
    if found is not Reason.OTHER:
        return found
    kind = _kind(said)
    return _BY_KIND.get(kind, Reason.OTHER) if kind is not None else Reason.OTHER


def explain(said: Said) -> PlainWords:
    """An attempt that did not end in acceptance, in plain words."""
    if said.outcome == "uncertain":
        return _CRASHED if said.text == "crash" else _IN_DOUBT
    if said.stage == "build":
        return _UNWRITABLE
    kind = _kind(said)
    if said.outcome == "unreachable" or kind is ReplyClass.ROUTE:
        return _UNREACHABLE if said.code is None else _ROUTE_REFUSED
    if said.stage == Stage.MAIL and kind is ReplyClass.POLICY:
        return _SENDER_REFUSED
    if said.reason == "expired":
        return _EXPIRED
    return _told(reason_of(said), _what_next(said, kind))


def explain_report(reason: str, kind: str, *, is_delayed: bool = False, suppressed: bool = False) -> PlainWords:
    """A report that came back after acceptance, in plain words; `suppressed` is whether it ended mail to the address."""
    if kind == "complaint":
        return PlainWords(
            title=N_("Marked as spam"),
            meaning=N_("The reader pressed “spam”, and their provider told us."),
            whose=Whose.ADDRESS,
            next=N_("The address is suppressed and every subscription of the reader has ended."),
        )
    if is_delayed:
        return _told(_known(reason), N_("The next server keeps trying. There is nothing to do."))
    if suppressed:
        return _told(_known(reason), _SUPPRESSED)
    if kind == "hard":
        return _told(_known(reason), N_("It is noted. If it happens again after some days the address is suppressed."))
    if kind == "policy":
        return _told(_known(reason), _PUT_RIGHT)
    if kind == "soft":
        return _told(_known(reason), _KEPT)
    return PlainWords(
        title=N_("Not a report of a failure"),
        meaning=N_("An automatic answer, or a mail in which we can read no report."),
        whose=Whose.NOBODY,
        next=N_("Nothing is done about it."),
    )


def title_of(reason: str) -> str:
    """A class of failure in two or three words."""
    return _TOLD[_known(reason)][0]


def whose(reason: str) -> Whose:
    """Whose problem a class of failure is."""
    return _TOLD[_known(reason)][2]


_BY_KIND = {
    ReplyClass.HARD: Reason.NO_SUCH_USER,
    ReplyClass.POLICY: Reason.POLICY,
    ReplyClass.CONTENT: Reason.CONTENT,
}


def _known(reason: str) -> Reason:
    return Reason(reason) if reason in set(Reason) else Reason.OTHER


def _kind(said: Said) -> ReplyClass | None:
    """What the ledger took it for: its word, where it wrote one down, else judged by the same table."""
    word = (said.reason or "").removeprefix("refused: ")
    if word in set(ReplyClass):
        return ReplyClass(word)
    if said.stage not in set(Stage):
        return None
    return replies.classify(Stage(said.stage), said.code, said.enhanced, said.text)


def _told(reason: Reason, what_next: str) -> PlainWords:
    title, meaning, whose_it_is = _TOLD[reason]
    return PlainWords(title=title, meaning=meaning, whose=whose_it_is, next=what_next)


def _what_next(said: Said, kind: ReplyClass | None) -> str:
    if said.outcome == "deferred":
        return _AGAIN
    if kind is ReplyClass.HARD:
        return _SUPPRESSED
    return _PUT_RIGHT if kind in {ReplyClass.POLICY, ReplyClass.CONTENT} else _KEPT
