"""The ledger: batches of a letter's deliveries."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from mailer.batches import SIZE, Batch, BatchState
from mailer.deliveries import Delivery
from mailer.letters import Lane


def cut_batches(
    session: Session, letter_id: int, lane: Lane, domain_group: str, first_id: int, last_id: int, now: datetime
) -> None:
    """Cut the letter's deliveries of one group, between two ids, into batches."""
    ids = session.scalars(
        select(Delivery.id)
        .where(
            Delivery.id.between(first_id, last_id),
            Delivery.letter_id == letter_id,
            Delivery.domain_group == domain_group,
        )
        .order_by(Delivery.id)
    ).all()
    rows = [
        {
            "letter_id": letter_id,
            "lane": lane,
            "domain_group": domain_group,
            "first_id": part[0],
            "last_id": part[-1],
            "size": len(part),
            "state": BatchState.OPEN,
            "next_at": now,
        }
        for part in (ids[start : start + SIZE] for start in range(0, len(ids), SIZE))
    ]
    if rows:
        session.execute(insert(Batch), rows)
