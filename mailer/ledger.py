"""The ledger: batches of a letter's deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import exists, func, insert, select, update
from sqlalchemy.orm import Session

from mailer.batches import SIZE, Batch, BatchState
from mailer.deliveries import OPEN, Delivery, State
from mailer.letters import Lane, Letter, LetterState


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


def counts(session: Session, letter_id: int) -> Mapping[State, int]:
    """A letter's deliveries by state; every state is named, 0 where there is none."""
    found = session.execute(
        select(Delivery.state, func.count()).where(Delivery.letter_id == letter_id).group_by(Delivery.state)
    )
    return dict.fromkeys(State, 0) | {row[0]: row[1] for row in found}


def finish_letters(session: Session, *, now: datetime, letter_id: int | None = None) -> list[int]:
    """Mark letters finished of which nothing is open any more; their ids."""
    over = [
        Letter.state == LetterState.SENDING,
        Letter.sealed_count.is_not(None),
        ~exists().where(Batch.letter_id == Letter.id, Batch.state != BatchState.DONE),
        ~exists().where(Delivery.letter_id == Letter.id, Delivery.state.in_(OPEN)),
    ]
    if letter_id is not None:
        over.append(Letter.id == letter_id)
    ended = update(Letter).where(*over).values(state=LetterState.FINISHED, finished_at=now).returning(Letter.id)
    return list(session.scalars(ended))


def cancel(session: Session, letter_id: int, *, now: datetime) -> bool:
    """Stop a letter for good; its rows are skipped batch by batch, as workers come to them."""
    running = (LetterState.BUILDING, LetterState.SENDING, LetterState.PAUSED)
    stopped = update(Letter).where(Letter.id == letter_id, Letter.state.in_(running))
    found = session.scalar(stopped.values(state=LetterState.CANCELLED).returning(Letter.id))
    if found is None:
        return False
    still_to_go = update(Batch).where(Batch.letter_id == letter_id, Batch.state == BatchState.OPEN)
    session.execute(still_to_go.values(next_at=now))
    return True
