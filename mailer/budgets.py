"""Budgets: how fast a receiving-domain group is mailed over a route, one row shared by all workers.

Without a row a group is mailed as fast as it takes mail. The first push-back (421, 4.7.x) makes one with half of the rate of
the last minute; each further one halves it; each minute of accepted mail gives an eighth back, until the row goes away.
An operator's cap is a row that stays.

    booked_until   the moment up to which the allowed rate is used up; who finds it in the past may send and moves it on
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import structlog
from sqlalchemy import Boolean, Float, Integer, String, Table, and_, bindparam, case, delete, literal, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.sql.dml import ReturningUpdate

from ground.database import Base, insert_new
from mailer.pacing import Cap

log = structlog.get_logger()

#: What is not used can be caught up with for so long; and the largest group of messages is so long a ration.
CREDIT_SECONDS = 10.0
#: After a push-back nothing leaves for a moment.
_PAUSE_SECONDS = 10.0
#: Ten connections that are told "slower" at once were told once.
_DEAF_SECONDS = 30.0
_STEP_SECONDS = 60.0
_STEPS = 8
#: Where little was sent before somebody pushed back, half of this a minute is tried.
_LEAST_USUAL = 60.0
_SLOWEST = 1.0


class Budget(Base):
    """Moments are seconds since 1970, so that a database can reckon with them."""

    __tablename__ = "budgets"

    route: Mapped[str] = mapped_column(String(40), primary_key=True)
    domain_group: Mapped[str] = mapped_column(String(64), primary_key=True)
    per_minute: Mapped[float] = mapped_column(Float(53))
    usual: Mapped[float] = mapped_column(Float(53))  # what it climbs back to
    booked_until: Mapped[float] = mapped_column(Float(53))
    granted: Mapped[int] = mapped_column(default=0)  # to whoever asked last
    slowed_at: Mapped[float] = mapped_column(Float(53))
    stepped_at: Mapped[float] = mapped_column(Float(53))
    why: Mapped[str | None] = mapped_column(String(512))  # the last push-back's words


BUDGETS = cast("Table", Budget.__table__)


@dataclass(frozen=True, slots=True)
class Ration:
    """What one group of intents was given."""

    granted: int
    next_at: datetime  # when the next may ask
    most: int  # that it should ask for


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """A group's pace on a route, as ops see it."""

    route: str
    domain_group: str
    per_minute: float
    usual: float
    slowed_at: datetime | None  # None: nobody pushed back, it is an operator's cap
    why: str | None


def find(session: Session, route: str, domain_group: str, cap: Cap, *, now: datetime) -> Ration | None:
    """What may be asked for at this moment; None: there is no limit. A cap makes its row here."""
    at = now.timestamp()
    if cap.per_minute is not None:
        _heed(session, route, domain_group, float(cap.per_minute), at)
    row = session.connection().execute(_FIND, {"b_route": route, "b_group": domain_group}).one_or_none()
    if row is None:
        return None
    if cap.per_minute is None and not row.slowed_at:  # a cap that is no longer set
        free(session, route, domain_group)
        return None
    return _ration(0, row.booked_until, row.per_minute, at)


_FIND = select(BUDGETS.c.booked_until, BUDGETS.c.per_minute, BUDGETS.c.slowed_at).where(
    BUDGETS.c.route == bindparam("b_route"), BUDGETS.c.domain_group == bindparam("b_group")
)


def _heed(session: Session, route: str, domain_group: str, cap: float, at: float) -> None:
    """The row of a cap, or the cap in a row that there was."""
    mine = and_(Budget.route == route, Budget.domain_group == domain_group)
    is_slower = and_(Budget.slowed_at > 0, Budget.per_minute < cap)
    lower = case((is_slower, Budget.per_minute), else_=literal(cap))
    found = session.execute(select(Budget.usual).where(mine)).one_or_none()
    if found is None:
        _insert(session, route, domain_group, per_minute=cap, usual=cap, booked_until=at, slowed_at=0.0, at=at)
    elif found.usual != cap:
        session.execute(update(Budget).where(mine).values(per_minute=lower, usual=cap))


def _insert(
    session: Session, route: str, domain_group: str, *, at: float, why: str | None = None, **rate: float
) -> bool:
    new = insert_new(Budget, is_sqlite=session.get_bind().dialect.name == "sqlite")
    values = new.values(route=route, domain_group=domain_group, granted=0, stepped_at=at, why=why, **rate)
    return session.execute(values.returning(Budget.route)).one_or_none() is not None


def take(
    session: Session, route: str, domain_group: str, wanted: int, *, accepted: bool, cap: Cap, now: datetime
) -> Ration | None:
    """Take a ration of `wanted` messages, all or none; None where there is no limit. One statement.

    `accepted`: the group has taken mail since this worker last asked. A minute of that gives one step back.
    """
    at = now.timestamp()
    given = {"b_route": route, "b_group": domain_group, "b_at": at, "b_wanted": wanted, "b_accepted": accepted}
    row = session.connection().execute(_TAKE, given).one_or_none()
    if row is None:
        return None
    if row.per_minute >= row.usual and row.slowed_at > 0:
        _restored(session, route, domain_group, cap)
    return _ration(row.granted, row.booked_until, row.per_minute, at)


def _taking() -> ReturningUpdate[tuple[int, float, float, float, float]]:
    """Built once: it goes with every group of intents, and to build it takes longer than to run it."""
    mine = BUDGETS.c
    at, wanted = bindparam("b_at", type_=Float), bindparam("b_wanted", type_=Integer)
    is_free = mine.booked_until <= at
    is_due = mine.stepped_at <= at - _STEP_SECONDS
    is_stepping = and_(bindparam("b_accepted", type_=Boolean), is_due, mine.per_minute < mine.usual)
    floor = at - CREDIT_SECONDS
    since = case((mine.booked_until > floor, mine.booked_until), else_=floor)
    return (
        update(BUDGETS)
        .where(mine.route == bindparam("b_route"), mine.domain_group == bindparam("b_group"))
        .values(
            booked_until=case((is_free, since + wanted * 60.0 / mine.per_minute), else_=mine.booked_until),
            granted=case((is_free, wanted), else_=0),
            per_minute=case((is_stepping, mine.per_minute + mine.usual / _STEPS), else_=mine.per_minute),
            stepped_at=case((is_stepping, at), else_=mine.stepped_at),
        )
        .returning(mine.granted, mine.booked_until, mine.per_minute, mine.usual, mine.slowed_at)
    )


_TAKE = _taking()


def _restored(session: Session, route: str, domain_group: str, cap: Cap) -> None:
    """The group takes again what it took before anybody pushed back."""
    mine = and_(Budget.route == route, Budget.domain_group == domain_group)
    if cap.per_minute is None:
        session.execute(delete(Budget).where(mine))
    else:
        session.execute(update(Budget).where(mine).values(per_minute=Budget.usual, slowed_at=0.0, why=None))
    log.info("group_restored", route=route, domain_group=domain_group)


def slow(session: Session, route: str, domain_group: str, *, measured: float, why: str, now: datetime) -> bool:
    """Halve a group's pace after a push-back; `measured` is what was accepted in the last minute. False: it just was."""
    at = now.timestamp()
    usual = max(measured, _LEAST_USUAL)
    if _insert(
        session,
        route,
        domain_group,
        per_minute=usual / 2,
        usual=usual,
        booked_until=at + _PAUSE_SECONDS,
        slowed_at=at,
        at=at,
        why=why,
    ):
        log.warning("group_slowed", route=route, domain_group=domain_group, per_minute=usual / 2, reply=why)
        return True
    half = Budget.per_minute / 2
    pause = at + _PAUSE_SECONDS
    row = session.execute(
        update(Budget)
        .where(Budget.route == route, Budget.domain_group == domain_group, Budget.slowed_at <= at - _DEAF_SECONDS)
        .values(
            per_minute=case((half > _SLOWEST, half), else_=literal(_SLOWEST)),
            booked_until=case((Budget.booked_until > pause, Budget.booked_until), else_=literal(pause)),
            slowed_at=at,
            stepped_at=at,
            why=why,
        )
        .returning(Budget.per_minute)
    ).one_or_none()
    if row is not None:
        log.warning("group_slowed", route=route, domain_group=domain_group, per_minute=row.per_minute, reply=why)
    return row is not None


def paces(session: Session) -> list[Pace]:
    """Every group that is not mailed as fast as it goes."""
    rows = session.scalars(select(Budget).order_by(Budget.route, Budget.domain_group))
    return [
        Pace(
            route=row.route,
            domain_group=row.domain_group,
            per_minute=row.per_minute,
            usual=row.usual,
            slowed_at=datetime.fromtimestamp(row.slowed_at, UTC) if row.slowed_at > 0 else None,
            why=row.why,
        )
        for row in rows
    ]


def free(session: Session, route: str, domain_group: str) -> bool:
    """Mail a group as fast as it goes again, by somebody's word; a cap comes back by itself. False: it was not slowed."""
    gone = session.execute(
        delete(Budget).where(Budget.route == route, Budget.domain_group == domain_group).returning(Budget.route)
    ).one_or_none()
    return gone is not None


def _ration(granted: int, booked_until: float, per_minute: float, at: float) -> Ration:
    most = max(1, int(per_minute * CREDIT_SECONDS / 60))
    # A moment is kept to the microsecond: rounded down, it would come before the budget opens.
    next_at = booked_until + 0.001 if booked_until > at else at
    return Ration(granted, datetime.fromtimestamp(next_at, UTC), most)
