"""The short form of `make faults`, and the one moment that matters most: after the 250, before it is written down."""

from __future__ import annotations

import random
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from broadsheet import clock
from ground.database import Database
from mailer import leases, ledger
from mailer.deliveries import Delivery, State
from mailer.letters import InDoubt
from newsletters.issues import Issue
from tests.faults import kills, worker
from tests.faults.sink import Sink, Trap, listening
from tests.faults.worker import Orders
from tests.processes import READERS, an_approved_issue

pytestmark = [pytest.mark.faults, pytest.mark.slow]


@pytest.mark.parametrize("policy", [InDoubt.RESEND, InDoubt.HOLD])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_workers_are_killed_and_nobody_is_lost(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, policy: InDoubt
) -> None:
    url = f"sqlite:///{tmp_path}/killed.sqlite3"
    if kind == "postgresql":
        url = request.getfixturevalue("empty_postgres_url")
    found = kills.ordeal(url, tmp_path / "var", policy, 4, random.Random(3))
    assert found.stands, kills.table([found]) + f"\n{found.broken}"
    assert found.kills == 4
    assert found.accepted + (found.in_doubt if policy is InDoubt.HOLD else 0) == READERS


@pytest.mark.parametrize("policy", [InDoubt.RESEND, InDoubt.HOLD])
@pytest.mark.parametrize("mode", ["pipelining", "chunking"])
def test_they_are_killed_while_messages_follow_each_other_without_a_pause(
    tmp_path: Path, mode: str, policy: InDoubt
) -> None:
    found = kills.ordeal(
        f"sqlite:///{tmp_path}/killed.sqlite3", tmp_path / "var", policy, 4, random.Random(5), mode=mode
    )
    assert found.stands, kills.table([found]) + f"\n{found.broken}"
    assert found.accepted + (found.in_doubt if policy is InDoubt.HOLD else 0) == READERS


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_kill_between_the_250_and_its_commit_leaves_one_doubt_and_a_copy_with_the_same_bytes(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    url = f"sqlite:///{tmp_path}/killed.sqlite3"
    if kind == "postgresql":
        url = request.getfixturevalue("empty_postgres_url")
    database = Database(url)
    # Over one connection, and at the last message: behind it no other is intended, before it all are written down.
    with listening(Sink()) as sink:
        orders = Orders(url=url, folder=tmp_path / "var", port=sink.port, limits={"connections": 1})
        with worker.house_of(orders) as house:
            house.migrate()
            issue_id = an_approved_issue(house)
        victim = worker.start(orders)

        def stop() -> None:
            time.sleep(0.3)  # the results before it are written
            victim.kill()

        sink.trap = Trap("accepted", READERS, stop)
        victim.join(60)
        assert victim.exitcode == -9
        with database.write() as session:
            found = ledger.recover_leases(session, leases.holders(session), now=clock.now())
            assert ledger.verify(session) == []
        assert found.uncertain == 1
        with database.read() as session:
            [doubt] = session.scalars(select(Delivery).where(Delivery.state == State.UNCERTAIN)).all()
            letter_id = session.scalars(select(Issue.letter_id).where(Issue.id == issue_id)).one()
            assert letter_id is not None
            assert ledger.counts(session, letter_id)[State.ACCEPTED] == READERS - 1
        assert sink.messages[-1][0] == doubt.address
        with database.write() as session:
            assert ledger.settle_uncertain(session, now=clock.now(), grace=timedelta(0)).resent == 1
        last = worker.start(Orders(url=url, folder=tmp_path / "var", port=sink.port))
        last.join(60)
        assert last.exitcode == 0
    copies = sink.copies
    assert len(copies) == READERS
    assert {address: number for address, number in copies.items() if number > 1} == {doubt.address: 2}
    [content] = sink.contents[doubt.address]
    assert content.count(b"\nMessage-ID: <") == 1
    database.dispose()
