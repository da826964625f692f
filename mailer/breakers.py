"""Breakers: the service's own word that something must not go on as it does, with the raw reason, until when, and who lifted it.

A breaker pauses a *scope* and never suppresses a reader:

    route:bulk              the server refuses our password or our connection: nothing leaves by this route
    group:bulk:gmail        a receiving-domain group refuses us again and again: nothing leaves for it by this route
    letter:12               our sender address is refused, or too many mailboxes of its first readers are unknown
    domain:example.org      too many mailboxes of one domain turned unknown at once: their suppressions await a person

A route and a group are tried again by themselves: when `until` has come one message goes as a probe, and the answer lifts the
breaker or prolongs it. A letter and a domain wait for a person.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import structlog
from sqlalchemy import (
    ForeignKey,
    Index,
    Select,
    String,
    Table,
    bindparam,
    exists,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId, insert_new, one_of
from mailer import batches, pacing

log = structlog.get_logger()

#: A first pause of a group; each further one is twice as long.
_PAUSE = timedelta(minutes=15)
_LONGEST_PAUSE = timedelta(hours=4)
#: Longer than one message takes as a rule; then somebody else may probe.
_PROBE_FOR = timedelta(minutes=2)

#: Who lifted a breaker that nobody lifted.
PROBE = "a probe that was accepted"


class Trouble(enum.StrEnum):
    """What tripped a breaker."""

    ROUTE_REFUSES = "route_refuses"  # 535, 530, or 554 for a greeting
    GROUP_REFUSES = "group_refuses"  # 5.7.x in a row
    SENDER_REFUSED = "sender_refused"  # MAIL FROM refused in a row
    UNKNOWN_READERS = "unknown_readers"  # hard bounces among the first readers of a letter
    UNKNOWN_DOMAIN = "unknown_domain"  # hard bounces of one domain within an hour


class Breaker(Base):
    __tablename__ = "breakers"
    __table_args__ = (
        # One that stands for each trouble and scope; lifted ones stay as history.
        Index(
            "uq_breakers_standing",
            "trouble",
            "scope",
            unique=True,
            sqlite_where=text("lifted_at IS NULL"),
            postgresql_where=text("lifted_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    trouble: Mapped[Trouble] = mapped_column(one_of(Trouble, "trouble"))
    scope: Mapped[str] = mapped_column(String(300))
    route: Mapped[str | None] = mapped_column(String(40))
    domain_group: Mapped[str | None] = mapped_column(String(64))
    letter_id: Mapped[int | None] = mapped_column(ForeignKey("letters.id"), index=True)
    domain: Mapped[str | None] = mapped_column(String(255))
    why: Mapped[str] = mapped_column(String(512))  # the server's words
    trips: Mapped[int] = mapped_column(default=1)  # in a row, without an acceptance in between
    tripped_at: Mapped[datetime]
    until: Mapped[datetime | None]  # then a probe; None: until a person lifts it
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None] = mapped_column(String(120))


BREAKERS = cast("Table", Breaker.__table__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a breaker pauses: a route, a group on a route, a letter, or the suppressions of a domain (met on a route)."""

    route: str | None = None
    domain_group: str | None = None
    letter_id: int | None = None
    domain: str | None = None

    def __str__(self) -> str:
        if self.letter_id is not None:
            return f"letter:{self.letter_id}"
        if self.domain is not None:
            return f"domain:{self.domain}"
        return f"route:{self.route}" if self.domain_group is None else f"group:{self.route}:{self.domain_group}"


def trip(session: Session, trouble: Trouble, scope: Scope, *, why: str, now: datetime) -> Breaker | None:
    """Pause a scope, or prolong its pause where a probe was refused; the breaker. None: it stands already, or was settled.

    What a person has looked at and let go on is not held for the same reason again.
    """
    if trouble is Trouble.UNKNOWN_READERS and _was_lifted(session, trouble, scope):
        return None
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    names = ("domain",) if scope.domain is not None else ("route", "domain_group", "letter_id")
    values = {name: getattr(scope, name) for name in names}
    new = insert_new(Breaker, is_sqlite=is_sqlite).values(
        trouble=trouble,
        scope=str(scope),
        why=why,
        trips=1,
        tripped_at=now,
        until=_until(trouble, 1, now),
        **values,
    )
    made = session.execute(new.returning(Breaker.id)).scalar_one_or_none()
    breaker = session.scalars(_standing(trouble, scope).execution_options(populate_existing=True)).one_or_none()
    if breaker is None or (made is None and not _prolong(breaker, why=why, now=now)):
        return None
    log.error("breaker_tripped", breaker=breaker.id, trouble=trouble, scope=str(scope), until=breaker.until, reply=why)
    session.flush()
    return breaker


def _until(trouble: Trouble, trips: int, now: datetime) -> datetime | None:
    if trouble is Trouble.ROUTE_REFUSES:
        return now + pacing.REST_REFUSED
    if trouble is Trouble.GROUP_REFUSES:
        return now + min(_PAUSE * (1 << min(trips - 1, 10)), _LONGEST_PAUSE)
    return None


def _prolong(breaker: Breaker, *, why: str, now: datetime) -> bool:
    """Ten connections that are refused at the same moment are one refusal; a refused probe is another."""
    if breaker.until is None or now < breaker.tripped_at + _PROBE_FOR:
        return False
    breaker.trips += 1
    breaker.why, breaker.tripped_at = why, now
    breaker.until = _until(breaker.trouble, breaker.trips, now)
    return True


def _standing(trouble: Trouble, scope: Scope) -> Select[Breaker]:
    wanted = select(Breaker).where(Breaker.trouble == trouble, Breaker.scope == str(scope))
    return wanted.where(Breaker.lifted_at.is_(None)).with_for_update()


def _was_lifted(session: Session, trouble: Trouble, scope: Scope) -> bool:
    before = exists().where(
        Breaker.trouble == trouble, Breaker.letter_id == scope.letter_id, Breaker.lifted_at.is_not(None)
    )
    return bool(session.scalar(select(before)))


@dataclass(frozen=True, slots=True)
class Bar:
    """What a standing breaker says about a route: closed until then, or open to one probe."""

    breaker_id: int
    route: str
    trouble: Trouble
    until: datetime | None


def bars(session: Session, routes: Collection[str], domain_group: str | None) -> list[Bar]:
    """The breakers that stand in the way of a group over these routes; with no group those of the routes alone."""
    found = session.connection().execute(_BARS, {"b_routes": list(routes), "b_group": domain_group})
    return [Bar(number, route, trouble, until) for number, route, trouble, until in found]


#: Built once: it goes with every batch, and to build it takes longer than to run it.
_BARS = select(BREAKERS.c.id, BREAKERS.c.route, BREAKERS.c.trouble, BREAKERS.c.until).where(
    BREAKERS.c.lifted_at.is_(None),
    BREAKERS.c.route.in_(bindparam("b_routes", expanding=True)),
    or_(BREAKERS.c.domain_group.is_(None), BREAKERS.c.domain_group == bindparam("b_group", type_=String)),
)


def claim_probe(session: Session, breaker_id: int, *, now: datetime) -> bool:
    """Be the one whose message tries whether a pause is over. False: its time has not come, or another is trying."""
    won = session.execute(
        update(Breaker)
        .where(Breaker.id == breaker_id, Breaker.lifted_at.is_(None), Breaker.until <= now)
        .values(until=now + _PROBE_FOR)
        .returning(Breaker.id)
    ).one_or_none()
    return won is not None


def lift(session: Session, breaker_id: int, *, by: str, now: datetime) -> Breaker | None:
    """Let its scope go on; what waits for it is due at once. None when it does not stand.

    A letter stays paused until `letters.resume`, the suppressions of a domain stand until `quarantine.settle`.
    """
    breaker = session.scalars(
        select(Breaker).where(Breaker.id == breaker_id, Breaker.lifted_at.is_(None)).with_for_update()
    ).one_or_none()
    if breaker is None:
        return None
    breaker.lifted_at, breaker.lifted_by = now, by[:120]
    if breaker.route is not None:
        batches.call_back(session, breaker.domain_group, now=now)
    log.warning("breaker_lifted", breaker=breaker.id, trouble=breaker.trouble, scope=breaker.scope)
    session.flush()
    return breaker


def lift_letter(session: Session, letter_id: int, *, by: str, now: datetime) -> None:
    """The letter goes on by somebody's decision."""
    session.execute(
        update(Breaker)
        .where(Breaker.letter_id == letter_id, Breaker.lifted_at.is_(None))
        .values(lifted_at=now, lifted_by=by[:120])
    )


def standing(session: Session, limit: int = 50) -> Sequence[Breaker]:
    """Those that nobody has lifted, the newest first."""
    wanted = select(Breaker).where(Breaker.lifted_at.is_(None)).order_by(Breaker.id.desc()).limit(limit)
    return session.scalars(wanted).all()


def of_letter(session: Session, letter_id: int) -> Breaker | None:
    """What holds a letter."""
    wanted = select(Breaker).where(Breaker.letter_id == letter_id, Breaker.lifted_at.is_(None))
    return session.scalars(wanted.order_by(Breaker.id.desc()).limit(1)).one_or_none()


def doubtful_domains(session: Session) -> dict[str, int]:
    """Domains whose unknown mailboxes wait for a person, each with its breaker."""
    found = select(Breaker.domain, Breaker.id).where(Breaker.lifted_at.is_(None), Breaker.domain.is_not(None))
    return {domain: number for domain, number in session.execute(found) if domain is not None}


def domain_settled_at(session: Session, domain: str) -> datetime | None:
    """When a person last decided about a domain's unknown mailboxes."""
    return session.scalar(select(func.max(Breaker.lifted_at)).where(Breaker.domain == domain))
