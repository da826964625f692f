"""Suppressions: addresses we must not mail, each with its reason and who or what said so.

A suppression is about an *address*, whatever its owner reads; a subscription is about *permission*.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    ForeignKey,
    Index,
    String,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from ground.database import Base, RowId, insert_new, one_of
from ground.tokens import KeyRing, Purpose
from mailer import deliveries

#: A bounced address is asked again at most once in this time, however often it is typed into a form.
ASK_EVERY = timedelta(days=30)


#: Begins what stays of an address whose owner was forgotten.
_MARK = "forgotten:"


class Cause(enum.StrEnum):
    HARD_BOUNCE = "hard_bounce"  # the receiving server says there is no such mailbox
    SOFT_BOUNCES = "soft_bounces"  # a mailbox in trouble on five days; ends by itself
    COMPLAINT = "complaint"  # the reader pressed "spam"
    MANUAL = "manual"  # an operator's decision
    ERASED = "erased"  # the person asked to be forgotten; only a hash stays


#: What a server said of a mailbox; its reader may show that it works.
OF_THE_MAILBOX = frozenset({Cause.HARD_BOUNCE, Cause.SOFT_BOUNCES})


class Suppression(Base):
    __tablename__ = "suppressions"
    __table_args__ = (
        # One standing suppression an address; lifted ones stay as history.
        Index(
            "uq_suppressions_standing",
            "address_key",
            unique=True,
            sqlite_where=text("lifted_at IS NULL"),
            postgresql_where=text("lifted_at IS NULL"),
        ),
        # Ops look at one cause, the newest first, among a hundred thousand of another.
        Index(
            "ix_suppressions_standing_cause",
            "cause",
            "id",
            sqlite_where=text("lifted_at IS NULL"),
            postgresql_where=text("lifted_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    address_key: Mapped[str] = mapped_column(String(320), index=True)
    cause: Mapped[Cause] = mapped_column(one_of(Cause, "cause"))
    note: Mapped[str | None] = mapped_column(String(512))  # the reply, the operator's words
    delivery_id: Mapped[int | None] = mapped_column(ForeignKey("deliveries.id"), index=True)
    until: Mapped[datetime | None]
    # Too many of its domain came at once: a person says whether to believe that.
    breaker_id: Mapped[int | None] = mapped_column(ForeignKey("breakers.id"), index=True)
    asked_at: Mapped[datetime | None]  # when its reader, who signed up again, was last asked to confirm in spite of it
    created_at: Mapped[datetime]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None] = mapped_column(String(120))

    @property
    def is_mark(self) -> bool:
        """Whether its owner was forgotten, and no address stands here."""
        return self.address_key.startswith(_MARK)


#: Who lifted a suppression that nobody lifted.
_ITS_END, _A_LONGER_ONE = "its end", "a longer one"


def forbids(now: datetime) -> ColumnElement[bool]:
    """Whether a suppression forbids mail now: not lifted, and its end, where it has one, has not come."""
    return and_(Suppression.lifted_at.is_(None), or_(Suppression.until.is_(None), Suppression.until > now))


def mark(keys: KeyRing, address_key: str) -> str:
    """What stays of an address whose owner was forgotten: it can be recognised, not read. Holds when keys rotate."""
    return f"{_MARK}{keys.lasting_mac(Purpose.ERASED, address_key.encode()).hex()}"


def standing(session: Session, address_key: str, *, now: datetime, mark: str | None = None) -> Suppression | None:
    """The suppression that forbids mail to this address now, if there is one; with its `mark` also a forgotten one's."""
    keys = [address_key] if mark is None else [address_key, mark]
    return session.scalar(select(Suppression).where(Suppression.address_key.in_(keys), forbids(now)).limit(1))


def newest(session: Session) -> int:
    """A number that grows with every suppression: whether one came since something was decided."""
    return session.scalar(select(func.max(Suppression.id))) or 0


def may_ask(suppression: Suppression, *, now: datetime) -> bool:
    """Whether a reader who signs up again may be sent one letter to confirm, in spite of this.

    A mailbox that was not there may be there again, and only a letter can tell: one in thirty days. Whoever called our
    mail spam, was forgotten, or was ruled out by an operator gets none until the suppression is lifted.
    """
    if suppression.cause not in OF_THE_MAILBOX:
        return False
    return suppression.asked_at is None or now - suppression.asked_at >= ASK_EVERY


def note_asked(session: Session, suppression: Suppression, *, now: datetime) -> bool:
    """Write down that its reader is asked; False when another request was quicker."""
    found = session.execute(
        update(Suppression)
        .where(
            Suppression.id == suppression.id,
            or_(Suppression.asked_at.is_(None), Suppression.asked_at <= now - ASK_EVERY),
        )
        .values(asked_at=now)
    )
    assert isinstance(found, CursorResult)
    return found.rowcount > 0


def lift_bounce(session: Session, address_key: str, *, by: str, now: datetime) -> None:
    """The mailbox is there after all: its reader has just acted on a letter. Any other suppression stands."""
    session.execute(
        update(Suppression)
        .where(
            Suppression.address_key == address_key,
            Suppression.lifted_at.is_(None),
            Suppression.cause.in_(OF_THE_MAILBOX),
        )
        .values(lifted_at=now, lifted_by=by)
    )


def suppress(
    session: Session,
    address_key: str,
    cause: Cause,
    *,
    now: datetime,
    note: str | None = None,
    delivery_id: int | None = None,
    until: datetime | None = None,
) -> Suppression:
    """Forbid mail to an address and skip what is still to go there, in the caller's transaction. Twice is harmless.

    What stands already stays, unless it ends sooner: then the new one takes its place.
    """
    _make_way(session, [address_key], until=until, now=now)
    found = session.scalar(
        select(Suppression).where(Suppression.address_key == address_key, Suppression.lifted_at.is_(None))
    )
    if found is None:
        found = Suppression(
            address_key=address_key, cause=cause, note=note, delivery_id=delivery_id, created_at=now, until=until
        )
        session.add(found)
    skip_open(session, [address_key], reason=f"suppressed: {cause}")
    session.flush()
    return found


@dataclass(frozen=True, slots=True)
class Dead:
    """A mailbox that its server says does not exist, and by which delivery we know."""

    address_key: str
    note: str | None
    delivery_id: int | None


def suppress_dead(session: Session, dead: Sequence[Dead], *, now: datetime) -> None:
    """The same for the hard refusals of a whole group of results; where an address is suppressed already, that stands."""
    rows = [
        {
            "address_key": each.address_key,
            "cause": Cause.HARD_BOUNCE,
            "note": each.note,
            "delivery_id": each.delivery_id,
            "created_at": now,
        }
        for each in sorted(dead, key=lambda each: each.address_key)  # one order: two workers never wait for each other
    ]
    _make_way(session, [each.address_key for each in dead], until=None, now=now)
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    session.connection().execute(insert_new(Suppression, is_sqlite=is_sqlite), rows)
    skip_open(session, [row.address_key for row in dead], reason=f"suppressed: {Cause.HARD_BOUNCE}")


def suppress_all(session: Session, address_keys: Iterable[str], cause: Cause, *, note: str, now: datetime) -> None:
    """The same for many at once, by one decision; where an address is suppressed already, that stands."""
    keys = sorted(set(address_keys))
    rows = [{"address_key": key, "cause": cause, "note": note, "created_at": now} for key in keys]
    if rows:
        is_sqlite = session.get_bind().dialect.name == "sqlite"
        session.connection().execute(insert_new(Suppression, is_sqlite=is_sqlite), rows)
        skip_open(session, keys, reason=f"suppressed: {cause}")


def forget(session: Session, address_key: str, mark: str, *, now: datetime) -> None:
    """Keep the mark in the place of the address, in all that stood and stands; from now on nobody mails it."""
    session.execute(
        update(Suppression)
        .where(Suppression.address_key == address_key)
        .values(address_key=mark, note=None, delivery_id=None)
    )
    there = update(Suppression).where(Suppression.address_key == mark, Suppression.lifted_at.is_(None))
    found = session.scalar(there.values(cause=Cause.ERASED, until=None).returning(Suppression.id))
    if found is None:
        session.add(Suppression(address_key=mark, cause=Cause.ERASED, created_at=now))
    session.flush()


def lift(session: Session, address_key: str, *, by: str, now: datetime) -> bool:
    """Allow mail to an address again; False where no suppression stood."""
    result = session.execute(
        update(Suppression)
        .where(Suppression.address_key == address_key, forbids(now))
        .values(lifted_at=now, lifted_by=by)
    )
    assert isinstance(result, CursorResult)
    return result.rowcount > 0


def skip_open(session: Session, address_keys: Iterable[str], *, reason: str) -> None:
    """Skip every delivery to these addresses that has not been handed over."""
    deliveries.skip_addresses(session, address_keys, reason=reason)


def _make_way(session: Session, address_keys: Sequence[str], *, until: datetime | None, now: datetime) -> None:
    """Close what has ended, and what would end before `until`: an address has room for one suppression that stands."""
    is_over = Suppression.until <= now
    is_shorter = Suppression.until.is_not(None) if until is None else Suppression.until < until
    session.execute(
        update(Suppression)
        .where(Suppression.address_key.in_(address_keys), Suppression.lifted_at.is_(None), or_(is_over, is_shorter))
        .values(
            lifted_at=case((is_over, Suppression.until), else_=bindparam("b_now", now, Suppression.lifted_at.type)),
            lifted_by=case((is_over, _ITS_END), else_=_A_LONGER_ONE),
        ),
        execution_options={"synchronize_session": False},
    )


def list_standing(session: Session, *, now: datetime) -> list[Suppression]:
    """All that forbid mail now, the oldest first."""
    return list(session.scalars(select(Suppression).where(forbids(now)).order_by(Suppression.id)))


def page_standing(
    session: Session, *, now: datetime, cause: Cause | None = None, before: int | None = None, limit: int = 50
) -> list[Suppression]:
    """The newest that forbid mail now, of one cause or of all, with ids under `before`."""
    wanted = [forbids(now)]
    if cause is not None:
        wanted.append(Suppression.cause == cause)
    if before is not None:
        wanted.append(Suppression.id < before)
    return list(session.scalars(select(Suppression).where(*wanted).order_by(Suppression.id.desc()).limit(limit)))


def history(session: Session, address_key: str, mark: str | None = None) -> list[Suppression]:
    """Every suppression an address ever had, under its name or its mark, the newest first."""
    found = select(Suppression).where(Suppression.address_key.in_([address_key, mark or address_key]))
    return list(session.scalars(found.order_by(Suppression.id.desc()).limit(100)))


def count_standing(session: Session) -> dict[Cause, int]:
    """How many have not been lifted, by cause; every cause is named."""
    found = session.execute(
        select(Suppression.cause, func.count()).where(Suppression.lifted_at.is_(None)).group_by(Suppression.cause)
    )
    return dict.fromkeys(Cause, 0) | {row[0]: row[1] for row in found}
