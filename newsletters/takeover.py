"""Takeover: the statements by which readers become deliveries or exclusions, a part at a time (newsletters.audience, top_up).

end_of_range   the key of the last reader of the next range
waiting        how many of a part (a range, or some who are named) are written down nowhere yet
recipients     those of them who get the letter, with their fields, copied: INSERT .. SELECT
exclusions     the others, each with the reason
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    null,
    or_,
    select,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.dml import ReturningInsert

from ground.database import RowId, insert_new
from mailer.blocks import FIELD
from mailer.deliveries import Delivery, State
from mailer.suppressions import Suppression
from newsletters.had import Had
from newsletters.issues import Exclusion
from newsletters.portions import EVERYTHING, Cutting, Measure, Portion
from newsletters.rhythm import Rhythm
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import PAUSED, Subscription, SubscriptionState

#: Readers in one transaction: half a batch (mailer.growth), 6 ms of SQLite's only write lock (median; 500 take 9 to 12).
RANGE = 250
#: The same on PostgreSQL, whose writers do not wait for each other: a sixth of a second, for which a cancel waits. So many
#: are written down three times as fast as by hundreds.
LONG_RANGE = 5_000
#: SQLite takes a thousand WHENs in one CASE; there are more hours in the world's zones than that.
_WHENS = 400
#: Why a reader who chose topics is left out.
TOO_FEW_OWN = "too few stories of their own topics"
FOLLOWS_NOTHING = "follows no section or author yet"
NOTHING_FOLLOWED = "nothing new of what they follow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """What a freeze needs to know. `now` is the letter's own time, so that one that is resumed judges alike."""

    issue_id: int
    letter_id: int
    variant_id: int
    rhythm: Rhythm
    due_at: datetime
    now: datetime
    own: Measure | None = None  # of a reader's own stories; None where everybody gets the common version
    is_alert: bool = False
    had: tuple[Had, ...] = ()  # letters that some of the readers had some of its stories in
    hours: tuple[tuple[str, datetime], ...] = ()  # readers' own hours, and when they next come

    def cutting(self) -> Cutting | None:
        if self.own is None:
            return None
        return Cutting(
            issue_id=self.issue_id,
            letter_id=self.letter_id,
            edition_id=self.rhythm.edition_id,
            measure=self.own,
            had=self.had,
        )


@dataclass(frozen=True, slots=True)
class Range:
    """Subscribers of one receiving-domain group with after < id <= last."""

    domain_group: str
    after: int
    last: int

    def parameters(self) -> dict[str, str | int]:
        return {"b_group": self.domain_group, "b_after": self.after, "b_last": self.last}


@dataclass(frozen=True, slots=True)
class Named:
    """These subscribers, of one receiving-domain group."""

    domain_group: str
    ids: tuple[int, ...]

    def parameters(self) -> dict[str, str | tuple[int, ...]]:
        return {"b_group": self.domain_group, "b_ids": self.ids}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """What is executed for every part, put together once: building them takes as long as running them."""

    waiting: Select[int]
    recipients: ReturningInsert[int]
    exclusions: ReturningInsert[int]


def of_ranges(order: Freeze, *, is_sqlite: bool) -> Statements:
    """With a `Range` each."""
    return _statements(order, lambda column: and_(column > _AFTER, column <= _LAST), is_sqlite=is_sqlite)


def of_named(order: Freeze, *, is_sqlite: bool) -> Statements:
    """With a `Named` each."""
    return _statements(order, lambda column: column.in_(_IDS), is_sqlite=is_sqlite)


def end_of_range(order: Freeze, *, is_sqlite: bool) -> Select[int]:
    """The key of the last reader of the next range, for a `Range` that has only its beginning."""
    next_ids = (
        select(Subscriber.id)
        .join(Subscription, Subscription.subscriber_id == Subscriber.id)
        .where(_reads(order), Subscriber.domain_group == _GROUP, Subscriber.id > _AFTER)
        .order_by(Subscriber.id)
        .limit(RANGE if is_sqlite else LONG_RANGE)
        .subquery()
    )
    return select(func.max(next_ids.c.id))


def _statements(order: Freeze, part: _Part, *, is_sqlite: bool) -> Statements:
    return Statements(
        waiting=select(func.count()).select_from(_waiting(order, part).subquery()),
        recipients=_recipients(order, part, is_sqlite=is_sqlite),
        exclusions=_exclusions(order, part, is_sqlite=is_sqlite),
    )


_GROUP, _AFTER, _LAST = (
    bindparam("b_group", type_=String),
    bindparam("b_after", type_=RowId),
    bindparam("b_last", type_=RowId),
)
_IDS = bindparam("b_ids", type_=RowId, expanding=True)
#: Whether a column that holds a subscriber's key belongs to the part.
_Part = Callable[[InstrumentedAttribute[int]], ColumnElement[bool]]


def _reads(order: Freeze) -> ColumnElement[bool]:
    return and_(
        Subscription.edition_id == order.rhythm.edition_id,
        Subscription.state == SubscriptionState.ACTIVE,
        Subscription.alerts if order.is_alert else order.rhythm.holds(Subscription.schedule_id),
        Subscriber.erased_at.is_(None),
    )


def _readers(order: Freeze, *columns: Any) -> Select[Any]:  # noqa: ANN401 - columns of any type
    found = (
        select(*columns)
        .select_from(Subscriber)
        .join(Subscription, Subscription.subscriber_id == Subscriber.id)
        .outerjoin(
            Suppression,
            and_(
                Suppression.address_key == Subscriber.address_key,
                Suppression.lifted_at.is_(None),
                or_(Suppression.until.is_(None), Suppression.until > order.now),
            ),
        )
        .where(_reads(order), Subscriber.domain_group == _GROUP)
    )
    if order.own is not None:
        chosen = func.coalesce(Subscription.topics_id, EVERYTHING)
        mine = and_(Portion.letter_id == order.letter_id, Portion.topics_id == chosen, Portion.had == _had(order))
        found = found.outerjoin(Portion, mine)
    return found


def _had(order: Freeze) -> ColumnElement[int]:
    """Which of the letters a reader had, a bit each."""
    bits: ColumnElement[int] = literal(0, Integer)
    for place, letter in enumerate(order.had):
        mine = exists().where(
            Delivery.letter_id == letter.letter_id,
            Delivery.recipient_id == Subscriber.id,
            Delivery.state.not_in((State.SKIPPED, State.FAILED)),
        )
        # The outer query has deliveries of its own letter beside it: this one stands for itself.
        bits = bits + case((mine.correlate(Subscriber), 1 << place), else_=0)
    return bits


def _by_hour(order: Freeze, value: Callable[[datetime], Any]) -> ColumnElement[Any]:
    """What a reader's own hour comes to, NULL for who has none. Not a table beside them: that is compiled at every range."""
    found: ColumnElement[Any] = null()
    for start in range(0, len(order.hours), _WHENS):
        some = {hour: value(at) for hour, at in order.hours[start : start + _WHENS]}
        found = case(some, value=Subscription.own_hour, else_=found)
    return found


def _waiting(order: Freeze, part: _Part, *columns: Any) -> Select[Any]:  # noqa: ANN401 - columns of any type
    """Readers of the part that are written down nowhere yet."""
    # The part is named of each table, and who is written down is a list, not a condition on a reader. PostgreSQL knows nothing
    # of a letter that has just been made: it would take it for a row or two, and walk through all of it for every reader.
    written = select(Delivery.recipient_id).where(Delivery.letter_id == order.letter_id, part(Delivery.recipient_id))
    left_out = select(Exclusion.subscriber_id).where(
        Exclusion.issue_id == order.issue_id, part(Exclusion.subscriber_id)
    )
    return _readers(order, *(columns or (Subscriber.id,))).where(
        part(Subscriber.id),
        part(Subscription.subscriber_id),
        Subscriber.id.not_in(written),
        Subscriber.id.not_in(left_out),
    )


def _reason(order: Freeze) -> ColumnElement[str | None]:
    """Why a reader is left out; NULL for a recipient."""
    reasons: list[tuple[ColumnElement[bool], ColumnElement[str]]] = [
        (Suppression.id.is_not(None), literal("suppressed: ") + sql_cast(Suppression.cause, String)),
        (Subscription.paused_until > order.now, literal(PAUSED)),
    ]
    if order.own is not None:
        if order.own.most is None:
            reasons.append((and_(Portion.topics_id.is_not(None), Portion.blocks.is_(None)), literal(TOO_FEW_OWN)))
        else:
            # Who chooses in this very moment has no portion yet: there is no common version that they could get.
            reasons.append((Subscription.topics_id.is_(None), literal(FOLLOWS_NOTHING)))
            reasons.append((Portion.blocks.is_(None), literal(NOTHING_FOLLOWED)))
    return case(*reasons, else_=None)


def _recipients(order: Freeze, part: _Part, *, is_sqlite: bool) -> ReturningInsert[int]:
    due_at = literal(order.due_at, Delivery.next_at.type)
    comes_at = _by_hour(order, lambda at: literal(at, Delivery.not_before.type))
    taken: dict[str, Any] = {
        "letter_id": literal(order.letter_id),
        "variant_id": literal(order.variant_id),
        "recipient_id": Subscriber.id,
        "scope": literal(f"edition:{order.rhythm.edition_id}"),
        "domain_group": Subscriber.domain_group,
        "address": Subscriber.address,
        "address_key": Subscriber.address_key,
        "fields": _fields(order, is_sqlite=is_sqlite),
        "state": literal(State.READY, Delivery.state.type),
        "attempt": literal(0),
        "next_at": func.coalesce(comes_at, due_at) if order.hours else due_at,
        "not_before": comes_at,
        "created_at": literal(order.now, Delivery.created_at.type),
    }
    chosen = _waiting(order, part, *taken.values()).where(_reason(order).is_(None)).order_by(Subscriber.id)
    return insert_new(Delivery, is_sqlite=is_sqlite).from_select(list(taken), chosen).returning(Delivery.id)


def _exclusions(order: Freeze, part: _Part, *, is_sqlite: bool) -> ReturningInsert[int]:
    reason = cast("ColumnElement[Any]", _reason(order))
    chosen = _waiting(order, part, literal(order.issue_id), Subscriber.id, reason).where(reason.is_not(None))
    return (
        insert_new(Exclusion, is_sqlite=is_sqlite)
        .from_select(["issue_id", "subscriber_id", "reason"], chosen)
        .returning(Exclusion.subscriber_id)
    )


def _fields(order: Freeze, *, is_sqlite: bool) -> ColumnElement[Any]:
    """The reader's fields, put together by the database: `{"unsubscribe_url": "<subscription id>", "blocks": "1,4"}`."""
    build = func.json_object if is_sqlite else func.jsonb_build_object
    common: ColumnElement[Any] = build("unsubscribe_url", sql_cast(Subscription.id, String))
    own: dict[str, Any] = {} if order.own is None else {FIELD: Portion.blocks}
    if order.hours:
        own["date"] = _by_hour(order, lambda at: literal(at.isoformat(), String))
    if not own:
        return common
    # What is null for a reader is left out.
    named = [part for name, value in own.items() for part in (name, value)]
    return func.json_patch(common, build(*named)) if is_sqlite else func.jsonb_strip_nulls(common.concat(build(*named)))
