"""Suppressions: addresses we must not mail, each with its reason and who or what said so.

A suppression is about an *address*, whatever its owner reads; a subscription is about *permission*.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import CursorResult, ForeignKey, Index, String, or_, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId, insert_new, one_of
from mailer import deliveries

#: A bounced address is asked again at most once in this time, however often it is typed into a form.
ASK_EVERY = timedelta(days=30)


class Cause(enum.StrEnum):
    HARD_BOUNCE = "hard_bounce"  # the receiving server says there is no such mailbox
    COMPLAINT = "complaint"  # the reader pressed "spam"
    MANUAL = "manual"  # an operator's decision
    ERASED = "erased"  # the person asked to be forgotten; only a hash stays


class Suppression(Base):
    __tablename__ = "suppressions"
    __table_args__ = (
        # One standing suppression an address; lifted ones stay as history.
        Index(
            "uq_suppressions_standing",
            "address_key",
            unique=True,
            sqlite_where=text("lifted_at IS NULL"),
            postgresql_where=text("lifted_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    address_key: Mapped[str] = mapped_column(String(320), index=True)
    cause: Mapped[Cause] = mapped_column(one_of(Cause, "cause"))
    note: Mapped[str | None] = mapped_column(String(512))  # the reply, the operator's words
    delivery_id: Mapped[int | None] = mapped_column(ForeignKey("deliveries.id"))
    until: Mapped[datetime | None]
    asked_at: Mapped[datetime | None]  # when its reader, who signed up again, was last asked to confirm in spite of it
    created_at: Mapped[datetime]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None] = mapped_column(String(120))


def standing(session: Session, address_key: str, *, now: datetime) -> Suppression | None:
    """The suppression that forbids mail to this address now, if there is one."""
    return session.scalar(
        select(Suppression).where(
            Suppression.address_key == address_key,
            Suppression.lifted_at.is_(None),
            or_(Suppression.until.is_(None), Suppression.until > now),
        )
    )


def may_ask(suppression: Suppression, *, now: datetime) -> bool:
    """Whether a reader who signs up again may be sent one letter to confirm, in spite of this.

    A mailbox that was not there may be there again, and only a letter can tell: one in thirty days. Whoever called our
    mail spam, was forgotten, or was ruled out by an operator gets none until the suppression is lifted.
    """
    if suppression.cause is not Cause.HARD_BOUNCE:
        return False
    return suppression.asked_at is None or now - suppression.asked_at >= ASK_EVERY


def note_asked(session: Session, suppression: Suppression, *, now: datetime) -> bool:
    """Write down that its reader is asked; False when another request was quicker."""
    found = session.execute(
        update(Suppression)
        .where(
            Suppression.id == suppression.id,
            or_(Suppression.asked_at.is_(None), Suppression.asked_at <= now - ASK_EVERY),
        )
        .values(asked_at=now)
    )
    assert isinstance(found, CursorResult)
    return found.rowcount > 0


def lift_bounce(session: Session, address_key: str, *, by: str, now: datetime) -> None:
    """The mailbox is there after all: its reader has just acted on a letter. Any other suppression stands."""
    session.execute(
        update(Suppression)
        .where(
            Suppression.address_key == address_key,
            Suppression.lifted_at.is_(None),
            Suppression.cause == Cause.HARD_BOUNCE,
        )
        .values(lifted_at=now, lifted_by=by)
    )


def suppress(
    session: Session,
    address_key: str,
    cause: Cause,
    *,
    now: datetime,
    note: str | None = None,
    delivery_id: int | None = None,
) -> Suppression:
    """Forbid mail to an address and skip what is still to go there, in the caller's transaction. Twice is harmless."""
    found = session.scalar(
        select(Suppression).where(Suppression.address_key == address_key, Suppression.lifted_at.is_(None))
    )
    if found is None:
        found = Suppression(
            address_key=address_key, cause=cause, note=note, delivery_id=delivery_id, created_at=now, until=None
        )
        session.add(found)
    skip_open(session, [address_key], reason=f"suppressed: {cause}")
    session.flush()
    return found


@dataclass(frozen=True, slots=True)
class Dead:
    """A mailbox that its server says does not exist, and by which delivery we know."""

    address_key: str
    note: str | None
    delivery_id: int


def suppress_dead(session: Session, dead: Sequence[Dead], *, now: datetime) -> None:
    """The same for the hard refusals of a whole group of results; where an address is suppressed already, that stands."""
    rows = [
        {
            "address_key": each.address_key,
            "cause": Cause.HARD_BOUNCE,
            "note": each.note,
            "delivery_id": each.delivery_id,
            "created_at": now,
        }
        for each in sorted(dead, key=lambda each: each.address_key)  # one order: two workers never wait for each other
    ]
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    session.connection().execute(insert_new(Suppression, is_sqlite=is_sqlite), rows)
    skip_open(session, [row.address_key for row in dead], reason=f"suppressed: {Cause.HARD_BOUNCE}")


def lift(session: Session, address_key: str, *, by: str, now: datetime) -> bool:
    """Allow mail to an address again; False where no suppression stood."""
    result = session.execute(
        update(Suppression)
        .where(Suppression.address_key == address_key, Suppression.lifted_at.is_(None))
        .values(lifted_at=now, lifted_by=by)
    )
    assert isinstance(result, CursorResult)
    return result.rowcount > 0


def skip_open(session: Session, address_keys: Iterable[str], *, reason: str) -> None:
    """Skip every delivery to these addresses that has not been handed over."""
    deliveries.skip_addresses(session, address_keys, reason=reason)


def list_standing(session: Session) -> list[Suppression]:
    """All that have not been lifted, the oldest first."""
    return list(session.scalars(select(Suppression).where(Suppression.lifted_at.is_(None)).order_by(Suppression.id)))
