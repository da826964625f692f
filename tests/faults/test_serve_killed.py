"""`kill -9` of `broadsheet serve` in the middle of 2,000 mails, then a restart: nobody is lost, and the doubts are counted.

Everything is real: two processes of the command line, SMTP between them, and one database file.
"""

from __future__ import annotations

import json
import os
import random
import signal
from collections import Counter
from pathlib import Path

import pytest

from broadsheet.settings import load
from broadsheet.wiring import House
from tests.processes import READERS, an_approved_issue, count, free_port, run, running, show, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.faults]

CONNECTIONS = 5


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of the processes; two ports in a row are taken by the mailbox."""
    web, smtp = free_port(), free_port(in_a_row=2)
    return {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},  # noqa: TID251
        "BROADSHEET_DATA_DIR": str(tmp_path / "var"),
        "BROADSHEET_BASE_URL": f"http://127.0.0.1:{web}",
        "BROADSHEET_PORT": str(web),
        "BROADSHEET_SMTP__PORT": str(smtp),
        "BROADSHEET_SMTP__TLS": "none",
        "BROADSHEET_SMTP__CONNECTIONS": str(CONNECTIONS),
        "BROADSHEET_MAILBOX_PORT": str(smtp),
        "BROADSHEET_IN_DOUBT_GRACE": "1",
    }


@pytest.fixture
def issue(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> int:
    """An approved issue of one edition with 2,000 readers."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with House(load()) as house:
        house.require_tables()
        return an_approved_issue(house)


def test_nobody_is_lost_and_the_doubts_are_counted(environment: dict[str, str], issue: int, tmp_path: Path) -> None:
    received = tmp_path / "received"
    at = random.Random(2026).randrange(200, READERS - 400)
    with running(environment, tmp_path / "mailbox.log", "inbox", "--folder", str(received)):
        with running(environment, tmp_path / "killed.log", "serve") as victim:
            wait_until(lambda: count(received) >= at, 60, "mails are under way")
            victim.send_signal(signal.SIGKILL)
            victim.wait()
        before = count(received)
        assert before < READERS, "it was done before it was killed: this proves nothing"
        with running(environment, tmp_path / "second.log", "serve"):
            wait_until(lambda: show(environment, issue)["state"] == "finished", 90, "the issue is finished")
        report = show(environment, issue)
        got = Counter(json.loads(path.read_text())["recipient"] for path in received.glob("*.json"))

    duplicates = sum(copies - 1 for copies in got.values())
    in_doubt = report["in_doubt_at_some_time"]

    assert len(got) == READERS
    assert report["accepted"] == READERS
    assert report["sums_match"] is True
    assert duplicates <= in_doubt, "a copy that nobody was told of"
    # One intent group, those in flight, and 10 ms of unwritten results.
    assert in_doubt <= 100
    assert run(environment, "verify").returncode == 0
