"""Watch: what is wrong with the service at this moment, in words that say what it means and what to do.

A *failing* check is one for which the service should be given no work and somebody be called; `/readyz` answers by these.
What is only worth knowing (a feed collector in trouble, a lane that somebody holds, a breaker) is told on the board beside
them.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from articles import feeds, health
from articles.feeds import Feed
from feedback import alerts, heartbeats
from feedback.heartbeats import Beat, Heartbeat
from ground import migrations
from ground.database import Database
from mailer import queue
from mailer.queue import LaneQueue
from newsletters import objections

#: The rounds without which no issue goes out and none ends.
VITAL = frozenset({"reconcile", "publish_due", "settle", "recover"})
#: A round may miss a few of its beats while the machine is busy.
MISSED_AT_MOST = 3
SILENT_AT_MOST = timedelta(minutes=5)
#: Below this SQLite's log and a restart's recovery may not find room.
LEAST_DISK = 100 * 1024 * 1024
_NAMED = 3  # of several feeds in one sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong. `check` is its short name, for machines."""

    check: str
    text: str
    is_failing: bool = True


def problems(database: Database, folder: Path | None, *, now: datetime) -> list[Problem]:
    """All that is wrong, the gravest first. Where the database cannot be asked, nothing else is known."""
    try:
        if not migrations.is_current(database):
            return [Problem(check="tables", text=OTHER_REVISION)]
        with database.read() as session:
            found = [*queue_problems(session, now=now), *round_problems(session, now=now)]
            found += held_issues(session, now=now)
            found += feed_problems(session, now=now)
            found += [Problem(check=alert.check, text=alert.text, is_failing=False) for alert in alerts.alerts(session)]
    except SQLAlchemyError:
        return [Problem(check="database", text="The database cannot be reached.")]
    if not can_write(database, now=now):
        found.insert(0, Problem(check="database", text="The database can be read and not written: is its disk full?"))
    return sorted([*found, *disk_problems(folder)], key=lambda problem: not problem.is_failing)


OTHER_REVISION = "The tables are at another revision than the program: run `broadsheet migrate`."


def queue_problems(session: Session, *, now: datetime) -> list[Problem]:
    return [told for lane in queue.lanes(session, now=now).values() for told in _lane(lane, now)]


def _lane(lane: LaneQueue, now: datetime) -> list[Problem]:
    if lane.hold is not None and lane.deliveries:
        words = f"The {lane.lane} lane is held by {lane.hold.held_by}: {lane.hold.reason}"
        return [Problem(check=f"hold_{lane.lane}", text=words, is_failing=False)]
    if lane.stands_still(now):
        minutes = int(lane.waits_for(now).total_seconds() // 60)
        words = (
            f"The {lane.lane} lane stands still: {lane.due} batches are due, the oldest for {minutes} min, and nothing is "
            "being written down. Is a worker running, and does the mail server answer?"
        )
        return [Problem(check=f"queue_{lane.lane}", text=words)]
    return []


def round_problems(session: Session, *, now: datetime) -> list[Problem]:
    """Rounds that no longer come, and rounds that fail. Before the first of them has run there is nothing to say."""
    rounds = heartbeats.rounds(session)
    late = [each for each in rounds if each.name in VITAL and now - each.ended_at > _patience(each)]
    found = []
    if late:
        worst = min(late, key=lambda each: each.ended_at)
        minutes = int((now - worst.ended_at).total_seconds() // 60)
        names = ", ".join(each.name for each in late)
        words = (
            f"These rounds no longer run: {names} ({minutes} min). The scheduler or its lane has stopped; restart it."
        )
        found.append(Problem(check="rounds", text=words))
    found += [_failed(each) for each in rounds if each.problem is not None]
    return found


def held_issues(session: Session, *, now: datetime) -> list[Problem]:
    """Issues that would have gone by themselves, and wait for a person."""
    return [
        Problem(check="issue_held", text=f"Issue {issue.id} waits for a person. {issue.reason}", is_failing=False)
        for issue in objections.standing(session, now=now)
    ]


def _patience(each: Heartbeat) -> timedelta:
    return max(SILENT_AT_MOST, timedelta(seconds=each.pace_seconds) * MISSED_AT_MOST)


def _failed(each: Heartbeat) -> Problem:
    words = f"The round {each.name} failed the last time it ran: {each.problem}"
    return Problem(check=f"round_{each.name}", text=words, is_failing=False)


def feed_problems(session: Session, *, now: datetime) -> list[Problem]:
    """Feeds that fail, and feeds that went quiet: what they would have brought is missing in the issues to come."""
    found = []
    failing, silent = health.failing(session), health.silent(session, now=now)
    if failing:
        named = "; ".join(f"{feeds.shown_name(feed)}{_since(feed)} ({feed.last_error})" for feed in failing[:_NAMED])
        words = f"Feeds that cannot be collected: {named}{_more(failing)}. What they brought before stays. See Sources."
        found.append(Problem(check="feeds_failing", text=words, is_failing=False))
    if silent:
        named = "; ".join(
            f"{feeds.shown_name(feed)}, quiet since {_time(feed.last_story_at)}" for feed in silent[:_NAMED]
        )
        words = f"Feeds that answer and bring nothing new: {named}{_more(silent)}. Is the newsroom quiet, or its feed broken?"
        found.append(Problem(check="feeds_silent", text=words, is_failing=False))
    return found


def _since(feed: Feed) -> str:
    return f", last at {_time(feed.last_success_at)}" if feed.last_success_at is not None else ", never yet"


def _time(at: datetime | None) -> str:
    return f"{at:%d %b %H:%M} UTC" if at is not None else "it was added"


def _more(found: Sequence[Feed]) -> str:
    return f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""


def disk_problems(folder: Path | None) -> list[Problem]:
    free = free_disk(folder)
    if free is None or free >= LEAST_DISK:
        return []
    words = f"Only {free // 1024**2} MB of disk are free where the data lies. Make room: sending stops when it is full."
    return [Problem(check="disk", text=words)]


def free_disk(folder: Path | None) -> int | None:
    """Bytes that are free where the data lies; None where that is not on this machine."""
    try:
        return shutil.disk_usage(folder).free if folder is not None else None
    except OSError:
        return None


def database_size(session: Session) -> int:
    """Bytes that the tables take."""
    if session.get_bind().dialect.name == "sqlite":
        statement = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    else:
        statement = "SELECT pg_database_size(current_database())"
    return int(session.execute(text(statement)).scalar_one())


def can_write(database: Database, *, now: datetime) -> bool:
    """Whether a row can be written; it is taken back, so that nobody who asks changes anything."""
    trial = Beat(name="trial", process="trial", pace=timedelta(0), began_at=now, ended_at=now)
    try:
        with Session(database.writer) as session:
            heartbeats.note(session, trial)
            session.rollback()
    except SQLAlchemyError:
        return False
    return True
