"""Lookup: deliveries as ops look for them, a page at a time.

A page reads a bounded number of rows, however large the ledger is. The exceptions (deferred, failed, in doubt, skipped,
bounced, complained) and a person's deliveries have indexes. What is ready or accepted has none, for that would cost every
message that is sent: there a page walks along the key, at most `STRIDE` rows, and says where it stopped.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, UnaryExpression, and_, func, or_, select, text, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from mailer import leases
from mailer.batches import Batch
from mailer.deliveries import Delivery, State, in_states
from mailer.letters import Letter

#: Rows on a page, and rows that are looked through for one.
PAGE = 50
STRIDE = 10_000


class Show(enum.StrEnum):
    """What a list is narrowed to: a state, or a later fact."""

    ALL = "all"
    READY = "ready"
    SENDING = "sending"  # claimed or on its way
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    SKIPPED = "skipped"
    BOUNCED = "bounced"  # refused for good, at once or by a later report
    COMPLAINED = "complained"
    CAME_BACK = "came_back"  # accepted, and bounced by a later report


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked for."""

    show: Show = Show.ALL
    letter_id: int | None = None
    domain_group: str | None = None
    address_key: str | None = None
    after: str | None = None  # where the page before ended


@dataclass(frozen=True, slots=True)
class Line:
    """A delivery in a list."""

    id: int
    letter_id: int
    address: str
    domain_group: str
    state: State
    reason: str | None
    attempt: int
    stage: str | None
    code: int | None
    enhanced: str | None
    reply: str | None
    next_at: datetime
    accepted_at: datetime | None
    bounced_at: datetime | None
    bounce_kind: str | None
    complained_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A page of deliveries; `further` goes on after it. `is_cut`: it ends where the looking ended, not for being full."""

    lines: Sequence[Line] = field(default_factory=tuple)
    further: str | None = None
    is_cut: bool = False


_Key = ColumnElement[int] | InstrumentedAttribute[int]
#: The same number, by which SQLite does not choose to walk.
_UNINDEXED_ID: ColumnElement[int] = Delivery.id + 0
#: Reports on a letter that come later than this are not counted (feedback.apply), with time to spare.
_REPORTS_COME_FOR = timedelta(days=30)

_COLUMNS = [getattr(Delivery, name) for name in Line.__dataclass_fields__]
_RARE = {
    Show.DEFERRED: State.DEFERRED,
    Show.FAILED: State.FAILED,
    Show.UNCERTAIN: State.UNCERTAIN,
    Show.SKIPPED: State.SKIPPED,
}
_LATER = {
    Show.BOUNCED: Delivery.bounced_at,
    Show.CAME_BACK: Delivery.bounced_at,
    Show.COMPLAINED: Delivery.complained_at,
}


def find(session: Session, wanted: Wanted) -> Sheet:
    """A page of what is looked for, the newest first (what is accepted of one letter: the oldest first)."""
    span = _span(session, wanted, key=_UNINDEXED_ID if _is_by_other_index(wanted) else Delivery.id)
    if span is None:
        return Sheet()
    if wanted.address_key is not None:
        whose = [Delivery.address_key == wanted.address_key, *span, _is(wanted.show)]
        return _by_key(session, wanted, whose, key=_UNINDEXED_ID)
    if wanted.show in _LATER:
        return _by_time(session, wanted, span)
    if wanted.show in _RARE:
        return _by_key(session, wanted, [*span, _is(wanted.show)])
    if wanted.show is Show.SENDING:
        # A few hundred at most, all of them in the batches that are leased.
        leased = [Delivery.id.between(each.first_id, each.last_id) for each in leases.spans(session)]
        if not leased:
            return Sheet()
        return _by_key(session, wanted, [*span, or_(*leased), _is(wanted.show)], key=_UNINDEXED_ID)
    return _along_the_key(session, wanted, span)


def _is_by_other_index(wanted: Wanted) -> bool:
    return wanted.address_key is not None or wanted.show in _LATER or wanted.show is Show.SENDING


def _span(session: Session, wanted: Wanted, *, key: _Key = Delivery.id) -> list[ColumnElement[bool]] | None:
    """What a letter and a domain group narrow the key to: their batches know. None where there is nothing."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.domain_group is not None:
        conditions.append(Delivery.domain_group == wanted.domain_group)
    if wanted.letter_id is None:
        return conditions
    ends = select(func.coalesce(func.min(Batch.first_id), 0), func.coalesce(func.max(Batch.last_id), 0)).where(
        Batch.letter_id == wanted.letter_id
    )
    if wanted.domain_group is not None:
        ends = ends.where(Batch.domain_group == wanted.domain_group)
    first, last = session.execute(ends).one()
    if last == 0:
        return None
    # Not by the letter's own index either: it has another order.
    return [*conditions, key.between(first, last), Delivery.letter_id + 0 == wanted.letter_id]


def _is(show: Show) -> ColumnElement[bool]:
    if show is Show.ALL:
        return true()
    if show is Show.SENDING:
        return in_states([State.CLAIMED, State.SENDING])
    if show is Show.CAME_BACK:
        return and_(Delivery.bounced_at.is_not(None), Delivery.state == State.ACCEPTED)
    if show in _LATER:
        return _LATER[show].is_not(None)
    if show in _RARE:
        # As one state and as the partial index has them: SQLite compares words, not meanings.
        return and_(in_states([_RARE[show]]), text(EXCEPTIONS))
    return Delivery.state == State(show)


#: The words of `ix_deliveries_exceptions`.
EXCEPTIONS = "deliveries.state IN ('deferred', 'failed', 'uncertain', 'skipped')"


def _by_key(
    session: Session, wanted: Wanted, conditions: list[ColumnElement[bool]], *, key: _Key = Delivery.id
) -> Sheet:
    before = _number(wanted.after)
    if before is not None:
        conditions = [*conditions, key < before]
    lines = _lines(session, select(*_COLUMNS).where(*conditions).order_by(key.desc()))
    return _sheet(lines, lambda line: str(line.id))


def _by_time(session: Session, wanted: Wanted, span: list[ColumnElement[bool]]) -> Sheet:
    """Later facts, the newest first; two of one moment are told apart by their ids."""
    at = _LATER[wanted.show]
    conditions = [*span, _is(wanted.show)]
    if wanted.letter_id is not None:
        made_at = session.scalars(select(Letter.created_at).where(Letter.id == wanted.letter_id)).one()
        conditions.append(at.between(made_at, made_at + _REPORTS_COME_FOR))
    moment = _moment(wanted.after)
    if moment is not None:
        conditions.append(or_(at < moment[0], and_(at == moment[0], Delivery.id < moment[1])))
        conditions.append(at <= moment[0])  # what the index is searched by
    lines = _lines(session, select(*_COLUMNS).where(*conditions).order_by(at.desc(), Delivery.id.desc()))
    name = at.key
    return _sheet(lines, lambda line: f"{getattr(line, name).isoformat()}~{line.id}")


def _along_the_key(session: Session, wanted: Wanted, span: list[ColumnElement[bool]]) -> Sheet:
    # A letter's batches leave in the order of the key: what is accepted stands at its beginning, what is ready at its end.
    upward = wanted.show is Show.ACCEPTED and wanted.letter_id is not None
    order: UnaryExpression[int] = Delivery.id.asc() if upward else Delivery.id.desc()
    start = _number(wanted.after)
    if start is not None:
        span = [*span, Delivery.id > start if upward else Delivery.id < start]
    walked = select(Delivery.id).where(*span).order_by(order).limit(STRIDE).subquery()
    ends = session.execute(select(func.count(), func.min(walked.c.id), func.max(walked.c.id))).one()
    if ends[1] is None:
        return Sheet()
    seen = [Delivery.id.between(ends[1], ends[2]), *span]
    lines = _lines(session, select(*_COLUMNS).where(*seen, _is(wanted.show)).order_by(order))
    found = _sheet(lines, lambda line: str(line.id))
    if found.further is None and ends[0] == STRIDE:
        return Sheet(lines=found.lines, further=str(ends[2] if upward else ends[1]), is_cut=True)
    return found


def _lines(session: Session, statement: Select[*tuple[Any, ...]]) -> list[Line]:
    return [Line(*row) for row in session.execute(statement.limit(PAGE + 1))]


def _sheet(lines: list[Line], place: Callable[[Line], str]) -> Sheet:
    further = place(lines[PAGE - 1]) if len(lines) > PAGE else None
    return Sheet(lines=lines[:PAGE], further=further)


def _number(after: str | None) -> int | None:
    """Where a page goes on; a text that no page of ours made begins anew."""
    return int(after) if after and after.isascii() and after.isdecimal() and len(after) <= 18 else None


def _moment(after: str | None) -> tuple[datetime, int] | None:
    at, _, number = (after or "").partition("~")
    known = _number(number)
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (moment, known) if known is not None and moment.tzinfo is not None else None
