"""Receivers: who has an issue and still gets its edition; written down for a further letter, by ranges.

Each range is a transaction of its own, in turn with the other bulk writers. What was broken off begins again from the start
and finds what it wrote: a reader is written down once for a letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select
from sqlalchemy.orm import Session

from ground.database import Database, insert_new
from mailer import ledger
from mailer.deliveries import Delivery, State
from mailer.letters import Lane, Letter, LetterState
from mailer.suppressions import Suppression, forbids
from newsletters.issues import Issue
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState

#: Deliveries of the issue that are looked at in one transaction.
RANGE = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Whom to write down, and for which letter. `now` is the letter's own time."""

    edition_id: int
    had_letter_id: int
    letter_id: int
    variant_id: int
    now: datetime


def count(session: Session, issue: Issue, *, now: datetime) -> int:
    """How many have the issue and would get another letter about it."""
    assert issue.letter_id is not None
    chosen = _receivers(issue.edition_id, now, func.count())
    return session.scalar(chosen.where(Delivery.letter_id == issue.letter_id)) or 0


def write_down(database: Database, order: Order, *, told: Callable[[], object] | None = None) -> bool:
    """Write them all down. Blocks, so it belongs in a thread. False when the letter was stopped meanwhile.

    `told` is called after each range.
    """
    for first, last in _ranges(database, order.had_letter_id):
        with database.write_bulk() as session:
            letter = session.get_one(Letter, order.letter_id, with_for_update={"read": True})
            if letter.state is not LetterState.BUILDING:
                return False
            _take_over(session, order, first, last)
        if told is not None:
            told()
    return True


def _take_over(session: Session, order: Order, first: int, last: int) -> None:
    taken: dict[str, Any] = {
        "letter_id": literal(order.letter_id),
        "variant_id": literal(order.variant_id),
        "recipient_id": Subscriber.id,
        "scope": literal(f"edition:{order.edition_id}"),
        "domain_group": Subscriber.domain_group,
        "address": Subscriber.address,
        "address_key": Subscriber.address_key,
        "fields": Delivery.fields,
        "state": literal(State.READY, Delivery.state.type),
        "attempt": literal(0),
        "next_at": literal(order.now, Delivery.next_at.type),
        "created_at": literal(order.now, Delivery.created_at.type),
    }
    chosen = _receivers(order.edition_id, order.now, *taken.values()).where(
        Delivery.id.between(first, last), _of(order.had_letter_id)
    )
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    new = insert_new(Delivery, is_sqlite=is_sqlite).from_select(
        list(taken), chosen.order_by(Subscriber.domain_group, Delivery.id)
    )
    made = session.connection().execute(new.returning(Delivery.id, Delivery.domain_group)).all()
    for group, rows in groupby(sorted(made), key=lambda row: row.domain_group):
        ids = [row.id for row in rows]
        ledger.cut_batches(session, order.letter_id, Lane.BULK, group, ids[0], ids[-1], order.now)


def _receivers(edition_id: int, now: datetime, *columns: Any) -> Select[Any]:  # noqa: ANN401 - any type
    return (
        select(*columns)
        .select_from(Delivery)
        .join(Subscriber, Subscriber.id == Delivery.recipient_id)
        .join(
            Subscription,
            and_(Subscription.subscriber_id == Subscriber.id, Subscription.edition_id == edition_id),
        )
        .outerjoin(Suppression, and_(Suppression.address_key == Subscriber.address_key, forbids(now)))
        .where(
            Delivery.state.in_((State.ACCEPTED, State.UNCERTAIN)),
            Delivery.bounced_at.is_(None),
            Delivery.complained_at.is_(None),
            Subscription.state == SubscriptionState.ACTIVE,
            or_(Subscription.paused_until.is_(None), Subscription.paused_until <= now),
            Subscriber.erased_at.is_(None),
            Suppression.id.is_(None),
        )
    )


def _ranges(database: Database, letter_id: int) -> Iterator[tuple[int, int]]:
    with database.read() as session:
        ends = select(func.min(Delivery.id), func.max(Delivery.id)).where(Delivery.letter_id == letter_id)
        after, end = session.execute(ends).one()
    after = (after or 1) - 1
    end = end or 0
    while after < end:
        with database.read() as session:
            ids = (
                select(Delivery.id)
                .where(Delivery.id > after, Delivery.id <= end, _of(letter_id))
                .order_by(Delivery.id)
                .limit(RANGE)
                .subquery()
            )
            last = session.scalar(select(func.max(ids.c.id))) or end
        yield after + 1, last
        after = last


def _of(letter_id: int) -> ColumnElement[bool]:
    # The sum keeps SQLite from walking through the whole letter by its unique key (mailer.deliveries.Span).
    return Delivery.letter_id + 0 == letter_id
