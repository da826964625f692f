"""`worker` and `serve --no-work` as processes on one PostgreSQL: who does the work, and how each of them ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from broadsheet.settings import load
from broadsheet.wiring import House
from mailer import leases, ledger
from mailer.deliveries import State
from newsletters.issues import Issue, IssueState
from tests.broadsheet.conftest import Run, words
from tests.conftest import ROOT
from tests.faults.sink import Sink, Trap, listening
from tests.faults.workers import senders
from tests.processes import READERS, an_approved_issue, free_port, running, wait_until
from tests.processes import run as run_process

pytestmark = pytest.mark.slow


@pytest.fixture
def sink() -> Iterator[Sink]:
    with listening(Sink()) as sink:
        yield sink


@pytest.fixture
def environment(empty_postgres_url: str, tmp_path: Path, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Of processes that share one queue; the tables are there."""
    web = str(free_port())
    own = {
        "BROADSHEET_DATA_DIR": str(tmp_path / "var"),
        "BROADSHEET_DATABASE_URL": empty_postgres_url,
        "BROADSHEET_ENGINE": "procrastinate",
        "BROADSHEET_PORT": web,
        "BROADSHEET_SMTP__PORT": str(sink.port),
        "BROADSHEET_SMTP__TLS": "none",
        "BROADSHEET_SMTP__CONNECTIONS": "3",
        "PYTHONPATH": str(ROOT),
    }
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    assert run_process(own, "migrate").returncode == 0
    return own


def state_of(house: House, issue: int) -> IssueState:
    with house.database.read() as session:
        return session.get_one(Issue, issue).state


def test_pages_alone_send_nothing_and_workers_beside_them_do(
    environment: dict[str, str], sink: Sink, tmp_path: Path
) -> None:
    with House(load()) as house, running(environment, tmp_path / "pages.log", "serve", "--no-work"):
        issue = an_approved_issue(house, 300)
        wait_until(lambda: run_process(environment, "health").returncode == 0, 30, "the pages are served")
        assert (state_of(house, issue), sink.messages) == (IssueState.APPROVED, [])
        with running(environment, tmp_path / "worker.log", "worker", "--processes", "2") as worker:
            wait_until(lambda: len(senders(worker)) == 2, 30, "two processes send")
            wait_until(lambda: state_of(house, issue) is IssueState.FINISHED, 60, "the issue is finished")
    assert (len(sink.copies), set(sink.copies.values())) == (300, {1})


def test_a_worker_told_to_stop_in_mid_issue_drains_and_leaves_no_doubt(
    environment: dict[str, str], sink: Sink, tmp_path: Path
) -> None:
    with House(load()) as house:
        issue = an_approved_issue(house)
        with running(environment, tmp_path / "worker.log", "worker") as worker:
            sink.trap = Trap("accepted", READERS // 3, worker.terminate)
            assert worker.wait(60) == 0
        counts = counted(house, issue)
    assert counts[State.ACCEPTED] == len(sink.messages) < READERS
    assert counts[State.ACCEPTED] + counts[State.READY] == READERS


def test_the_senders_of_a_killed_worker_end_by_themselves_and_leave_no_doubt(
    environment: dict[str, str], sink: Sink, tmp_path: Path
) -> None:
    with House(load()) as house:
        issue = an_approved_issue(house)
        with running(environment, tmp_path / "worker.log", "worker") as worker:
            wait_until(lambda: bool(senders(worker)), 30, "it sends")
            [sender] = senders(worker)
            sink.trap = Trap("accepted", READERS // 10, worker.kill)
            assert worker.wait(60) == -signal.SIGKILL
            wait_until(lambda: not Path(f"/proc/{sender}").exists(), 15, "its sender has ended")
        counts = counted(house, issue)
        assert house.engine.stats()
    assert counts[State.ACCEPTED] == len(sink.messages)
    assert counts[State.ACCEPTED] + counts[State.READY] == READERS


def test_a_sender_that_is_killed_is_followed_by_another_and_what_it_held_goes_on(
    environment: dict[str, str], sink: Sink, tmp_path: Path
) -> None:
    with House(load()) as house, running(environment, tmp_path / "worker.log", "worker") as worker:
        issue = an_approved_issue(house)
        wait_until(lambda: bool(senders(worker)), 30, "it sends")
        [first] = senders(worker)
        sink.trap = Trap("accepted", READERS // 3, lambda: os.kill(first, signal.SIGKILL))
        wait_until(lambda: bool(senders(worker)) and senders(worker) != [first], 30, "another has begun")
        with house.database.read() as session:
            owners = {leases.worker_of(lease) for lease in leases.holders(session)}
        assert len(owners) <= 1, "the dead one's leases were not taken back"
        wait_until(lambda: not left(house, issue), 60, "all is sent")
        counts = counted(house, issue)
    assert set(sink.copies.values()) == {1}
    assert counts[State.ACCEPTED] + counts[State.UNCERTAIN] == READERS


def counted(house: House, issue_id: int) -> dict[State, int]:
    with house.database.read() as session:
        letter_id = session.get_one(Issue, issue_id).letter_id
        assert letter_id is not None
        assert ledger.verify(session) == []
        counts = ledger.counts(session, letter_id)
    return {state: counts.get(state, 0) for state in State}


def left(house: House, issue_id: int) -> int:
    with house.database.read() as session:
        letter_id = session.get_one(Issue, issue_id).letter_id
        if letter_id is None:
            return READERS
        counts = ledger.counts(session, letter_id)
    return READERS - counts.get(State.ACCEPTED, 0) - counts.get(State.UNCERTAIN, 0)


def test_a_worker_needs_a_queue_that_is_shared(run: Run) -> None:
    told = words(run("worker", code=2))
    assert "needs a queue that several processes share" in told
    assert "Set engine to procrastinate" in told
    assert "serve --no-work" in words(run("serve", "--no-work", code=2))


def test_a_lane_that_is_none_is_told(run: Run) -> None:
    assert "'fast' is no lane. Name some of tx, bulk" in words(run("worker", "--lanes", "tx,fast", code=2))


def test_the_shared_engine_needs_postgresql(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROADSHEET_ENGINE", "procrastinate")
    for command in (("config", "check"), ("migrate",), ("verify",), ("worker",)):
        told = words(run(*command, code=2))
        assert "the database is SQLite. Set database_url to postgresql+psycopg://..., or engine to local." in told


def test_the_shared_engine_says_when_its_tables_are_missing(
    run: Run, monkeypatch: pytest.MonkeyPatch, fresh_postgres_url: str
) -> None:
    monkeypatch.setenv("BROADSHEET_DATABASE_URL", fresh_postgres_url)
    monkeypatch.setenv("BROADSHEET_ENGINE", "procrastinate")
    assert "The job tables are not those of this version." in words(run("verify", code=2))
    run("migrate")
    run("verify")
    run("migrate")
    run("verify")
