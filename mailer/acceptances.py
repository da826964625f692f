"""Acceptances: what nearly every result is, written down a whole group in one statement.

It is the state machine's step `sending -> accepted`, under the guards that all results have (mailer.results). What it does
not find in that state, a doubt that ended or an answer that came too late, is left to the general way.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Update, bindparam, update
from sqlalchemy.orm import Session

from ground.listed import on_sqlite, packed, texts_by_number
from mailer.deliveries import DELIVERIES, State

#: id, number of the attempt, route, code, queue id
Acceptance = tuple[int, int, str | None, int | None, str | None]


def write(session: Session, accepted: Sequence[Acceptance], *, owner: str, now: datetime) -> bool:
    """Write down what was accepted under the lease `owner`; whether all of it was being sent.

    Where that is not so, what was not stands as it stood, and still is the lease's.
    """
    alike: dict[tuple[int, str | None, int | None], dict[int, str | None]] = {}
    for delivery_id, attempt, route, code, queue_id in accepted:
        alike.setdefault((attempt, route, code), {})[delivery_id] = queue_id
    written = 0
    for (attempt, route, code), queue_ids in alike.items():
        about = {"b_attempt": attempt, "b_route": route, "b_code": code, "b_owner": owner, "b_now": now}
        given = {"b_accepted": packed(queue_ids), **about}
        written += session.connection().execute(_ACCEPT[on_sqlite(session)], given).rowcount
    return written == len(accepted)


def _accepting(*, is_sqlite: bool) -> Update:
    delivery_id, queue_id = texts_by_number("b_accepted", is_sqlite=is_sqlite)
    mine = DELIVERIES.c
    return (
        update(DELIVERIES)
        .where(
            mine.id == delivery_id,
            mine.attempt == bindparam("b_attempt"),
            mine.owner == bindparam("b_owner"),
            mine.state == State.SENDING,
        )
        .values(
            state=State.ACCEPTED,
            accepted_at=bindparam("b_now", type_=mine.accepted_at.type),
            route=bindparam("b_route", type_=mine.route.type),
            code=bindparam("b_code", type_=mine.code.type),
            queue_id=queue_id,
            owner=None,
            lease_until=None,
            reason=None,
            stage=None,
            enhanced=None,
            reply=None,
        )
    )


#: Built once: it goes with every group, and to build it takes longer than to run it.
_ACCEPT = {is_sqlite: _accepting(is_sqlite=is_sqlite) for is_sqlite in (True, False)}
