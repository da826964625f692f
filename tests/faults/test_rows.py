"""Rows that cannot be written: each fails with its reason, before anything is intended, and all others are sent."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from broadsheet.wiring import House
from ground.database import Database
from mailer import ledger
from mailer.deliveries import Delivery, State
from newsletters.issues import Issue
from tests.faults import worker
from tests.faults.sink import Sink, listening
from tests.faults.worker import Orders
from tests.processes import READERS, an_approved_issue

pytestmark = [pytest.mark.faults, pytest.mark.slow]

#: What is wrong with a row -> the word by which its reason is known.
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no value": ({"fields": {}}, "no value"),
    "nothing": ({"fields": {"unsubscribe_url": None}}, "no value"),
    "a line too many": ({"fields": {"unsubscribe_url": "a\r\nBcc: evil@example.org"}}, "token payload"),
    "an address that goes on": ({"address": "a@example.org>\r\nRCPT TO:<evil@example.org"}, "address"),
    "an illegal byte": ({"address": "r\x00@example.org"}, "address"),
    "letters beyond ASCII": ({"address": "hêvî@example.org"}, "SMTPUTF8"),
    "no address at all": ({"address": ""}, "address"),
}


def test_one_bad_row_fails_with_its_reason_and_the_rest_is_sent(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/rows.sqlite3"
    with listening(Sink()) as sink:
        orders = Orders(url=url, folder=tmp_path / "var", port=sink.port)
        with worker.house_of(orders) as house:
            house.migrate()
            issue_id = an_approved_issue(house)
            spoilt = asyncio.run(_send(house, issue_id))
            with house.database.read() as session:
                letter_id = session.scalars(select(Issue.letter_id).where(Issue.id == issue_id)).one()
                assert letter_id is not None
                failed = session.scalars(select(Delivery).where(Delivery.state == State.FAILED)).all()
                counts = ledger.counts(session, letter_id)
                assert ledger.verify(session) == []
    assert {row.id for row in failed} == set(spoilt)
    for row in failed:
        assert row.reason is not None
        assert WRONG[spoilt[row.id]][1] in row.reason, (spoilt[row.id], row.reason)
        assert (row.attempt, row.bounced_at) == (0, None)  # nothing was intended, nobody bounced
    assert counts[State.ACCEPTED] == len(sink.copies) == READERS - len(WRONG)
    assert set(sink.copies.values()) == {1}
    assert not any("evil" in address or b"\nBcc:" in content for address, content in sink.messages)


async def _send(house: House, issue_id: int) -> dict[int, str]:
    """Publish, spoil some rows, send; the spoilt ones and what is wrong with each."""
    _ = house.scheduler  # knows the tasks that publishing submits
    await house.publisher.publish(issue_id)
    spoilt = _spoil(house.database)
    await worker.send_all(house)
    await house.dispatcher.close()
    return spoilt


def _spoil(database: Database) -> dict[int, str]:
    with database.write() as session:
        ids = session.scalars(select(Delivery.id).order_by(Delivery.id)).all()
        spoilt = dict(zip(ids[7 :: len(ids) // len(WRONG)], WRONG, strict=False))
        for number, what in spoilt.items():
            session.execute(update(Delivery).where(Delivery.id == number).values(WRONG[what][0]))
    return spoilt
