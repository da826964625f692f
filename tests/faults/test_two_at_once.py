"""Two of everything at the same moment: one issue for a slot, one copy for a reader."""

from __future__ import annotations

import os
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from broadsheet import clock
from ground.database import Database
from mailer import ledger
from mailer.deliveries import Delivery, State
from newsletters import schedules
from newsletters.issues import Issue, IssueState
from newsletters.schedules import Schedule, Slot
from tests.faults import worker
from tests.faults.sink import Sink, listening
from tests.faults.worker import Orders
from tests.processes import READERS, an_approved_issue, an_edition, free_port, running, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.slow]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_workers_publish_and_send_the_same_issue_and_nobody_gets_two(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    url = f"sqlite:///{tmp_path}/two.sqlite3"
    if kind == "postgresql":
        url = request.getfixturevalue("empty_postgres_url")
    with listening(Sink()) as sink:
        orders = Orders(url=url, folder=tmp_path / "var", port=sink.port)
        with worker.house_of(orders) as house:
            house.migrate()
            issue_id = an_approved_issue(house)
        workers = [worker.start(orders) for _ in range(3)]
        for each in workers:
            each.join(120)
        assert [each.exitcode for each in workers] == [0, 0, 0]
        last = worker.start(orders)  # whatever the others left to each other
        last.join(60)
    database = Database(url)
    with database.read() as session:
        assert ledger.verify(session) == []
        issue = session.get_one(Issue, issue_id)
        assert issue.letter_id is not None
        assert ledger.counts(session, issue.letter_id)[State.ACCEPTED] == READERS
        assert session.scalar(select(func.max(Delivery.attempt))) == 1
    database.dispose()
    assert (len(sink.copies), set(sink.copies.values())) == (READERS, {1})


def test_two_services_that_come_back_after_a_slot_publish_it_once(fresh_postgres_url: str, tmp_path: Path) -> None:
    """Both were down when it came, both look for what was missed, in the same second."""
    with listening(Sink()) as sink, ExitStack() as stack:
        orders = Orders(url=fresh_postgres_url, folder=tmp_path / "var", port=sink.port)
        with worker.house_of(orders) as house:
            edition_id = an_edition(house)
            _ = house.keys  # made here, for both of them
            missed = clock.now() - timedelta(minutes=3)
            with house.database.write() as session:
                rule = f"daily {missed:%H:%M} UTC"
                since = missed - timedelta(hours=1)
                assert isinstance(schedules.add(session, edition_id, rule, now=since), Schedule)
        for number in range(2):
            environment = _environment(orders, tmp_path / f"var{number}")
            stack.enter_context(running(environment, tmp_path / f"serve{number}.log", "serve"))
        database = Database(fresh_postgres_url)
        stack.callback(database.dispose)
        wait_until(lambda: _states(database) == [IssueState.FINISHED], 90, "the issue is finished")
    database = Database(fresh_postgres_url)
    with database.read() as session:
        assert session.scalar(select(func.count(Slot.id))) == 1
        assert session.scalar(select(func.count(Issue.id))) == 1
        assert ledger.verify(session) == []
    database.dispose()
    assert (len(sink.copies), set(sink.copies.values())) == (READERS, {1})


def _states(database: Database) -> list[IssueState]:
    with database.read() as session:
        return list(session.scalars(select(Issue.state)))


def _environment(orders: Orders, folder: Path) -> dict[str, str]:
    web = str(free_port())
    return {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},  # noqa: TID251
        "BROADSHEET_DATA_DIR": str(folder),
        "BROADSHEET_DATABASE_URL": orders.url,
        "BROADSHEET_KEYS_FILE": str(orders.folder / "keys.json"),
        "BROADSHEET_BASE_URL": f"http://127.0.0.1:{web}",
        "BROADSHEET_PORT": web,
        "BROADSHEET_SMTP__PORT": str(orders.port),
        "BROADSHEET_SMTP__TLS": "none",
    }
