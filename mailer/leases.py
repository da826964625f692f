"""Leases: the names under which workers hold batches, and whose they are."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.batches import Batch, BatchState
from mailer.letters import Lane


def lease_name(worker: str, number: int) -> str:
    """A name for one lease of a worker's: what was noted under an older one must not pass for this one's."""
    return f"{worker}/{number}"


def worker_of(lease: str) -> str:
    """Who holds a lease of this name."""
    return lease.rpartition("/")[0]


def holders(session: Session) -> list[str]:
    """The names of the leases under which batches are held now."""
    held = select(Batch.owner).where(Batch.lane.in_(list(Lane)), Batch.state == BatchState.LEASED).distinct()
    return [owner for owner in session.scalars(held) if owner is not None]
