"""Results: write down what became of deliveries, a whole group of results in one transaction.

Every UPDATE is guarded by the state machine, by the attempt's number and by the lease it was made under. A number alone
would not do: an attempt that no server saw does not count, so its number is given again. A result that comes twice, or
late from a worker whose lease ran out, changes nothing that somebody has leased since, and leaves no line in the log. What
it still may do is end its own doubt: a row in doubt remembers whose it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, String, Table, Update, and_, bindparam, case, exists, insert, or_, select, update
from sqlalchemy.orm import Session

from mailer import acceptances
from mailer.deliveries import DELIVERIES, NEXT, WITHDRAWN, Attempt, Delivery, Event, State, sources

ATTEMPTS = cast("Table", Attempt.__table__)

#: What the attempts' log calls an event.
OUTCOME_WORD = {
    Event.DEFER: "deferred",
    Event.FAIL: "failed",
    Event.LOSE: "uncertain",
    Event.RELEASE: "unreachable",
}


@dataclass(slots=True, kw_only=True)  # not frozen: there is one for each message, and that would triple its cost
class Record:
    """One result to be written: an event, and what the transport said."""

    id: int
    attempt: int  # the attempt it belongs to: a late answer to an older one changes nothing
    event: Event
    address_key: str = ""
    next_at: datetime | None = None
    reason: str | None = None
    bounce: str | None = None  # set when the refusal is a bounce: hard | soft | policy
    stage: str | None = None
    route: str | None = None
    code: int | None = None
    enhanced: str | None = None
    reply: str | None = None
    queue_id: str | None = None


def write(session: Session, records: Sequence[Record], *, owner: str, now: datetime) -> dict[int, list[int]]:
    """Write a group of results, got under the lease `owner`. Each applies only in a state where its event means something.

    Returns the deliveries whose doubt ended by it, by letter: their batch was put down without them.
    """
    rest = _without_accepted(session, _first_of_each(records), owner=owner, now=now)
    rows = _held(session, rest, owner) if rest else {}
    valid = [each for each in rest if each.id in rows and _applies(each, rows[each.id])]
    for event in {each.event for each in valid}:
        group = [each for each in valid if each.event is event]
        session.connection().execute(_RECORD[event], [_parameters(each, owner, now) for each in group])
    # A row that was given back before any transport had it has made no attempt.
    attempts = [each for each in valid if each.event is not Event.ACCEPT and each.stage is not None]
    if attempts:
        session.execute(insert(ATTEMPTS), [_attempt(each, now) for each in attempts])
    settled: dict[int, list[int]] = {}
    for each in valid:
        row = rows[each.id]
        if row.state is State.UNCERTAIN:
            settled.setdefault(row.letter_id, []).append(each.id)
    return settled


def _without_accepted(session: Session, records: Sequence[Record], *, owner: str, now: datetime) -> list[Record]:
    """Write down the plain acceptances; what is left for the general way.

    Where one of them is no plain one, all are left: what is written down is nobody's any more, and is not found there.
    """
    plain = [
        (each.id, each.attempt, each.route, each.code, each.queue_id) for each in records if each.event is Event.ACCEPT
    ]
    if not plain or not acceptances.write(session, plain, owner=owner, now=now):
        return list(records)
    return [each for each in records if each.event is not Event.ACCEPT]


@dataclass(frozen=True, slots=True)
class _Standing:
    letter_id: int
    state: State
    attempt: int


def _held(session: Session, records: Sequence[Record], owner: str) -> dict[int, _Standing]:
    """The rows of these results as they stand, locked, as far as they are this lease's."""
    ids = sorted({each.id for each in records})
    found = session.connection().execute(_HELD, {"b_ids": ids, "b_owner": owner})
    return {row.id: _Standing(row.letter_id, row.state, row.attempt) for row in found}


_HELD = (
    select(DELIVERIES.c.id, DELIVERIES.c.letter_id, DELIVERIES.c.state, DELIVERIES.c.attempt)
    .where(DELIVERIES.c.id.in_(bindparam("b_ids", expanding=True)), DELIVERIES.c.owner == bindparam("b_owner"))
    .order_by(DELIVERIES.c.id)
    .with_for_update()
)


def _first_of_each(records: Sequence[Record]) -> list[Record]:
    """A delivery has one result in a group; what is said of it twice was said first."""
    first: dict[int, Record] = {}
    for each in records:
        first.setdefault(each.id, each)
    return list(first.values())


def _applies(each: Record, row: _Standing) -> bool:
    return each.attempt == row.attempt and each.event in NEXT[row.state]


def _guard(event: Event) -> ColumnElement[bool]:
    # Spelt out with OR: an IN list cannot stand in a statement that is executed for many rows.
    allowed = or_(*(DELIVERIES.c.state == state for state in sources(event) if state is not State.DEFERRED))
    return and_(
        DELIVERIES.c.id == bindparam("b_id"),
        DELIVERIES.c.attempt == bindparam("b_attempt"),
        DELIVERIES.c.owner == bindparam("b_owner"),
        allowed,
    )


def _statement(event: Event, names: Sequence[str], values: dict[str, Any]) -> Update:
    columns = {name: bindparam(f"b_{name}", type_=DELIVERIES.c[name].type) for name in names}
    # A row in doubt stays somebody's: whose late answer may end the doubt.
    freed: dict[str, Any] = {} if event is Event.LOSE else {"owner": None}
    return update(DELIVERIES).where(_guard(event)).values(lease_until=None, **freed, **columns, **values)


_SAID = ("stage", "route", "code", "enhanced", "reply")
_LEFT_MEANWHILE = DELIVERIES.c.reason == WITHDRAWN
_REASON = case((_LEFT_MEANWHILE, DELIVERIES.c.reason), else_=bindparam("b_reason", type_=String))


def _unless_withdrawn(state: State) -> dict[str, Any]:
    """Back to the queue, but not for a reader who has left meanwhile."""
    kind = DELIVERIES.c.state.type
    skipped, back = (bindparam(None, each, type_=kind) for each in (State.SKIPPED, state))
    return {"state": case((_LEFT_MEANWHILE, skipped), else_=back), "reason": _REASON}


_RECORD = {
    Event.ACCEPT: _statement(
        Event.ACCEPT,
        ["route", "code", "queue_id", "accepted_at"],
        {"state": State.ACCEPTED, "reason": None, "stage": None, "enhanced": None, "reply": None},
    ),
    Event.DEFER: _statement(Event.DEFER, ["next_at", *_SAID], _unless_withdrawn(State.DEFERRED)),
    Event.FAIL: _statement(Event.FAIL, ["reason", "bounced_at", "bounce_kind", *_SAID], {"state": State.FAILED}),
    Event.LOSE: _statement(Event.LOSE, ["uncertain_at", *_SAID], {"state": State.UNCERTAIN, "reason": _REASON}),
    # Nothing was handed over, so the attempt does not count.
    Event.RELEASE: _statement(
        Event.RELEASE, ["next_at", *_SAID], {"attempt": DELIVERIES.c.attempt - 1, **_unless_withdrawn(State.READY)}
    ),
}


def _parameters(each: Record, owner: str, now: datetime) -> dict[str, Any]:
    return {
        "b_id": each.id,
        "b_attempt": each.attempt,
        "b_owner": owner,
        "b_reason": each.reason,
        "b_next_at": each.next_at,
        "b_stage": each.stage,
        "b_route": each.route,
        "b_code": each.code,
        "b_enhanced": each.enhanced,
        "b_reply": each.reply,
        "b_queue_id": each.queue_id,
        "b_accepted_at": now,
        "b_uncertain_at": now,
        "b_bounced_at": now if each.bounce else None,
        "b_bounce_kind": each.bounce,
    }


def _attempt(each: Record, now: datetime) -> dict[str, Any]:
    return {
        "delivery_id": each.id,
        "number": each.attempt,
        "at": now,
        "outcome": OUTCOME_WORD[each.event],
        "stage": each.stage,
        "route": each.route,
        "code": each.code,
        "enhanced": each.enhanced,
        "reply": each.reply,
    }


def was_in_doubt_before() -> ColumnElement[bool]:
    """Whether an earlier attempt of this delivery, too, ended in doubt."""
    return exists(
        select(Attempt.id).where(
            Attempt.delivery_id == Delivery.id,
            Attempt.outcome == OUTCOME_WORD[Event.LOSE],
            Attempt.number < Delivery.attempt,
        )
    )
