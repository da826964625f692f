"""Moves: a reader's wish to be written to at another address, until that address has confirmed it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, String, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId

_KEPT_FOR = timedelta(days=14)


class Move(Base):
    __tablename__ = "moves"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    subscriber_id: Mapped[int] = mapped_column(ForeignKey("subscribers.id"), index=True)
    edition_id: Mapped[int] = mapped_column(ForeignKey("editions.id"))  # in whose name it was asked for
    address: Mapped[str] = mapped_column(String(320))  # the new one
    requested_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


def newest(session: Session, subscriber_id: int) -> Move | None:
    """The only one that counts: an earlier wish is over when there is a later one."""
    wanted = select(Move).where(Move.subscriber_id == subscriber_id)
    return session.scalar(wanted.order_by(Move.id.desc()).limit(1))


def count_since(session: Session, subscriber_id: int, since: datetime) -> int:
    wanted = select(func.count()).where(Move.subscriber_id == subscriber_id, Move.requested_at > since)
    return session.scalar(wanted) or 0


def sweep(session: Session, *, now: datetime) -> None:
    """Keep no address longer than its link could matter: done or not, a fortnight."""
    session.execute(delete(Move).where(Move.requested_at < now - _KEPT_FOR))


def forget(session: Session, subscriber_id: int) -> None:
    """Keep nothing of a person who is forgotten."""
    session.execute(delete(Move).where(Move.subscriber_id == subscriber_id))
