"""Heartbeats: when each round of the timetable last ran, in which process, how long it took and what went wrong.

One row a round, written at its end; one row a process that works. Where a row grows old the thing it names has stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import String, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base

#: What a process that works is called; its rounds have names of their own.
WORKER = "worker "
#: How often a process says that it works.
WORKER_PACE = timedelta(seconds=10)
#: A process that works and has said nothing for so long has lost what it holds. Longer than the 30 s in which one that
#: was told to end may finish what is in flight, for it no longer says that it works.
SILENT_AFTER = timedelta(seconds=45)
#: A process that has said nothing for so long has ended, and is no longer shown.
_FORGOTTEN_AFTER = timedelta(hours=1)


class Heartbeat(Base):
    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)  # publish_due, settle; "worker host:pid:hex"
    process: Mapped[str] = mapped_column(String(64))
    pace_seconds: Mapped[int]  # how often it is meant to come
    ended_at: Mapped[datetime]
    took_ms: Mapped[int]
    succeeded_at: Mapped[datetime | None]  # the last time that nothing went wrong
    problem: Mapped[str | None] = mapped_column(String(300))  # what went wrong the last time


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One run of a round."""

    name: str
    process: str
    pace: timedelta
    began_at: datetime
    ended_at: datetime
    problem: str | None = None


def note(session: Session, beat: Beat) -> None:
    """Keep a run; of each round only the last is kept."""
    values = {
        "name": beat.name,
        "process": beat.process,
        "pace_seconds": round(beat.pace.total_seconds()),
        "ended_at": beat.ended_at,
        "took_ms": max(0, round((beat.ended_at - beat.began_at).total_seconds() * 1000)),
        "problem": beat.problem[:300] if beat.problem else None,
    }
    if beat.problem is None:
        values["succeeded_at"] = beat.ended_at
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    new = (sqlite.insert if is_sqlite else postgresql.insert)(Heartbeat).values(values)
    session.execute(new.on_conflict_do_update(index_elements=["name"], set_=values))


def note_worker(session: Session, process: str, *, now: datetime) -> None:
    """This process works; those that have long said nothing are forgotten."""
    name = f"{WORKER}{process}"
    note(session, Beat(name=name, process=process, pace=WORKER_PACE, began_at=now, ended_at=now))
    session.execute(
        delete(Heartbeat).where(Heartbeat.name.startswith(WORKER), Heartbeat.ended_at < now - _FORGOTTEN_AFTER)
    )


def silent(session: Session, *, now: datetime) -> set[str]:
    """The processes that worked and have fallen silent."""
    found = session.scalars(
        select(Heartbeat.process).where(Heartbeat.name.startswith(WORKER), Heartbeat.ended_at < now - SILENT_AFTER)
    )
    return set(found)


def rounds(session: Session) -> Sequence[Heartbeat]:
    """The timetable's rounds as they last ran, by name."""
    return session.scalars(
        select(Heartbeat).where(Heartbeat.name.not_like(f"{WORKER}%")).order_by(Heartbeat.name)
    ).all()


def workers(session: Session) -> Sequence[Heartbeat]:
    """The processes that work, or did until lately; the last heard first."""
    return session.scalars(
        select(Heartbeat).where(Heartbeat.name.startswith(WORKER)).order_by(Heartbeat.ended_at.desc())
    ).all()
