"""Deliveries: our undertaking to bring one letter to one recipient, with its history.

The state machine is one total table (`NEXT`): every (state, event) pair has an answer, and an event that means nothing
in a state leaves it. Terminal states never change; what is learnt after acceptance (bounced, complained) is a column.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    ForeignKey,
    Index,
    String,
    Table,
    UniqueConstraint,
    and_,
    bindparam,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId, one_of
from mailer.letter import Kind
from mailer.letters import Letter


class State(enum.StrEnum):
    READY = "ready"  # may be sent from next_at on
    CLAIMED = "claimed"  # a worker holds it; nothing has been handed over
    SENDING = "sending"  # the intent is committed: from here on a crash leaves it in doubt
    ACCEPTED = "accepted"  # 250 after the final dot: the next server has it
    DEFERRED = "deferred"  # 4xx: back to ready at next_at
    FAILED = "failed"  # 5xx, or the letter's lifetime is over
    UNCERTAIN = "uncertain"  # no valid answer to the final dot, or a crash after the intent
    SKIPPED = "skipped"  # left, paused, suppressed, erased, cancelled, expired before it was sent


#: No way leads out of these.
TERMINAL = frozenset({State.ACCEPTED, State.FAILED, State.SKIPPED})
#: An issue is finished when no delivery is in one of these.
OPEN = frozenset(State) - TERMINAL


class Event(enum.StrEnum):
    CLAIM = "claim"
    RELEASE = "release"  # the worker gives it back, or its lease ran out before the intent
    INTEND = "intend"
    ACCEPT = "accept"
    DEFER = "defer"
    RETRY = "retry"  # next_at has come
    FAIL = "fail"
    LOSE = "lose"  # no valid answer, or the lease ran out after the intent
    PROVE = "prove"  # evidence that it arrived, or policy assume_sent
    RESEND = "resend"  # policy
    SKIP = "skip"


NEXT: dict[State, dict[Event, State]] = {
    State.READY: {Event.CLAIM: State.CLAIMED, Event.SKIP: State.SKIPPED},
    State.CLAIMED: {
        Event.INTEND: State.SENDING,
        Event.RELEASE: State.READY,
        Event.SKIP: State.SKIPPED,
        Event.FAIL: State.FAILED,  # a row that cannot be rendered
    },
    State.SENDING: {
        Event.ACCEPT: State.ACCEPTED,
        Event.DEFER: State.DEFERRED,
        Event.FAIL: State.FAILED,
        Event.LOSE: State.UNCERTAIN,
        Event.PROVE: State.ACCEPTED,  # a DSN may beat the flush
        Event.RELEASE: State.READY,  # the connection broke before DATA: certainly not sent
    },
    State.ACCEPTED: {},
    State.DEFERRED: {
        Event.RETRY: State.READY,
        Event.CLAIM: State.CLAIMED,
        Event.SKIP: State.SKIPPED,
        Event.FAIL: State.FAILED,
    },
    State.FAILED: {},
    State.UNCERTAIN: {
        Event.ACCEPT: State.ACCEPTED,  # an old worker that really got its 250
        Event.PROVE: State.ACCEPTED,
        Event.RESEND: State.READY,
        Event.FAIL: State.FAILED,  # a bounce that names it, or lifetime over
    },
    State.SKIPPED: {},
}


def after(state: State, event: Event) -> State:
    """The state that follows; an event that means nothing in a state leaves it as it is."""
    return NEXT[state].get(event, state)


def sources(event: Event) -> list[State]:
    """The states in which an event has an effect: the guard of every UPDATE."""
    return [state for state in State if event in NEXT[state]]


def _some(name: str, *columns: str, where: str) -> Index:
    """An index of the rows for which `where` holds."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class Delivery(Base):
    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("letter_id", "recipient_id"),
        # Sending writes a row three times, and each index that names its state is looked at each time: so what is leased is
        # found by its batch, what is open of a reader by the letters that have not ended, and one index names the state.
        #
        # Suppressing finds the open rows of an address, and ops all of them.
        Index("ix_deliveries_address_key", "address_key"),
        # The few that did not simply go through, as ops list them; what is accepted is in none of these.
        _some(
            "ix_deliveries_exceptions", "state", "id", where="state IN ('deferred', 'failed', 'uncertain', 'skipped')"
        ),
        _some("ix_deliveries_bounced", "bounced_at", "id", where="bounced_at IS NOT NULL"),
        _some("ix_deliveries_complained", "complained_at", "id", where="complained_at IS NOT NULL"),
        # What was ever in doubt is rare, and what still is is looked for every few seconds.
        _some("ix_deliveries_uncertain", "uncertain_at", where="uncertain_at IS NOT NULL"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    letter_id: Mapped[int] = mapped_column(ForeignKey("letters.id"))
    variant_id: Mapped[int] = mapped_column(ForeignKey("variants.id"))
    recipient_id: Mapped[int] = mapped_column(RowId, index=True)  # a number the caller knows; no key into another room
    scope: Mapped[str | None] = mapped_column(String(64))  # what a leave narrows itself to, e.g. "edition:3"
    domain_group: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(320))  # the envelope's recipient
    address_key: Mapped[str] = mapped_column(String(320))  # the same in small letters: what suppressions compare
    fields: Mapped[dict[str, Any]]
    state: Mapped[State] = mapped_column(one_of(State, "state"), default=State.READY)
    reason: Mapped[str | None] = mapped_column(String(120))  # why failed, skipped or uncertain
    attempt: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
    not_before: Mapped[datetime | None]  # the reader's own hour
    next_at: Mapped[datetime]
    stage: Mapped[str | None] = mapped_column(String(16))  # connect | mail | rcpt | data | dot
    route: Mapped[str | None] = mapped_column(String(40))
    code: Mapped[int | None]
    enhanced: Mapped[str | None] = mapped_column(String(16))
    reply: Mapped[str | None] = mapped_column(String(512))
    queue_id: Mapped[str | None] = mapped_column(String(128))  # what the next server called it in its 250
    uncertain_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    bounced_at: Mapped[datetime | None]  # a later fact: a report said so
    bounce_kind: Mapped[str | None] = mapped_column(String(16))
    complained_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Attempt(Base):
    """One SMTP transaction that did not end in acceptance; append-only. (Accepted ones are told by the delivery itself.)"""

    __tablename__ = "attempts"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("deliveries.id"), index=True)
    number: Mapped[int]
    at: Mapped[datetime]
    outcome: Mapped[str] = mapped_column(String(16))
    stage: Mapped[str | None] = mapped_column(String(16))
    route: Mapped[str | None] = mapped_column(String(40))
    code: Mapped[int | None]
    enhanced: Mapped[str | None] = mapped_column(String(16))
    reply: Mapped[str | None] = mapped_column(String(512))


DELIVERIES = cast("Table", Delivery.__table__)

#: The reason that marks a row whose reader left while it was being handed over: whatever comes of it, it never goes again.
WITHDRAWN = "withdrawn"


@dataclass(slots=True)  # not frozen: there is one for each message, and that would triple its cost
class Row:
    """What the hot path needs of a delivery."""

    id: int
    recipient_id: int
    variant_id: int
    address: str
    address_key: str
    fields: dict[str, Any]
    attempt: int  # finished attempts; the next one has this number + 1


@dataclass(frozen=True, slots=True)
class Span:
    """The deliveries of one letter from one id to another: what a batch covers."""

    letter_id: int
    first_id: int
    last_id: int

    def condition(self) -> ColumnElement[bool]:
        # The sum keeps SQLite from walking through the whole letter by its unique key: 23 ms of the only write lock for
        # each claim and each close among 200,000 deliveries, where the range of ids takes 0.2 ms.
        return and_(Delivery.id.between(self.first_id, self.last_id), Delivery.letter_id + 0 == self.letter_id)

    def given(self) -> dict[str, int]:
        """The same for a statement that was built once, with `IN_SPAN`."""
        return {"b_letter": self.letter_id, "b_first": self.first_id, "b_last": self.last_id}


#: `Span.condition`, for whatever span is given.
IN_SPAN = and_(
    DELIVERIES.c.id.between(bindparam("b_first"), bindparam("b_last")),
    DELIVERIES.c.letter_id + 0 == bindparam("b_letter"),
)


def in_states(states: Iterable[State]) -> ColumnElement[bool]:
    """`state IN ('ready', 'claimed', ...)` with the words in the text: SQLite uses a partial index for nothing else."""
    return Delivery.state.in_(bindparam(None, list(states), expanding=True, literal_execute=True))


def claim(session: Session, span: Span, *, owner: str, until: datetime, now: datetime) -> list[Row]:
    """Take every row of the span that is due."""
    given = {"b_owner": owner, "b_until": until, "b_now": now, **span.given()}
    found = [Row(*row) for row in session.connection().execute(_CLAIM, given).all()]
    return sorted(found, key=lambda row: row.id)


def release(session: Session, span: Span, *, owner: str, next_at: datetime) -> None:
    """Give back what was claimed and not intended."""
    session.connection().execute(_RELEASE, {"b_owner": owner, "b_next_at": next_at, **span.given()})


def _time(name: str) -> BindParameter[datetime]:
    return bindparam(name, type_=DELIVERIES.c.next_at.type)


#: Built once: they go with every batch, and to build them takes longer than to run them.
_CLAIM = (
    update(DELIVERIES)
    .where(
        IN_SPAN,
        or_(DELIVERIES.c.state == State.READY, DELIVERIES.c.state == State.DEFERRED),
        DELIVERIES.c.next_at <= _time("b_now"),
    )
    .values(state=State.CLAIMED, owner=bindparam("b_owner"), lease_until=_time("b_until"))
    .returning(*(DELIVERIES.c[name] for name in Row.__dataclass_fields__))
)
_RELEASE = (
    update(DELIVERIES)
    .where(IN_SPAN, DELIVERIES.c.state == State.CLAIMED, DELIVERIES.c.owner == bindparam("b_owner"))
    .values(state=State.READY, owner=None, lease_until=None, next_at=_time("b_next_at"))
)


def to_reader(recipient_id: int) -> ColumnElement[bool]:
    """What goes to the reader of this number. Letters to staff count their recipients otherwise: the same number is
    somebody else there."""
    letter = select(Letter.id).where(Letter.id == Delivery.letter_id, Letter.kind == Kind.STAFF).correlate(Delivery)
    return and_(Delivery.recipient_id == recipient_id, ~letter.exists())


def skip_recipient(session: Session, recipient_id: int, *, reason: str, scope: str | None = None) -> None:
    """Skip what has not been handed over to this reader, in the caller's transaction.

    `scope` narrows it to one edition (`edition:3`); None means every letter to a reader. What is just being handed over is marked
    `withdrawn`: it may still arrive, and is never tried again.
    """
    not_ended = select(Letter.id).where(Letter.finished_at.is_(None))
    whose = [to_reader(recipient_id), Delivery.letter_id.in_(not_ended)]
    if scope is not None:
        whose.append(Delivery.scope == scope)
    _skip(session, and_(*whose), reason)


def skip_addresses(session: Session, address_keys: Iterable[str], *, reason: str) -> None:
    """The same for everything that goes to these addresses."""
    _skip(session, Delivery.address_key.in_(list(address_keys)), reason)


def _skip(session: Session, whose: ColumnElement[bool], reason: str) -> None:
    session.execute(
        update(Delivery).where(whose, in_states(sources(Event.SKIP))).values(state=State.SKIPPED, reason=reason)
    )
    session.execute(
        update(Delivery).where(whose, in_states([State.SENDING, State.UNCERTAIN])).values(reason=WITHDRAWN),
        execution_options={"synchronize_session": False},  # nobody holds these as objects
    )
