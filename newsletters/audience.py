"""The audience of an issue: who gets it and who is left out, written down once and then frozen.

While the letter is `building`, readers are taken over by ranges: one receiving-domain group after the other, each in
the order of its subscribers' keys, at most `RANGE` readers in a transaction of its own, each in turn with the other bulk
writers (ground.turns): a reader who confirms meanwhile waits for one range, not for all.

Every reader of the audience ends as a delivery or as an exclusion with its reason, never as both or neither; a freeze
that was broken off begins again from the start and finds what it wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert

from ground.database import Database, RowId, insert_new
from mailer import ledger
from mailer.deliveries import Delivery, State
from mailer.letters import Lane, Letter, LetterState
from mailer.suppressions import Suppression
from newsletters.issues import Exclusion, Issue
from newsletters.schedules import Rhythm
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import PAUSED, Subscription, SubscriptionState

#: Readers in one transaction: 6.5 ms of SQLite's only write lock (median; 500 take 9 to 12).
RANGE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """What a freeze needs to know. `now` is the letter's own time, so that one that is resumed judges alike."""

    issue_id: int
    letter_id: int
    variant_id: int
    rhythm: Rhythm
    due_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class Range:
    """Subscribers of one receiving-domain group with after < id <= last."""

    domain_group: str
    after: int
    last: int

    def parameters(self) -> dict[str, str | int]:
        return {"b_group": self.domain_group, "b_after": self.after, "b_last": self.last}


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    recipients: int
    exclusions: int

    @property
    def audience(self) -> int:
        return self.recipients + self.exclusions


def freeze(database: Database, order: Freeze, *, told: Callable[[], object] | None = None) -> bool:
    """Write the audience down. Blocks, so it belongs in a thread. False when it was cancelled or sealed meanwhile.

    `told` is called after each range.
    """
    statements = _statements(order, is_sqlite=database.is_sqlite)
    for part in _ranges(database, statements):
        with database.write_bulk() as session:
            _see_one_moment(session)
            # A cancel waits for this range, and the next one sees it: no row is written behind its back. The issue is
            # what is locked, for whoever stops it locks it before its letter.
            session.execute(select(Issue.id).where(Issue.id == order.issue_id).with_for_update(read=True))
            letter = session.get_one(Letter, order.letter_id)
            if letter.state is not LetterState.BUILDING or letter.sealed_count is not None:
                return False
            _take_over(session, statements, order, part)
        if told is not None:
            told()
    return True


def _take_over(session: Session, statements: _Statements, order: Freeze, part: Range) -> None:
    """Write down one range: deliveries in batches, and exclusions. What is there already stays as it is."""
    connection, span = session.connection(), part.parameters()
    new = connection.execute(statements.waiting, span).scalar_one()
    ids = connection.execute(statements.recipients, span).scalars().all()
    left_out = connection.execute(statements.exclusions, span).scalars().all()
    if len(ids) + len(left_out) != new:
        raise RuntimeError(
            f"issue {order.issue_id}: of {new} readers in {part} {len(ids)} became recipients and {len(left_out)} "
            "were left out; nothing of this range was kept"
        )
    if ids:
        ledger.cut_batches(session, order.letter_id, Lane.BULK, part.domain_group, min(ids), max(ids), order.due_at)


def count(session: Session, issue: Issue) -> Count:
    """Who is written down."""
    recipients = session.scalar(select(func.count()).where(Delivery.letter_id == issue.letter_id)) or 0
    exclusions = session.scalar(select(func.count()).where(Exclusion.issue_id == issue.id)) or 0
    return Count(recipients=recipients, exclusions=exclusions)


def _ranges(database: Database, statements: _Statements) -> Iterator[Range]:
    group = ""
    while True:
        # A loose index scan: the groups are few, the subscribers many.
        with database.read() as session:
            found = session.scalar(select(func.min(Subscriber.domain_group)).where(Subscriber.domain_group > group))
        if found is None:
            return
        group, after = found, 0
        while (last := _end_of_range(database, statements, Range(group, after, 0))) is not None:
            yield Range(group, after, last)
            after = last


def _end_of_range(database: Database, statements: _Statements, begun: Range) -> int | None:
    """The key of the last of the next `RANGE` readers; found by reading, so that no writer waits for it."""
    with database.read() as session:
        last: int | None = session.connection().execute(statements.end_of_range, begun.parameters()).scalar()
    return last


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statements:
    """What is executed for every range, put together once: building them takes as long as running them."""

    end_of_range: Select[int]
    waiting: Select[int]
    recipients: ReturningInsert[int]
    exclusions: ReturningInsert[int]


def _statements(order: Freeze, *, is_sqlite: bool) -> _Statements:
    next_ids = (
        select(Subscriber.id)
        .join(Subscription, Subscription.subscriber_id == Subscriber.id)
        .where(_reads(order), Subscriber.domain_group == _GROUP, Subscriber.id > _AFTER)
        .order_by(Subscriber.id)
        .limit(RANGE)
        .subquery()
    )
    return _Statements(
        end_of_range=select(func.max(next_ids.c.id)),
        waiting=select(func.count()).select_from(_waiting(order).subquery()),
        recipients=_recipients(order, is_sqlite=is_sqlite),
        exclusions=_exclusions(order, is_sqlite=is_sqlite),
    )


_GROUP, _AFTER, _LAST = (
    bindparam("b_group", type_=String),
    bindparam("b_after", type_=RowId),
    bindparam("b_last", type_=RowId),
)


def _see_one_moment(session: Session) -> None:
    """Let all statements of the transaction see the same rows: SQLite's do, PostgreSQL's must be asked."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def _reads(order: Freeze) -> ColumnElement[bool]:
    return and_(
        Subscription.edition_id == order.rhythm.edition_id,
        Subscription.state == SubscriptionState.ACTIVE,
        order.rhythm.holds(Subscription.schedule_id),
        Subscriber.erased_at.is_(None),
    )


def _readers(order: Freeze, *columns: Any) -> Select[Any]:  # noqa: ANN401 - columns of any type
    return (
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
        .where(
            _reads(order),
            Subscriber.domain_group == _GROUP,
            Subscriber.id > _AFTER,
            Subscriber.id <= _LAST,
        )
    )


def _waiting(order: Freeze, *columns: Any) -> Select[Any]:  # noqa: ANN401 - columns of any type
    """Readers of the range that are written down nowhere yet."""
    return _readers(order, *(columns or (Subscriber.id,))).where(
        ~exists().where(Delivery.letter_id == order.letter_id, Delivery.recipient_id == Subscriber.id),
        ~exists().where(Exclusion.issue_id == order.issue_id, Exclusion.subscriber_id == Subscriber.id),
    )


def _reason(order: Freeze) -> ColumnElement[str | None]:
    """Why a reader is left out; NULL for a recipient."""
    return case(
        (Suppression.id.is_not(None), literal("suppressed: ") + sql_cast(Suppression.cause, String)),
        (Subscription.paused_until > order.now, literal(PAUSED)),
        else_=None,
    )


def _recipients(order: Freeze, *, is_sqlite: bool) -> ReturningInsert[int]:
    taken: dict[str, Any] = {
        "letter_id": literal(order.letter_id),
        "variant_id": literal(order.variant_id),
        "recipient_id": Subscriber.id,
        "scope": literal(f"edition:{order.rhythm.edition_id}"),
        "domain_group": Subscriber.domain_group,
        "address": Subscriber.address,
        "address_key": Subscriber.address_key,
        "fields": _fields(is_sqlite=is_sqlite),
        "state": literal(State.READY, Delivery.state.type),
        "attempt": literal(0),
        "next_at": literal(order.due_at, Delivery.next_at.type),
        "created_at": literal(order.now, Delivery.created_at.type),
    }
    chosen = _waiting(order, *taken.values()).where(_reason(order).is_(None)).order_by(Subscriber.id)
    return insert_new(Delivery, is_sqlite=is_sqlite).from_select(list(taken), chosen).returning(Delivery.id)


def _exclusions(order: Freeze, *, is_sqlite: bool) -> ReturningInsert[int]:
    reason = cast("ColumnElement[Any]", _reason(order))
    chosen = _waiting(order, literal(order.issue_id), Subscriber.id, reason).where(reason.is_not(None))
    return (
        insert_new(Exclusion, is_sqlite=is_sqlite)
        .from_select(["issue_id", "subscriber_id", "reason"], chosen)
        .returning(Exclusion.subscriber_id)
    )


def _fields(*, is_sqlite: bool) -> ColumnElement[Any]:
    """The reader's fields, put together by the database: `{"unsubscribe_url": "<subscription id>"}`."""
    build = func.json_object if is_sqlite else func.jsonb_build_object
    return build("unsubscribe_url", sql_cast(Subscription.id, String))
