"""Quarantine: suppressions that a person should look at, because too many of one domain came at once.

A provider whose directory is away answers "no such user" for everybody (Gmail did for hours in December 2020). Nobody is
mailed meanwhile; who decides believes that server, or lifts them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import CursorResult, and_, func, select, update
from sqlalchemy.orm import Session

from mailer.suppressions import Cause, Dead, Suppression


def begin(session: Session, breaker_id: int, domain: str, *, since: datetime) -> int:
    """Mark the suppressions of a domain's mailboxes since a moment as doubtful; how many. They stand until a person decides."""
    found = session.execute(
        update(Suppression)
        .where(
            Suppression.cause == Cause.HARD_BOUNCE,
            Suppression.lifted_at.is_(None),
            Suppression.created_at >= since,
            Suppression.address_key.endswith(f"@{domain}", autoescape=True),
        )
        .values(breaker_id=breaker_id)
    )
    assert isinstance(found, CursorResult)
    return found.rowcount


def join(session: Session, dead: Sequence[Dead], domains: Mapping[str, int]) -> None:
    """What came after a domain was found doubtful is as doubtful; `domains`: each with its breaker."""
    for domain, breaker_id in domains.items():
        keys = [each.address_key for each in dead if each.address_key.rpartition("@")[2] == domain]
        session.execute(
            update(Suppression)
            .where(
                Suppression.address_key.in_(keys),
                Suppression.cause == Cause.HARD_BOUNCE,
                Suppression.lifted_at.is_(None),
            )
            .values(breaker_id=breaker_id)
        )


def settle(session: Session, breaker_id: int, *, believed: bool, by: str, now: datetime) -> int:
    """A person has decided: they are right and the mailboxes are gone, or their server was wrong; how many it concerned."""
    decided = {"breaker_id": None} if believed else {"breaker_id": None, "lifted_at": now, "lifted_by": by[:120]}
    found = session.execute(
        update(Suppression)
        .where(Suppression.breaker_id == breaker_id, Suppression.lifted_at.is_(None))
        .values(**decided)
    )
    assert isinstance(found, CursorResult)
    return found.rowcount


def count(session: Session, breaker_id: int) -> int:
    """How many suppressions wait for a decision about this breaker."""
    waiting = and_(Suppression.breaker_id == breaker_id, Suppression.lifted_at.is_(None))
    return session.scalar(select(func.count()).where(waiting)) or 0
