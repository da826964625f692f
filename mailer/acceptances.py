"""Acceptances: what nearly every result is, written down a whole group in one statement.

It is the state machine's step `sending -> accepted`, under the guards that all results have (mailer.results). What it does
not find in that state, a doubt that ended or an answer that came too late, is left to the general way.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, String, bindparam, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from ground.database import RowId
from ground.listed import listed, on_sqlite, packed
from mailer.deliveries import DELIVERIES, State

#: id, number of the attempt, route, code, queue id
Acceptance = tuple[int, int, str | None, int | None, str | None]


def write(session: Session, accepted: Sequence[Acceptance], *, owner: str, now: datetime) -> set[int]:
    """Write down what was accepted under the lease `owner`; the ids of those that were being sent."""
    given = {"b_accepted": packed(sorted(accepted)), "b_owner": owner, "b_now": now}
    found = session.connection().execute(_ACCEPT[on_sqlite(session)], given)
    return set(found.scalars())


def _accepting(*, is_sqlite: bool) -> ReturningUpdate[Any]:
    types = (RowId, Integer(), String(), Integer(), String())
    delivery_id, attempt, route, code, queue_id = listed("b_accepted", *types, is_sqlite=is_sqlite)
    mine = DELIVERIES.c
    return (
        update(DELIVERIES)
        .where(
            mine.id == delivery_id,
            mine.attempt == attempt,
            mine.owner == bindparam("b_owner"),
            mine.state == State.SENDING,
        )
        .values(
            state=State.ACCEPTED,
            accepted_at=bindparam("b_now", type_=mine.accepted_at.type),
            route=route,
            code=code,
            queue_id=queue_id,
            owner=None,
            lease_until=None,
            reason=None,
            stage=None,
            enhanced=None,
            reply=None,
        )
        .returning(mine.id)
    )


#: Built once: it goes with every group, and to build it takes longer than to run it.
_ACCEPT = {is_sqlite: _accepting(is_sqlite=is_sqlite) for is_sqlite in (True, False)}
