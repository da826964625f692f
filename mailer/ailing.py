"""Ailing: mailboxes in trouble. What is soft today is worth nothing by itself; what lasts ends mail to the address.

5.2.1 disabled                    believed the second time
5.1.2, 5.4.4 no such host         believed when it has lasted for three days
any soft answer on five days      and nothing accepted for thirty: paused for thirty days, and shown
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Date, String, delete, exists, func, or_, select
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from ground.database import Base, insert_new
from mailer import replies, suppressions
from mailer.deliveries import Delivery, Event
from mailer.replies import DISABLED, HOST_UNKNOWN, ReplyClass
from mailer.results import Record
from mailer.suppressions import Cause, Dead
from mailer.transports import Stage

HOST_GONE_AFTER = timedelta(days=3)
SOFT_DAYS = 5
#: Within so many days they count, and an acceptance makes up for them; for as long the address is then paused.
WITHIN = timedelta(days=30)

_LASTING = frozenset({DISABLED}) | HOST_UNKNOWN
_ABOUT_THE_RECIPIENT = frozenset({Stage.RCPT, Stage.DOT})


class SoftDay(Base):
    """A day on which a mailbox was in trouble, however often."""

    __tablename__ = "soft_days"

    address_key: Mapped[str] = mapped_column(String(320), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)  # UTC


def heed(session: Session, records: Sequence[Record], *, now: datetime) -> list[Dead]:
    """Of a group of results: count the soft days, pause who has had enough of them; the mailboxes that are dead by now."""
    soft = [each for each in records if _is_soft(each)]
    if not soft:
        return []
    dead = _lasting(session, [each for each in soft if each.event is Event.FAIL and each.enhanced in _LASTING], now)
    gone = {each.address_key for each in dead}
    note_soft(session, {each.address_key: each.reply for each in soft if each.address_key not in gone}, now=now)
    return dead


def _is_soft(record: Record) -> bool:
    if record.event not in {Event.DEFER, Event.FAIL} or record.stage not in _ABOUT_THE_RECIPIENT or not record.code:
        return False
    kind = replies.classify(Stage(record.stage), record.code, record.enhanced, record.reply or "")
    return kind is ReplyClass.SOFT


def _lasting(session: Session, records: Sequence[Record], now: datetime) -> list[Dead]:
    """Those whose trouble has lasted long enough to be believed."""
    if not records:
        return []
    began = _first_failures(session, records)
    dead = []
    for each in records:
        first = began.get((each.address_key, each.enhanced))
        wait = timedelta(0) if each.enhanced == DISABLED else HOST_GONE_AFTER
        if first is not None and first <= now - wait:
            dead.append(Dead(each.address_key, note=each.reply, delivery_id=each.id))
    return dead


def _first_failures(session: Session, records: Sequence[Record]) -> dict[tuple[str, str | None], datetime]:
    """When each address first failed so, in other deliveries, since something was accepted there."""
    other = aliased(Delivery)
    accepted_at = (
        select(func.max(other.accepted_at))
        .where(other.address_key == Delivery.address_key, other.bounced_at.is_(None))
        .correlate(Delivery)
        .scalar_subquery()
    )
    found = session.execute(
        select(Delivery.address_key, Delivery.enhanced, func.min(Delivery.bounced_at))
        .where(
            Delivery.address_key.in_([each.address_key for each in records]),
            Delivery.id.not_in([each.id for each in records]),
            Delivery.enhanced.in_(_LASTING),
            Delivery.bounced_at.is_not(None),
            or_(accepted_at.is_(None), Delivery.bounced_at > accepted_at),
        )
        .group_by(Delivery.address_key, Delivery.enhanced)
    )
    return {(key, enhanced): at for key, enhanced, at in found if at is not None}


def note_soft(session: Session, told: dict[str, str | None], *, now: datetime) -> None:
    """These addresses were in trouble today, each with the server's words; who has had enough of it is paused."""
    if not told:
        return
    new = insert_new(SoftDay, is_sqlite=session.get_bind().dialect.name == "sqlite")
    today = now.astimezone(UTC).date()
    session.execute(
        delete(SoftDay).where(SoftDay.address_key.in_(list(told)), SoftDay.day <= (now - WITHIN).astimezone(UTC).date())
    )
    session.connection().execute(new, [{"address_key": key, "day": today} for key in sorted(told)])
    for key in _have_had_enough(session, list(told), now):
        note = f"in trouble on {SOFT_DAYS} days: {told[key] or 'no words'}"[:512]
        suppressions.suppress(session, key, Cause.SOFT_BOUNCES, now=now, note=note, until=now + WITHIN)
        forget(session, key)


def _have_had_enough(session: Session, keys: Collection[str], now: datetime) -> list[str]:
    since = now - WITHIN
    accepted = exists().where(
        Delivery.address_key == SoftDay.address_key, Delivery.accepted_at >= since, Delivery.bounced_at.is_(None)
    )
    return list(
        session.scalars(
            select(SoftDay.address_key)
            .where(SoftDay.address_key.in_(keys), SoftDay.day > since.astimezone(UTC).date(), ~accepted)
            .group_by(SoftDay.address_key)
            .having(func.count() >= SOFT_DAYS)
        )
    )


def forget(session: Session, address_key: str) -> None:
    """Begin to count anew, or keep nothing of a person who is forgotten."""
    session.execute(delete(SoftDay).where(SoftDay.address_key == address_key))
