"""Batches: deliveries that are leased together.

A batch is a range of delivery ids of one letter and one receiving-domain group. A freeze writes its rows group by
group, so the range is dense; claiming a batch is one conditional UPDATE on one row.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    ForeignKey,
    Index,
    String,
    Table,
    and_,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId, one_of
from mailer import holds
from mailer.deliveries import OPEN, Delivery, Span, State
from mailer.letters import Lane, Letter, LetterState

#: Deliveries in one batch, and rows in one transaction: enough to make a commit cheap, few enough that pause and cancel
#: work within a second.
SIZE = 500


class BatchState(enum.StrEnum):
    OPEN = "open"  # has deliveries to send, now or at next_at
    LEASED = "leased"  # a worker holds it until lease_until
    DONE = "done"  # no delivery of it can leave any more


class Batch(Base):
    __tablename__ = "batches"
    __table_args__ = (Index("ix_batches_lane_state_next_at", "lane", "state", "next_at"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    letter_id: Mapped[int] = mapped_column(ForeignKey("letters.id"), index=True)
    lane: Mapped[Lane] = mapped_column(one_of(Lane, "lane"))
    domain_group: Mapped[str] = mapped_column(String(64))
    first_id: Mapped[int] = mapped_column(RowId)
    last_id: Mapped[int] = mapped_column(RowId)
    size: Mapped[int]
    state: Mapped[BatchState] = mapped_column(one_of(BatchState, "state"), default=BatchState.OPEN)
    next_at: Mapped[datetime]
    owner: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
    signing_until: Mapped[datetime | None]  # who signs it ahead has it until then (mailer.signatures)
    signed_at: Mapped[datetime | None]
    # How its deliveries stood when it was put down: a letter's progress is read from its few batches.
    accepted: Mapped[int] = mapped_column(server_default="0")
    failed: Mapped[int] = mapped_column(server_default="0")
    skipped: Mapped[int] = mapped_column(server_default="0")
    deferred: Mapped[int] = mapped_column(server_default="0")


BATCHES = cast("Table", Batch.__table__)
LETTERS = cast("Table", Letter.__table__)


#: A leased batch's rows are in these until it is closed; none of them may leave a batch that is done.
UNSENT = OPEN - {State.UNCERTAIN}


def cut(session: Session, span: Span, *, lane: Lane, domain_group: str, now: datetime) -> int:
    """Cut the span's deliveries of this domain group into batches of `SIZE`; how many there are. No row is touched."""
    rows = (
        select(
            Delivery.id,
            Delivery.next_at,
            ((func.row_number().over(order_by=Delivery.id) - 1) // SIZE).label("part"),
        )
        .where(span.condition(), Delivery.domain_group == domain_group)
        .subquery()
    )
    names = ["letter_id", "lane", "domain_group", "state", "first_id", "last_id", "size", "next_at"]
    parts = select(
        literal(span.letter_id),
        literal(lane, Batch.lane.type),
        literal(domain_group),
        literal(BatchState.OPEN, Batch.state.type),
        func.min(rows.c.id),
        func.max(rows.c.id),
        func.count(),
        func.coalesce(func.min(rows.c.next_at), literal(now, Batch.next_at.type)),
    ).group_by(rows.c.part)
    result = session.execute(insert(Batch).from_select(names, parts))
    assert isinstance(result, CursorResult)
    return result.rowcount


def due(session: Session, lane: Lane, *, now: datetime, limit: int) -> list[int]:
    """Batches of a lane that may be leased now, the longest-waiting first.

    A cancelled letter's batches are among them, even of a lane that is held: leasing is what skips their rows.
    """
    return list(
        session.scalars(
            select(Batch.id)
            .join(Letter, Letter.id == Batch.letter_id)
            .where(
                Batch.lane == lane,
                Batch.state == BatchState.OPEN,
                Batch.next_at <= now,
                or_(
                    Letter.state == LetterState.CANCELLED,
                    and_(Letter.state == LetterState.SENDING, holds.is_free(lane)),
                ),
            )
            .order_by(Batch.next_at, Batch.id)
            .limit(limit)
        )
    )


#: The states that a batch counts.
COUNTED = (State.ACCEPTED, State.FAILED, State.SKIPPED, State.DEFERRED)


def _covers(delivery_ids: Sequence[int]) -> ColumnElement[bool]:
    return exists().where(Delivery.id.in_(delivery_ids), Delivery.id.between(Batch.first_id, Batch.last_id))


def recount_around(session: Session, letter_id: int, delivery_ids: Sequence[int]) -> None:
    """Count again the batches of these deliveries, whose doubt has ended after they had been put down."""
    around = select(Batch.id).where(Batch.letter_id == letter_id, _covers(delivery_ids))
    recount(session, session.scalars(around).all())


def recount(session: Session, batch_ids: Sequence[int]) -> None:
    """Count again how the deliveries of these batches stand. A batch that a worker holds is counted when it is put down."""
    spans = session.execute(
        select(Batch.id, Batch.letter_id, Batch.first_id, Batch.last_id).where(
            Batch.id.in_(batch_ids), Batch.state != BatchState.LEASED
        )
    ).all()
    for batch_id, letter_id, first_id, last_id in spans:
        span = Span(letter_id, first_id, last_id)
        counted = session.execute(select(Delivery.state, func.count()).where(span.condition()).group_by(Delivery.state))
        session.execute(
            update(Batch)
            .where(Batch.id == batch_id, Batch.state != BatchState.LEASED)
            .values(standing(dict(counted.all())))
        )


def standing(counted: Mapping[State, int]) -> dict[str, int]:
    """What a batch says of its deliveries, by column."""
    return {state.value: counted.get(state, 0) for state in COUNTED}


def reopen(session: Session, letter_id: int, delivery_ids: Sequence[int], *, now: datetime) -> None:
    """Make the batches that cover these deliveries due; one that a worker holds is looked at when it is closed."""
    session.execute(
        update(Batch)
        .where(Batch.letter_id == letter_id, Batch.state != BatchState.LEASED, _covers(delivery_ids))
        .values(state=BatchState.OPEN, next_at=now)
    )


def reopen_all(session: Session, letter_id: int, *, now: datetime) -> None:
    """Make every batch of a letter that is not done due now."""
    session.execute(
        update(Batch)
        .where(Batch.letter_id == letter_id, Batch.state == BatchState.OPEN, Batch.next_at > now)
        .values(next_at=now)
    )


def put_off(session: Session, lane: Lane, domain_group: str, *, until: datetime, now: datetime) -> int:
    """Nothing of this group can leave before `until`: its due batches wait till then, and the other groups' come first.

    A cancelled letter's are not put off, for what is left of them is to be skipped.
    """
    result = session.execute(
        update(Batch)
        .where(
            Batch.lane == lane,
            Batch.state == BatchState.OPEN,
            Batch.next_at <= now,
            Batch.domain_group == domain_group,
            Batch.letter_id.not_in(select(Letter.id).where(Letter.state == LetterState.CANCELLED)),
        )
        .values(next_at=until)
    )
    assert isinstance(result, CursorResult)
    return result.rowcount


def call_back(session: Session, domain_group: str | None, *, now: datetime) -> None:
    """What was put off may go: of a group, or of all.

    Rows that were given back until later go, too. A deferred one keeps its time: the next lease finds that out at no cost.
    """
    group = [] if domain_group is None else [Batch.domain_group == domain_group]
    called = session.execute(
        update(Batch)
        .where(Batch.lane.in_(list(Lane)), Batch.state == BatchState.OPEN, Batch.next_at > now, *group)
        .values(next_at=now)
        .returning(Batch.letter_id, Batch.first_id, Batch.last_id)
    ).all()
    its_hour_has_come = or_(Delivery.not_before.is_(None), Delivery.not_before <= now)
    for span in (Span(*row) for row in called):
        session.execute(
            update(Delivery)
            .where(span.condition(), Delivery.state == State.READY, Delivery.next_at > now, its_hour_has_come)
            .values(next_at=now),
            execution_options={"synchronize_session": False},
        )
