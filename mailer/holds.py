"""Holds: a person's word that nothing of a lane may leave for now, whatever issue it belongs to.

One row a lane, looked at where a batch is leased and again where its deliveries are intended: it takes effect within a
moment, outlives a restart, and changes no letter and no delivery. What is in flight arrives.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Column, ColumnElement, CursorResult, String, delete, exists, not_, select
from sqlalchemy.orm import InstrumentedAttribute, Mapped, Session, mapped_column

from ground.database import Base, insert_new, one_of
from mailer.letters import Lane


class LaneHold(Base):
    __tablename__ = "lane_holds"

    lane: Mapped[Lane] = mapped_column(one_of(Lane, "lane"), primary_key=True)
    reason: Mapped[str] = mapped_column(String(300))
    held_by: Mapped[str] = mapped_column(String(320))
    held_at: Mapped[datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why a lane rests, by whom and since when."""

    lane: Lane
    reason: str
    held_by: str
    held_at: datetime


def is_free(lane: InstrumentedAttribute[Lane] | Column[Any] | BindParameter[Lane] | Lane) -> ColumnElement[bool]:
    """Whether deliveries of a lane may leave; for the WHERE of whoever lets them."""
    return not_(exists(select(LaneHold.lane).where(LaneHold.lane == lane)))


def hold(session: Session, lane: Lane, *, reason: str, by: str, now: datetime) -> bool:
    """Let nothing more of a lane leave. False when it was held before; that hold stands, with its reason."""
    new = insert_new(LaneHold, is_sqlite=session.get_bind().dialect.name == "sqlite")
    values = new.values(lane=lane, reason=reason, held_by=by, held_at=now)
    return session.execute(values.returning(LaneHold.lane)).one_or_none() is not None


def free(session: Session, lane: Lane) -> bool:
    """Let a lane go on. False when it was not held."""
    done = session.execute(delete(LaneHold).where(LaneHold.lane == lane))
    assert isinstance(done, CursorResult)
    return done.rowcount > 0


def standing(session: Session) -> dict[Lane, Hold]:
    """The lanes that are held now."""
    rows = session.scalars(select(LaneHold))
    return {row.lane: Hold(lane=row.lane, reason=row.reason, held_by=row.held_by, held_at=row.held_at) for row in rows}
