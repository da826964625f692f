"""Gauges: what a monitoring system is told, by the glossary's words. Numbers only: no address, no subject, no name.

Every question is answered from batches, partial indexes and small tables, so that being asked every few seconds costs
nothing. How many deliveries were accepted in all is not among them: no index knows, and counting reads the ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session

from feedback import heartbeats, watch
from ground.database import Database
from mailer import breakers, budgets, leases, lookup, queue, suppressions
from mailer.bounce_reports import BounceReport, Disposition
from mailer.breakers import Trouble
from mailer.deliveries import Delivery, State, in_states
from newsletters.issues import Issue, IssueState

#: More than this is told as this: whoever is alarmed by it is alarmed already.
MOST = 100_000
_DAY = timedelta(days=1)

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """One measure, with a value for each of its labels."""

    name: str
    meaning: str
    values: Sequence[tuple[Labels, float]]


def gauges(database: Database, folder: Path | None, *, now: datetime) -> list[Gauge]:
    """Everything that is measured. Raises SQLAlchemyError where the database cannot be asked."""
    with database.read() as session:
        found = [*_queue(session, now), *_deliveries(session, now), *_rounds(session)]
        found += _pacing(session)
        found.append(_one("database_bytes", "Bytes that the tables take.", watch.database_size(session)))
    free = watch.free_disk(folder)
    if free is not None:
        found.append(_one("disk_free_bytes", "Bytes that are free where the data lies.", free))
    failing = sum(problem.is_failing for problem in watch.problems(database, folder, now=now))
    return [*found, _one("ready", "1 when /readyz says ready.", int(not failing))]


def _queue(session: Session, now: datetime) -> Iterator[Gauge]:
    lanes = queue.lanes(session, now=now).values()

    def each(name: str, meaning: str, values: Sequence[float]) -> Gauge:
        labels = [(("lane", str(lane.lane)),) for lane in lanes]
        return Gauge(name=name, meaning=meaning, values=list(zip(labels, values, strict=True)))

    yield each("queue_deliveries", "Deliveries in batches that are not done.", [lane.deliveries for lane in lanes])
    yield each("queue_due_batches", "Batches that could be sent now.", [lane.due for lane in lanes])
    yield each("queue_leased_batches", "Batches in a worker's hands.", [lane.leased for lane in lanes])
    waits = [lane.waits_for(now).total_seconds() for lane in lanes]
    yield each("queue_oldest_due_seconds", "How long the oldest due batch has waited.", waits)
    yield each("lane_held", "1 while somebody holds the lane.", [int(lane.hold is not None) for lane in lanes])


def _pacing(session: Session) -> Iterator[Gauge]:
    standing = Counter(breaker.trouble for breaker in breakers.standing(session))
    values = [((("trouble", str(trouble)),), float(standing[trouble])) for trouble in Trouble]
    yield Gauge(name="breakers", meaning="Breakers that stand, by what tripped them.", values=values)
    paces = [
        ((("route", pace.route), ("group", pace.domain_group)), pace.per_minute) for pace in budgets.paces(session)
    ]
    yield Gauge(name="group_per_minute", meaning="Messages a minute, for groups that are limited.", values=paces)


def _deliveries(session: Session, now: datetime) -> Iterator[Gauge]:
    states: list[tuple[Labels, float]] = []
    leased = [Delivery.id.between(each.first_id, each.last_id) for each in leases.spans(session)]
    for state in (State.CLAIMED, State.SENDING):
        rows = select(Delivery.id).where(or_(*leased), Delivery.state == state) if leased else None
        count = 0.0 if rows is None else _count(session, rows.limit(MOST).subquery().c.id)
        states.append(((("state", str(state)),), count))
    for state in (State.DEFERRED, State.UNCERTAIN):
        rows = select(Delivery.id).where(in_states([state]), text(lookup.EXCEPTIONS))
        states.append(((("state", str(state)),), _count(session, rows.limit(MOST).subquery().c.id)))
    yield Gauge(name="deliveries", meaning=f"Deliveries in a passing state; {MOST} is that or more.", values=states)
    since = now - _DAY
    refused = select(Delivery.id).where(Delivery.bounced_at >= since, Delivery.state == State.FAILED)
    yield _one(
        "refused_last_day",
        "Deliveries refused for good while they were handed over, in 24 hours.",
        _count(session, refused.limit(MOST).subquery().c.id),
    )
    yield from _reports(session, since)
    standing = [
        ((("cause", str(cause)),), float(count)) for cause, count in suppressions.count_standing(session).items()
    ]
    yield Gauge(name="suppressions", meaning="Addresses that must not be mailed.", values=standing)
    on_their_way = select(Issue.state, func.count()).group_by(Issue.state)
    issues = session.execute(on_their_way.where(Issue.state.in_([IssueState.SENDING, IssueState.PAUSED]))).all()
    counts = {IssueState.SENDING: 0, IssueState.PAUSED: 0} | {row[0]: row[1] for row in issues}
    values = [((("state", str(state)),), float(count)) for state, count in counts.items()]
    yield Gauge(name="issues", meaning="Issues that are on their way.", values=values)


def _reports(session: Session, since: datetime) -> Iterator[Gauge]:
    lately = (
        select(BounceReport.kind, BounceReport.disposition)
        .where(BounceReport.received_at >= since)
        .order_by(BounceReport.received_at.desc())
        .limit(MOST)
        .subquery()
    )
    for column, name, meaning in (
        (lately.c.kind, "kind", "Reports that came back in 24 hours, by kind."),
        (lately.c.disposition, "disposition", "Reports that came back in 24 hours, by what was done about them."),
    ):
        counts = dict.fromkeys(["hard", "soft", "policy", "complaint"] if name == "kind" else list(Disposition), 0)
        counts |= {str(row[0]): row[1] for row in session.execute(select(column, func.count()).group_by(column))}
        values = [(((name, str(word)),), float(count)) for word, count in counts.items()]
        yield Gauge(name=f"reports_last_day_by_{name}", meaning=meaning, values=values)


def _rounds(session: Session) -> Iterator[Gauge]:
    rounds = heartbeats.rounds(session)
    yield Gauge(
        name="round_last_success_timestamp_seconds",
        meaning="When a round of the timetable last ended well.",
        values=[((("round", row.name),), row.succeeded_at.timestamp()) for row in rounds if row.succeeded_at],
    )
    yield Gauge(
        name="round_seconds",
        meaning="How long a round took the last time.",
        values=[((("round", row.name),), row.took_ms / 1000) for row in rounds],
    )
    yield _one("workers", "Processes that work, or did until an hour ago.", len(heartbeats.workers(session)))


def _count(session: Session, column: object) -> int:
    return session.scalar(select(func.count(column))) or 0  # type: ignore[arg-type] # any column may be counted


def _one(name: str, meaning: str, value: float) -> Gauge:
    return Gauge(name=name, meaning=meaning, values=[((), value)])
