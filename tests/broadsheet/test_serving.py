"""`serve` and `inbox` as processes: they end when they are told to, and say why when they cannot begin."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from broadsheet.settings import load
from broadsheet.wiring import House
from tests.conftest import ROOT
from tests.processes import an_approved_issue, count, free_port, running, show, wait_until
from tests.processes import run as run_process

pytestmark = pytest.mark.slow

READERS = 2_000


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    web, smtp = free_port(), free_port(in_a_row=2)
    own = {
        "BROADSHEET_DATA_DIR": str(tmp_path / "var"),
        "BROADSHEET_PORT": str(web),
        "BROADSHEET_SMTP__PORT": str(smtp),
        "BROADSHEET_SMTP__TLS": "none",
        "BROADSHEET_SMTP__CONNECTIONS": "3",
        "BROADSHEET_MAILBOX_PORT": str(smtp),
        "PYTHONPATH": str(ROOT),
    }
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    return own


def ask(url: str) -> Any:  # noqa: ANN401 - what JSON holds
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5) as answer:
        body = answer.read()
    return json.loads(body) if "json" in answer.headers["Content-Type"] else body.decode()


def is_ready(environment: dict[str, str]) -> Callable[[], bool]:
    return lambda: run_process(environment, "health").returncode == 0


def test_a_service_told_to_stop_in_mid_issue_drains_and_goes_on_later(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with House(load()) as house:
        house.require_tables()
        issue = an_approved_issue(house)
    received = tmp_path / "received"
    with running(environment, tmp_path / "mailbox.log", "inbox", "--folder", str(received)):
        with running(environment, tmp_path / "first.log", "serve") as service:
            wait_until(lambda: count(received) >= 300, 60, "mails are under way")
            service.send_signal(signal.SIGTERM)
            told = time.monotonic()
            assert service.wait(20) == 0
            assert time.monotonic() - told < 12
        at_rest = count(received)
        assert at_rest < READERS, "it was done before it was told to stop: this proves nothing"
        report = show(environment, issue)
        assert report["accepted"] == at_rest, "whatever left is in the books"
        assert (report["sending"], report["uncertain"], report["in_doubt_at_some_time"]) == (0, 0, 0)
        assert "Traceback" not in (tmp_path / "first.log").read_text()
        with running(environment, tmp_path / "second.log", "serve"):
            wait_until(lambda: show(environment, issue)["state"] == "finished", 90, "the issue is finished")
        assert count(received) == READERS, "a drain makes no duplicate"


def test_in_development_mail_goes_to_the_mailbox(environment: dict[str, str], tmp_path: Path) -> None:
    port = int(environment["BROADSHEET_PORT"])
    page = f"http://127.0.0.1:{int(environment['BROADSHEET_MAILBOX_PORT']) + 1}"
    log = tmp_path / "dev.log"
    with House(load()) as house:
        house.require_tables()
        an_approved_issue(house)
    with running(environment, log, "serve", "--dev") as service:
        wait_until(is_ready(environment), 30, "it is ready")
        wait_until(lambda: len(ask(f"{page}/api/messages")) > 100, 60, "mails are in the mailbox")
        assert "Morning briefing" in ask(f"http://127.0.0.1:{port}/")
        service.send_signal(signal.SIGINT)
        assert service.wait(20) == 0
    told = log.read_text()
    assert page in told
    assert "Traceback" not in told


def test_a_second_service_in_the_same_folder_is_refused(environment: dict[str, str], tmp_path: Path) -> None:
    with running(environment, tmp_path / "first.log", "serve"):
        wait_until(is_ready(environment), 30, "the first one is ready")
        same_port = run_process(environment, "serve")
        other_port = run_process(environment, "serve", "--port", str(free_port()))
        inbox = run_process(environment, "inbox", "--port", environment["BROADSHEET_PORT"])
    for refused in (same_port, other_port, inbox):
        assert refused.returncode == 2, refused.stderr
        assert "Traceback" not in refused.stderr
        assert refused.stdout == ""
    assert "the port is taken" in same_port.stderr
    assert "Another `broadsheet serve`" in other_port.stderr
    assert "the port is taken" in inbox.stderr


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("serve", "--host", "192.0.2.1"), "no address of this machine"),
        (("serve", "--port", "99999"), "65535"),
        (("inbox", "--port", "65535"), "mailbox_port"),
        (("inbox", "--rule", "nonsense"), "refuse, defer or bounce"),
        (("inbox", "--folder", "/proc/nowhere"), "/proc/nowhere"),
    ],
)
def test_what_cannot_begin_says_why(environment: dict[str, str], command: tuple[str, ...], told: str) -> None:
    refused = run_process(environment, *command)
    assert refused.returncode == 2, refused.stderr
    assert told in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_server_with_old_tables_is_not_touched(environment: dict[str, str], empty_postgres_url: str) -> None:
    environment["BROADSHEET_DATABASE_URL"] = empty_postgres_url
    for command in (("serve",), ("feeds", "list")):
        refused = run_process(environment, *command)
        assert refused.returncode == 2, refused.stderr
        assert "`broadsheet migrate`" in refused.stderr
        assert "Traceback" not in refused.stderr
    assert run_process(environment, "migrate").returncode == 0
    assert json.loads(run_process(environment, "feeds", "list", "--json").stdout) == []


def test_nobody_else_on_the_machine_reads_the_data(environment: dict[str, str]) -> None:
    assert run_process(environment, "migrate").returncode == 0
    folder = Path(environment["BROADSHEET_DATA_DIR"])
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "broadsheet.sqlite3").stat().st_mode & 0o777 == 0o600
