"""Filling: from a row of the ledger to what its message is made of; the same in this process and in a child."""

from __future__ import annotations

from datetime import datetime

from mailer.deliveries import Row
from mailer.leases import Lease
from mailer.message import Recipient


def recipient(row: Row, lease: Lease) -> Recipient:
    return Recipient(
        delivery_id=row.id,
        letter_id=lease.span.letter_id,
        recipient_id=row.recipient_id,
        address=row.address,
        fields=row.fields,
        due_at=_due_at(row, lease),
    )


def _due_at(row: Row, lease: Lease) -> datetime:
    """When a row was due, for its Date: the letter's time, or its reader's own hour (newsletters.audience)."""
    own = row.fields.get("date")
    return lease.due_at if own is None else datetime.fromisoformat(own)
