"""Notices: one letter to one person, as an answer to something they did (lane `tx`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from mailer.batches import Batch
from mailer.deliveries import Delivery
from mailer.letters import InDoubt, Kind, Lane, Letter, LetterState


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    variant_id: int
    recipient_id: int
    address: str
    address_key: str
    domain_group: str
    fields: Mapping[str, str]
    lifetime: timedelta


def enqueue(session: Session, name: str, notice: Notice, *, now: datetime) -> int:
    """Letter, delivery and batch in the caller's transaction; returns the batch's id, to be submitted after the commit."""
    letter = Letter(
        name=name,
        kind=Kind.TX,
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
        domain_group=notice.domain_group,
        address=notice.address,
        address_key=notice.address_key,
        fields=dict(notice.fields),
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
        next_at=now,
    )
    session.add(batch)
    session.flush()
    return batch.id
