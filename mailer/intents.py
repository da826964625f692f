"""Intents: the commit to send, which stands in the ledger before a message leaves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, exists, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from ground.listed import numbers, on_sqlite, packed
from mailer import holds
from mailer.deliveries import DELIVERIES, State
from mailer.leases import Lease
from mailer.letters import Letter, LetterState


def intend(session: Session, held: Lease, ids: Sequence[int], *, owner: str, now: datetime) -> dict[int, int]:
    """Commit to sending: id -> number of its attempt. What this does not return must not be sent.

    This UPDATE is the last look before a message leaves: a reader who has left since, an address suppressed since, a
    letter that may not leave any more (paused, cancelled, over), a lane that is held are not among the rows it returns.
    """
    about = {"b_letter": held.span.letter_id, "b_lane": held.lane, "b_now": now}
    given = {"b_ids": packed(ids), "b_owner": owner, **about}
    found = session.connection().execute(_INTEND[on_sqlite(session)], given)
    return dict(found.all())


_MAY_LEAVE = exists(
    select(Letter.id).where(
        Letter.id == bindparam("b_letter"),
        Letter.state == LetterState.SENDING,
        Letter.deadline_at > bindparam("b_now"),
    )
)


def _intending(*, is_sqlite: bool) -> ReturningUpdate[Any]:
    return (
        update(DELIVERIES)
        .where(
            DELIVERIES.c.id.in_(select(numbers("b_ids", is_sqlite=is_sqlite))),
            DELIVERIES.c.state == State.CLAIMED,
            DELIVERIES.c.owner == bindparam("b_owner"),
            _MAY_LEAVE,
            holds.is_free(bindparam("b_lane")),
        )
        .values(state=State.SENDING, attempt=DELIVERIES.c.attempt + 1)
        .returning(DELIVERIES.c.id, DELIVERIES.c.attempt)
    )


#: Built once: it goes with every group, and to build it takes longer than to run it.
_INTEND = {is_sqlite: _intending(is_sqlite=is_sqlite) for is_sqlite in (True, False)}
