"""Verdict: from a transport's outcome to what becomes of the delivery. No database, no clock: a table in code.

accepted     250 after the final dot
deferred     4xx, or our sender is refused: tried again by the schedule, until the letter's lifetime ends
failed       5xx, or lifetime over; a refusal is a bounce of its kind, and a hard one suppresses the address
uncertain    the content had begun to leave and no valid reply came
released     the route is at fault: back to ready, no attempt counts
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime

from mailer import pacing, replies
from mailer.deliveries import Event
from mailer.events import BounceKind
from mailer.replies import ReplyClass
from mailer.results import Record
from mailer.transports import Outcome, Result, Stage

EXPIRED = "expired"

_BOUNCE = {
    ReplyClass.HARD: BounceKind.HARD,
    ReplyClass.SOFT: BounceKind.SOFT,
    ReplyClass.POLICY: BounceKind.POLICY,
    ReplyClass.CONTENT: BounceKind.POLICY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a verdict depends on besides the outcome."""

    now: datetime
    deadline_at: datetime  # the end of the letter's lifetime
    route_rests_until: datetime  # when a released row may try again
    rng: random.Random


def accepted(outcome: Outcome, attempt: int, delivery_id: int, address_key: str) -> Record:
    """What is to be written down about an attempt that the next server took."""
    return Record(
        id=delivery_id,
        attempt=attempt,
        event=Event.ACCEPT,
        address_key=address_key,
        stage=outcome.stage,
        route=outcome.route,
        code=outcome.code,
        enhanced=outcome.enhanced,
        reply=outcome.reply,
        queue_id=outcome.queue_id,
    )


def judge(outcome: Outcome, attempt: int, delivery_id: int, address_key: str, terms: Terms) -> Record:
    """What is to be written down about attempt number `attempt` of a delivery."""
    if outcome.result is Result.ACCEPTED:
        return accepted(outcome, attempt, delivery_id, address_key)
    event, next_at, reason, bounce = _decide(outcome, attempt, terms)
    return Record(
        id=delivery_id,
        attempt=attempt,
        event=event,
        address_key=address_key,
        next_at=next_at,
        reason=reason,
        bounce=bounce,
        stage=outcome.stage,
        route=outcome.route,
        code=outcome.code,
        enhanced=outcome.enhanced,
        reply=replies.clean(outcome.reply),
        queue_id=outcome.queue_id,
    )


_Decision = tuple[Event, datetime | None, str | None, BounceKind | None]


def _decide(outcome: Outcome, attempt: int, terms: Terms) -> _Decision:
    match outcome.result:
        case Result.UNCERTAIN:
            return Event.LOSE, None, "no valid reply after the message was handed over", None
        case Result.UNREACHABLE:
            return Event.RELEASE, terms.route_rests_until, None, None
        case Result.DEFERRED:
            return _deferred(attempt, terms)
        case _:
            return _refused(outcome, attempt, terms)


def _deferred(attempt: int, terms: Terms) -> _Decision:
    next_at = terms.now + pacing.retry_delay(attempt, terms.rng)
    if next_at >= terms.deadline_at:
        return Event.FAIL, None, EXPIRED, None
    return Event.DEFER, next_at, None, None


def _refused(outcome: Outcome, attempt: int, terms: Terms) -> _Decision:
    if outcome.code is None:  # our own refusal to hand it over, e.g. "needs SMTPUTF8": nobody has bounced anything
        return Event.FAIL, None, replies.clean(outcome.reply)[:120], None
    kind = replies.classify(outcome.stage, outcome.code, outcome.enhanced, outcome.reply)
    if outcome.stage is Stage.MAIL and kind is ReplyClass.POLICY:
        # Our sender is refused, not the reader: when that is put right within the letter's lifetime, they still get it.
        return _deferred(attempt, terms)
    return Event.FAIL, None, f"refused: {kind}", _BOUNCE.get(kind, BounceKind.POLICY)
