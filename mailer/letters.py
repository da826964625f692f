"""Letters and their compiled variants.

A *letter* is what is sent: its kind, lane, lifetime and what to do when an outcome is in doubt. A *variant* is one
compiled form of a text (language, layout, theme), addressed by the hash of its content, so that a thousand
confirmations share one row. A delivery names its letter and its variant.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import CursorResult, Index, LargeBinary, String, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId, insert_new, one_of
from mailer.letter import Kind


class Lane(enum.StrEnum):
    """Which queue carries it; `tx` has its own connections, so that a running digest never delays a confirmation."""

    TX = "tx"
    BULK = "bulk"


class InDoubt(enum.StrEnum):
    """What becomes of a delivery whose outcome nobody can know, after a grace in which evidence may come."""

    RESEND = "resend"  # once, same Message-ID, same bytes: losing a reader silently is worse than a second copy
    ASSUME_SENT = "assume_sent"  # for alerts
    HOLD = "hold"  # a person decides


class LetterState(enum.StrEnum):
    """Where a letter stands. Deliveries leave only while it is `sending`."""

    BUILDING = "building"  # its audience is being written; nothing may leave yet
    SENDING = "sending"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"


class Letter(Base):
    __tablename__ = "letters"
    __table_args__ = (
        # Every notice is a letter: those that have not ended are looked for every few seconds among millions that have.
        Index(
            "ix_letters_open",
            "state",
            sqlite_where=text("finished_at IS NULL"),
            postgresql_where=text("finished_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    name: Mapped[str] = mapped_column(String(40))  # the folder in templates/email: daily, confirm, welcome
    kind: Mapped[Kind] = mapped_column(one_of(Kind, "kind"))
    lane: Mapped[Lane] = mapped_column(one_of(Lane, "lane"))
    state: Mapped[LetterState] = mapped_column(one_of(LetterState, "state"))
    in_doubt: Mapped[InDoubt] = mapped_column(one_of(InDoubt, "in_doubt"))
    due_at: Mapped[datetime]  # the Date header of every copy, so that a resend has the same bytes
    deadline_at: Mapped[datetime]  # due_at + lifetime: what is still deferred then has failed as expired
    sealed_count: Mapped[int | None]  # deliveries there were when the audience was sealed
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class Variant(Base):
    __tablename__ = "variants"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256 of what it was compiled from
    language: Mapped[str] = mapped_column(String(16))
    compiled: Mapped[bytes] = mapped_column(LargeBinary)  # mailer.letter.Compiled, serialised
    created_at: Mapped[datetime]


def find_variant(session: Session, digest: str) -> int | None:
    """The id of what was compiled from the same content before."""
    return session.scalar(select(Variant.id).where(Variant.digest == digest))


def compiled_of(session: Session, variant_id: int) -> bytes:
    """The stored form: mailer.letter.Compiled reads it."""
    return session.scalars(select(Variant.compiled).where(Variant.id == variant_id)).one()


def compiled_of_all(session: Session, variant_ids: Collection[int]) -> list[tuple[int, bytes]]:
    """The stored forms of several, with their numbers."""
    found = session.execute(select(Variant.id, Variant.compiled).where(Variant.id.in_(variant_ids)))
    return [(row.id, row.compiled) for row in found]


def store_variant(session: Session, *, digest: str, language: str, compiled: bytes, now: datetime) -> int:
    """Keep a compiled form; the id of the row there is, when another process was faster."""
    new = insert_new(Variant, is_sqlite=session.get_bind().dialect.name == "sqlite")
    session.execute(new.values(digest=digest, language=language, compiled=compiled, created_at=now))
    return session.scalars(select(Variant.id).where(Variant.digest == digest)).one()


def seal(session: Session, letter_id: int, *, count: int) -> bool:
    """Its audience is written and counted: from here on it sends. False when it was not `building`."""
    moved = _move(session, letter_id, [LetterState.BUILDING], LetterState.SENDING)
    if moved:
        session.execute(update(Letter).where(Letter.id == letter_id).values(sealed_count=count))
    return moved


def pause(session: Session, letter_id: int) -> bool:
    """Nothing new leaves; what is in flight ends. False when it was not sending."""
    return _move(session, letter_id, [LetterState.SENDING], LetterState.PAUSED)


def resume(session: Session, letter_id: int) -> bool:
    """Go on where it was paused. False when it was not."""
    return _move(session, letter_id, [LetterState.PAUSED], LetterState.SENDING)


def _move(session: Session, letter_id: int, sources: Collection[LetterState], target: LetterState) -> bool:
    result = session.execute(
        update(Letter).where(Letter.id == letter_id, Letter.state.in_(sources)).values(state=target)
    )
    assert isinstance(result, CursorResult)
    return result.rowcount > 0
