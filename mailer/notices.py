"""Notices: a letter to one person, as an answer to something they did (confirm, welcome, a test copy to the desk).

It takes the same way through the ledger as an issue, in a lane with connections of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.batches import Batch, BatchState
from mailer.deliveries import Delivery, State
from mailer.letter import Kind
from mailer.letters import InDoubt, Lane, Letter, LetterState


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    variant_id: int
    recipient_id: int
    address: str
    address_key: str
    domain_group: str
    fields: Mapping[str, Any]
    lifetime: timedelta = timedelta(hours=24)
    scope: str | None = None  # what a leave narrows itself to; None is reached by leaving everything only
    kind: Kind = Kind.TX


def is_out(session: Session, recipient_id: int, scope: str, *, since: datetime) -> bool:
    """Whether a notice of this scope has reached its recipient's server since then, or is still on its way there."""
    wanted = select(Delivery.id).where(
        Delivery.recipient_id == recipient_id,
        Delivery.scope == scope,
        Delivery.created_at >= since,
        Delivery.state.not_in((State.FAILED, State.SKIPPED)),
    )
    return session.scalar(wanted.limit(1)) is not None


def was_written(session: Session, recipient_id: int, name: str, *, since: datetime) -> bool:
    """Whether this person was written such a letter since then."""
    wanted = (
        select(Delivery.id)
        .join(Letter, Letter.id == Delivery.letter_id)
        .where(Delivery.recipient_id == recipient_id, Delivery.created_at >= since, Letter.name == name)
    )
    return session.scalar(wanted.limit(1)) is not None


def enqueue(session: Session, name: str, notice: Notice, *, now: datetime) -> int:
    """Write the letter, its one delivery and its batch in the caller's transaction; the batch's id, to be submitted
    after the commit. (If nobody submits it, the engine's refill finds it.)
    """
    letter = Letter(
        name=name,
        kind=notice.kind,
        lane=Lane.TX,
        state=LetterState.SENDING,
        in_doubt=InDoubt.RESEND,
        due_at=now,
        deadline_at=now + notice.lifetime,
        sealed_count=1,
        created_at=now,
    )
    session.add(letter)
    session.flush()
    delivery = Delivery(
        letter_id=letter.id,
        variant_id=notice.variant_id,
        recipient_id=notice.recipient_id,
        scope=notice.scope,
        domain_group=notice.domain_group,
        address=notice.address,
        address_key=notice.address_key,
        fields=dict(notice.fields),
        state=State.READY,
        next_at=now,
        created_at=now,
    )
    session.add(delivery)
    session.flush()
    batch = Batch(
        letter_id=letter.id,
        lane=Lane.TX,
        domain_group=notice.domain_group,
        first_id=delivery.id,
        last_id=delivery.id,
        size=1,
        state=BatchState.OPEN,
        next_at=now,
    )
    session.add(batch)
    session.flush()
    return batch.id
