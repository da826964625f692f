"""Bounce figures: what was refused or came back lately, by class, by receiving-domain group and by day.

Bounded: at most `MOST` of the newest bounces of the window are counted, and a window with more of them says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from mailer import plain_words
from mailer.bounce_reports import BounceReport, Disposition
from mailer.deliveries import Delivery, State
from mailer.events import BounceKind
from mailer.plain_words import Said, Whose

DAYS = 14
MOST = 20_000
#: Reports looked through for those that name no delivery of ours.
_LATELY = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceClass:
    """One class of bounces in the window."""

    reason: str
    title: str
    whose: Whose
    count: int
    by_day: tuple[int, ...]
    by_group: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceFigures:
    days: tuple[date, ...]  # UTC, the oldest first
    classes: Sequence[BounceClass]  # the most frequent first
    refused: int  # at once, while it was handed over
    came_back: int  # accepted first, then reported
    by_disposition: Mapping[Disposition, int]  # of all reports of the window, whatever they say
    is_cut: bool

    @property
    def total(self) -> int:
        return self.refused + self.came_back

    @property
    def by_day(self) -> tuple[int, ...]:
        return tuple(sum(each.by_day[place] for each in self.classes) for place in range(len(self.days)))

    @property
    def by_group(self) -> dict[str, int]:
        groups: Counter[str] = Counter()
        for each in self.classes:
            groups.update(each.by_group)
        return dict(groups.most_common())


def bounce_figures(session: Session, *, now: datetime) -> BounceFigures:
    """The bounces of the last `DAYS` days, today among them."""
    days = tuple((now.astimezone(UTC) - timedelta(days=back)).date() for back in reversed(range(DAYS)))
    since = datetime.combine(days[0], time(), UTC)
    refused, came_back = _refused(session, days, since), _came_back(session, days, since)
    found: Counter[tuple[str, str, int]] = Counter(refused)
    found.update(came_back)
    return BounceFigures(
        days=days,
        classes=_classes(found, len(days)),
        refused=refused.total(),
        came_back=came_back.total(),
        by_disposition=_dispositions(session, since),
        is_cut=refused.total() >= MOST or came_back.total() >= MOST,
    )


def _refused(session: Session, days: Sequence[date], since: datetime) -> Counter[tuple[str, str, int]]:
    """(class, domain group, day) of what was refused while it was handed over."""
    newest = (
        select(Delivery.id)
        .where(Delivery.bounced_at >= since, Delivery.state == State.FAILED)
        .order_by(Delivery.bounced_at.desc())
        .limit(MOST)
        .subquery()
    )
    said = (Delivery.code, Delivery.enhanced, Delivery.stage, Delivery.reason)
    day = _day(Delivery.bounced_at, days)
    rows = session.execute(
        select(Delivery.domain_group, *said, day, func.count())
        .join(newest, newest.c.id == Delivery.id)
        .group_by(Delivery.domain_group, *said, day)
    )
    found: Counter[tuple[str, str, int]] = Counter()
    for group, code, enhanced, stage, reason, place, count in rows:
        told = Said(code=code, enhanced=enhanced, stage=stage, reason=reason)
        found[plain_words.reason_of(told), group, place] += count
    return found


def _came_back(session: Session, days: Sequence[date], since: datetime) -> Counter[tuple[str, str, int]]:
    """The same of what was accepted and reported later; a delivery that is reported twice is counted once."""
    day = _day(BounceReport.received_at, days)
    newest = (
        select(BounceReport.id)
        .where(
            BounceReport.received_at >= since,
            BounceReport.kind.in_([BounceKind.HARD, BounceKind.SOFT, BounceKind.POLICY]),
            BounceReport.action.is_distinct_from("delayed"),
        )
        .order_by(BounceReport.received_at.desc())
        .limit(MOST)
        .subquery()
    )
    rows = session.execute(
        select(BounceReport.reason, Delivery.domain_group, day, func.count(func.distinct(Delivery.id)))
        .join(newest, newest.c.id == BounceReport.id)
        .join(Delivery, Delivery.id == BounceReport.delivery_id)
        .where(Delivery.state == State.ACCEPTED)
        .group_by(BounceReport.reason, Delivery.domain_group, day)
    )
    return Counter({(row[0], row[1], row[2]): row[3] for row in rows})


def _day(
    at: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None], days: Sequence[date]
) -> ColumnElement[int]:
    """Which of the days, counted from 0; both databases can say it, and neither needs to know a zone."""
    begins: list[Any] = [(at >= datetime.combine(day, time(), UTC), place) for place, day in enumerate(days)]
    return case(*reversed(begins), else_=0)


def _classes(found: Mapping[tuple[str, str, int], int], days: int) -> list[BounceClass]:
    by_day: dict[str, list[int]] = {}
    by_group: dict[str, Counter[str]] = {}
    for (reason, group, place), count in found.items():
        by_day.setdefault(reason, [0] * days)[place] += count
        by_group.setdefault(reason, Counter())[group] += count
    classes = [
        BounceClass(
            reason=reason,
            title=plain_words.title_of(reason),
            whose=plain_words.whose(reason),
            count=sum(counts),
            by_day=tuple(counts),
            by_group=dict(by_group[reason].most_common()),
        )
        for reason, counts in by_day.items()
    ]
    return sorted(classes, key=lambda each: (-each.count, each.reason))


def _dispositions(session: Session, since: datetime) -> dict[Disposition, int]:
    newest = select(BounceReport.disposition).where(BounceReport.received_at >= since)
    limited = newest.order_by(BounceReport.received_at.desc()).limit(MOST).subquery()
    rows = session.execute(select(limited.c.disposition, func.count()).group_by(limited.c.disposition))
    return dict.fromkeys(Disposition, 0) | {Disposition(row[0]): row[1] for row in rows}


def last_reports(session: Session, delivery_ids: Sequence[int]) -> dict[int, BounceReport]:
    """The last report on each of these deliveries."""
    rows = session.scalars(
        select(BounceReport).where(BounceReport.delivery_id.in_(delivery_ids)).order_by(BounceReport.id)
    )
    return {row.delivery_id: row for row in rows if row.delivery_id is not None}


def unmatched(session: Session, limit: int = 20) -> list[BounceReport]:
    """The newest reports that name no delivery of ours."""
    floor = (session.scalar(select(func.max(BounceReport.id))) or 0) - _LATELY
    wanted = select(BounceReport).where(BounceReport.id > floor, BounceReport.disposition == Disposition.UNKNOWN)
    return list(session.scalars(wanted.order_by(BounceReport.id.desc()).limit(limit)))
