"""Batches: deliveries that are leased together.

A batch is a range of delivery ids of one letter and one receiving-domain group. A freeze writes its rows group by
group, so the range is dense; claiming a batch is one conditional UPDATE on one row.
"""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from ground.database import Base, RowId, one_of
from mailer.letters import Lane

#: Deliveries in one batch: enough to make a commit cheap, few enough that pause and cancel work within a second.
SIZE = 500


class BatchState(enum.StrEnum):
    OPEN = "open"  # has deliveries to send, now or at next_at
    LEASED = "leased"  # a worker holds it until lease_until
    DONE = "done"  # no delivery of it can leave any more


class Batch(Base):
    __tablename__ = "batches"
    __table_args__ = (Index("ix_batches_lane_state_next_at", "lane", "state", "next_at"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    letter_id: Mapped[int] = mapped_column(ForeignKey("letters.id"), index=True)
    lane: Mapped[Lane] = mapped_column(one_of(Lane, "lane"))
    domain_group: Mapped[str] = mapped_column(String(64))
    first_id: Mapped[int] = mapped_column(RowId)
    last_id: Mapped[int] = mapped_column(RowId)
    size: Mapped[int]
    state: Mapped[BatchState] = mapped_column(one_of(BatchState, "state"), default=BatchState.OPEN)
    next_at: Mapped[datetime]
    owner: Mapped[str | None] = mapped_column(String(64))
    lease_until: Mapped[datetime | None]
