"""Recall: rows of a letter that is still being built are taken out of it again, because their recipients are judged anew.

Nothing of such a letter has been handed over, so no trace of them is owed to anybody. Their batches shrink with them; their
signatures go with their rows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from mailer.batches import Batch
from mailer.deliveries import Delivery, Span, State


def recall(session: Session, letter_id: int, recipient_ids: Sequence[int]) -> int:
    """Take these recipients' rows out of a letter that is being built; how many there were."""
    gone = session.scalars(
        delete(Delivery)
        .where(
            Delivery.letter_id == letter_id,
            Delivery.recipient_id.in_(recipient_ids),
            Delivery.state.in_((State.READY, State.SKIPPED)),
        )
        .returning(Delivery.id),
        execution_options={"synchronize_session": False},
    ).all()
    if gone:
        _shrink(session, letter_id, sorted(gone))
    return len(gone)


def _shrink(session: Session, letter_id: int, gone: Sequence[int]) -> None:
    # Each row is looked up here and not by the database: it would walk through all batches of the letter for each.
    around = session.execute(
        select(Batch.id, Batch.first_id, Batch.last_id, Batch.size)
        .where(Batch.letter_id == letter_id, Batch.last_id >= gone[0], Batch.first_id <= gone[-1])
        .order_by(Batch.last_id)
    ).all()
    ends = [each.last_id for each in around]
    lost = Counter(bisect_left(ends, number) for number in gone)
    for place, count in lost.items():
        batch = around[place]
        if batch.size == count:
            session.execute(delete(Batch).where(Batch.id == batch.id))
            continue
        # SQLite gives the number of a last row that is gone to the next one: it must be no batch's.
        rest = Span(letter_id, batch.first_id, batch.last_id).condition()
        ends_at = select(func.max(Delivery.id)).where(rest).scalar_subquery()
        session.execute(update(Batch).where(Batch.id == batch.id).values(size=batch.size - count, last_id=ends_at))
