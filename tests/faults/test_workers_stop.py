"""Two workers send an issue that was signed ahead; an editor holds it, lets it go on and cancels it, each within a second."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from broadsheet import clock, dkim_keys
from broadsheet.settings import Settings
from broadsheet.wiring import House
from mailer import deliveries, ledger
from mailer.deliveries import Delivery, State
from mailer.dkim import Algorithm, KeyName
from mailer.signatures import Signature
from newsletters import launch
from newsletters.act import Done
from newsletters.issues import Issue
from tests.faults.workers import Newsroom, newsroom
from tests.processes import an_approved_issue, running, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.slow]

READERS = 3_000
#: Seconds within which an act of an editor has its effect, and for how long it is then looked at that nothing more leaves.
WITHIN, LOOKED_AT = 1.0, 0.5
EDITOR = "editor@example.org"


def a_signed_issue(room: Newsroom) -> int:
    """An issue whose time comes in some seconds, frozen and signed."""
    settings = Settings(data_dir=room.folder / "var", database_url=room.url, base_url="https://news.example")
    with House(settings) as house:
        name = KeyName(domain="zagroscourier.example", selector="a", algorithm=Algorithm.RSA)
        house.dkim_keys.write(replace(dkim_keys.make(name, now=house.clock()), active_since=house.clock()))
        issue_id = an_approved_issue(house, READERS)
        with house.database.write() as session:
            session.get_one(Issue, issue_id).scheduled_for = house.clock() + timedelta(seconds=15)
        asyncio.run(house.publisher.publish_due())
        assert asyncio.run(house.sign_ahead.sign()) == READERS
        with house.database.read() as session:
            assert session.scalar(select(func.count()).select_from(Signature)) == READERS
    return issue_id


def _open(room: Newsroom) -> int:
    with room.database.read() as session:
        return session.scalar(select(func.count()).where(Delivery.state.in_(deliveries.OPEN))) or 0


def test_a_signed_issue_is_held_goes_on_and_is_cancelled_within_a_second(tmp_path: Path) -> None:
    with newsroom(tmp_path) as room:
        issue_id, sent = a_signed_issue(room), room.sink.messages
        logs = [tmp_path / f"worker{number}.log" for number in range(2)]
        with running(room.environment, logs[0], "worker"), running(room.environment, logs[1], "worker"):
            wait_until(lambda: len(sent) > READERS // 20, 60, "mail leaves")
            with room.database.write() as session:
                held = launch.pause(session, issue_id, reason="a wrong name", by=EDITOR, now=clock.now())
            assert isinstance(held, Done), held
            time.sleep(WITHIN)
            at_rest = len(sent)
            time.sleep(LOOKED_AT)
            assert len(sent) == at_rest < READERS
            with room.database.write() as session:
                assert isinstance(launch.resume(session, issue_id, by=EDITOR, now=clock.now()), Done)
            wait_until(lambda: len(sent) > at_rest, WITHIN, "it goes on")
            with room.database.write() as session:
                done = launch.cancel(session, issue_id, reason="a wrong lead", by=EDITOR, now=clock.now())
            assert isinstance(done, Done), done
            time.sleep(WITHIN)
            cancelled_at = len(sent)
            wait_until(lambda: _open(room) == 0, 20, "the rest is skipped")
            assert len(sent) == cancelled_at < READERS
        assert set(room.sink.copies.values()) == {1}
        with room.database.read() as session:
            assert session.scalar(select(func.count()).where(Delivery.state == State.ACCEPTED)) == cancelled_at
            assert ledger.verify(session) == []
