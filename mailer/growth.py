"""Growth: a batch that was cut short takes the next rows of its letter, as long as nobody has begun with it.

A freeze writes its rows in transactions shorter than a batch is long (newsletters.takeover). Were each of them a batch, a
million readers would be leased and put down half as often again as need be.
"""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer.batches import SIZE, Batch, BatchState
from mailer.deliveries import Delivery, Span


def grow(session: Session, span: Span, *, domain_group: str) -> bool:
    """Add all deliveries of the span, one or more of this group, to the letter's last batch; False where it cannot take them.

    Only what follows without a gap: a batch covers no row of another group.
    """
    last = session.scalar(
        select(Batch).where(Batch.letter_id == span.letter_id).order_by(Batch.id.desc()).limit(1).with_for_update()
    )
    if last is None or not _takes_more(last, span, domain_group):
        return False
    rows, next_at = session.execute(select(func.count(), func.min(Delivery.next_at)).where(span.condition())).one()
    if last.size + rows > SIZE:
        return False
    last.last_id, last.size, last.next_at = span.last_id, last.size + rows, min(last.next_at, next_at)
    return True


def _takes_more(batch: Batch, span: Span, domain_group: str) -> bool:
    is_untouched = batch.state is BatchState.OPEN and batch.signed_at is None and batch.signing_until is None
    return is_untouched and batch.domain_group == domain_group and batch.last_id + 1 == span.first_id
