"""Told: what somebody was written to about, so that a cause is one letter and then silence, however often it is seen.

A cause has a name ("breaker:route_refuses:route:main", "issue:12:approval"). One that comes and goes is told once in its
quiet time; one that lasts is told again when that is over.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, String, delete, func, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, insert_new

#: A cause that was not seen for so long had gone, and is judged from its new beginning.
_GONE_AFTER = timedelta(minutes=10)
#: Nothing of so long ago is looked at any more.
_FORGOTTEN_AFTER = timedelta(days=14)
LONGEST_NAME = 300


class Told(Base):
    __tablename__ = "told"

    cause: Mapped[str] = mapped_column(String(LONGEST_NAME), primary_key=True)
    first_seen_at: Mapped[datetime]  # of its present stay
    seen_at: Mapped[datetime]
    told_at: Mapped[datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a cause is told."""

    patience: timedelta = timedelta(0)  # what is over sooner is not worth a letter
    quiet: timedelta | None = None  # how long nothing more is said of it; None is for ever


def silenced(session: Session, causes: Collection[str], manner: Manner, *, now: datetime) -> set[str]:
    """Those of these causes of which enough was said. Reading only."""
    wanted = select(Told.cause).where(Told.cause.in_(causes), Told.told_at.is_not(None))
    if manner.quiet is not None:
        wanted = wanted.where(Told.told_at > now - manner.quiet)
    return set(session.scalars(wanted))


def see(session: Session, cause: str, manner: Manner, *, now: datetime) -> bool:
    """Note that a cause is there; whether it has been there for long enough to be told."""
    values = {"cause": cause, "first_seen_at": now, "seen_at": now}
    session.execute(insert_new(Told, is_sqlite=session.get_bind().dialect.name == "sqlite").values(values))
    row = session.scalars(select(Told).where(Told.cause == cause).with_for_update()).one()
    if now - row.seen_at > _GONE_AFTER:
        row.first_seen_at = now
    row.seen_at = now
    return now - row.first_seen_at >= manner.patience


def claim(session: Session, cause: str, manner: Manner, *, now: datetime) -> bool:
    """Be the one who tells it; False where somebody else was quicker."""
    untold: ColumnElement[bool] = Told.told_at.is_(None)
    if manner.quiet is not None:
        untold = or_(untold, Told.told_at <= now - manner.quiet)
    won = update(Told).where(Told.cause == cause, untold).values(told_at=now).returning(Told.cause)
    return session.execute(won).one_or_none() is not None


def forget(session: Session, *, now: datetime) -> None:
    """Keep nothing of what was over long ago."""
    session.execute(delete(Told).where(func.coalesce(Told.told_at, Told.seen_at) < now - _FORGOTTEN_AFTER))
