"""Moving: a reader's letters go to another address, once the new one has said yes; the old one is told.

    ask -> (a letter to the new address) -> a button -> moved, and a letter to the old address

The page that asks says the same whether the new address is free, has a reader of its own, or may not be mailed. Only
who can read the letter to it learns more.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from mailer import address, notices, suppressions
from mailer.address import EmailAddress
from mailer.pacing import domain_group
from subscribers import consents, moves, preferences, subscribers
from subscribers.consents import Act, Evidence
from subscribers.moves import Move
from subscribers.subscribers import Subscriber

#: How long the link in the letter works, and how many letters one reader may cause in a day.
VALID_FOR = timedelta(hours=72)
MOST_A_DAY = 3
_DAY = timedelta(hours=24)


class Standing(enum.StrEnum):
    """Where a link stands."""

    WAITING = "waiting"  # pressing the button moves
    DONE = "done"
    TAKEN = "taken"  # the new address has a reader of its own
    STALE = "stale"  # a newer wish was made, or its time is over


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    edition_id: int
    new: EmailAddress
    variant_id: int  # of the letter to the new address


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    edition_id: int
    old: str
    new: str
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    batch_id: int | None  # of the letter to the old address; None where none may go there


def ask(session: Session, subscriber_id: int, wish: Wish, *, now: datetime) -> int | None:
    """Note the wish, and write to the new address; the batch, or None: the door answers alike."""
    subscriber = preferences.lock_reader(session, subscriber_id)
    before = moves.newest(session, subscriber_id)
    is_same = before is not None and before.address.casefold() == wish.new.key and before.done_at is None
    if subscriber.erased_at is not None or wish.new.key == subscriber.address_key:
        return None
    if is_same and before is not None and now - before.requested_at < _DAY:
        return None
    if moves.count_since(session, subscriber_id, now - _DAY) >= MOST_A_DAY:
        return None
    if suppressions.standing(session, wish.new.key, now=now) is not None:
        return None
    move = Move(subscriber_id=subscriber_id, edition_id=wish.edition_id, address=str(wish.new), requested_at=now)
    session.add(move)
    session.flush()
    return _write(session, "move", subscriber.id, wish.new, wish.variant_id, {"move_url": str(move.id)}, now)


def look(session: Session, move_id: int, *, now: datetime) -> Link | None:
    """What a link would do, without doing it; None where its reader is gone."""
    move = session.get(Move, move_id)
    subscriber = session.get(Subscriber, move.subscriber_id) if move else None
    if move is None or subscriber is None or subscriber.erased_at is not None:
        return None
    return Link(
        edition_id=move.edition_id,
        old=subscriber.address,
        new=move.address,
        standing=_standing(session, move, subscriber, now=now),
    )


def confirm(
    session: Session, move_id: int, evidence: Evidence, *, told_variant_id: int, now: datetime
) -> Moved | Standing:
    """Move, once, and tell the old address; else where the link stands."""
    move = session.get(Move, move_id)
    if move is None:
        return Standing.STALE
    subscriber = preferences.lock_reader(session, move.subscriber_id)
    session.refresh(move)
    standing = _standing(session, move, subscriber, now=now)
    if standing is not Standing.WAITING:
        return standing
    old, new = _parsed(subscriber.address), _parsed(move.address)
    try:
        with session.begin_nested():
            subscriber.address, subscriber.address_key = str(new), new.key
            subscriber.domain_group = domain_group(new.domain)
    except IntegrityError:  # somebody signed up with it in this very moment
        session.refresh(subscriber)
        return Standing.TAKEN
    move.done_at = now
    consents.record(
        session, Act.CHANGED, evidence, subscriber_id=subscriber.id, edition_id=None, generation=None, now=now
    )
    if suppressions.standing(session, old.key, now=now) is not None:
        return Moved(batch_id=None)
    return Moved(batch_id=_write(session, "moved", subscriber.id, old, told_variant_id, {}, now))


def _standing(session: Session, move: Move, subscriber: Subscriber, *, now: datetime) -> Standing:
    if move.done_at is not None:
        return Standing.DONE
    last = moves.newest(session, subscriber.id)
    if subscriber.erased_at is not None or last is None or last.id != move.id or now - move.requested_at > VALID_FOR:
        return Standing.STALE
    owner = subscribers.find(session, _parsed(move.address))
    return Standing.WAITING if owner is None or owner.id == subscriber.id else Standing.TAKEN


def _write(
    session: Session, name: str, subscriber_id: int, to: EmailAddress, variant_id: int, fields: dict[str, str],
    now: datetime,
) -> int:  # fmt: skip
    notice = notices.Notice(
        variant_id=variant_id,
        recipient_id=subscriber_id,
        address=str(to),
        address_key=to.key,
        domain_group=domain_group(to.domain),
        fields=fields,
    )
    return notices.enqueue(session, name, notice, now=now)


def _parsed(stored: str) -> EmailAddress:
    found = address.parse(stored)
    assert isinstance(found, EmailAddress), "an address is checked before it is stored"
    return found
