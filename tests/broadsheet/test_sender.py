"""A sending process loads what sending needs and nothing else (law 10): counted in one that has sent an issue."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from broadsheet.settings import Settings
from broadsheet.wiring import House
from mailer import ledger
from mailer.deliveries import State
from newsletters.issues import Issue
from tests.conftest import ROOT
from tests.faults.sink import Sink, listening
from tests.processes import an_approved_issue

pytestmark = pytest.mark.slow

READERS = 40
#: What belongs to pages, templates, feeds, tables and the command line.
FOREIGN = {
    *("alembic", "apscheduler", "argon2", "cronsim", "cssutils", "fastapi", "feedparser", "h11", "httpcore2", "httpx2"),
    *(
        "jinja2",
        "limits",
        "lxml",
        "nh3",
        "PIL",
        "premailer",
        "prometheus_client",
        "python_multipart",
        "rich",
        "starlette",
    ),
    *("typer", "uvicorn", "aiosmtpd", "articles", "web"),
}
#: With SQLAlchemy, cryptography and pydantic; a process that serves pages loads over 1,600.
MOST_MODULES = 900

# It sends until nothing is left, and says what it has loaded then.
_SEND = """
import asyncio, json, os, signal, sys
from broadsheet.sender import send
from broadsheet.settings import load
from ground.engine import WorkLane
from mailer import leases, ledger
from mailer.letters import Lane
from broadsheet.wiring import House

async def until_nothing_is_left(settings):
    sending = asyncio.create_task(send(settings, "sender:1:0", [WorkLane.TX, WorkLane.BULK]))
    with House(settings) as house:
        while True:
            await asyncio.sleep(0.2)
            with house.database.read() as session:
                left = ledger.due_batches(session, Lane.BULK, now=house.clock(), limit=1) or leases.holders(session)
            if sending.done() or not left:
                break
    os.kill(os.getpid(), signal.SIGTERM)
    await sending

asyncio.run(until_nothing_is_left(load()))
print(json.dumps([name for name, module in sys.modules.items() if module is not None]))
"""


@pytest.mark.parametrize("engine", ["local", "procrastinate"])
def test_a_process_that_sends_loads_no_page_no_feed_and_no_template(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str
) -> None:
    url = f"sqlite:///{tmp_path}/sends.sqlite3"
    if engine == "procrastinate":
        url = request.getfixturevalue("empty_postgres_url")
    with listening(Sink()) as sink, House(_settings(tmp_path, url, engine, sink.port)) as house:
        house.migrate()
        issue = an_approved_issue(house, READERS)
        _ = house.scheduler  # knows the tasks that publishing submits
        asyncio.run(house.publisher.publish_due())
        loaded = _modules_after_sending(tmp_path, url, engine, sink.port)
        with house.database.read() as session:
            letter = letter_of(house, issue)
            assert ledger.counts(session, letter)[State.ACCEPTED] == READERS
    assert {name.partition(".")[0] for name in loaded} & FOREIGN == set()
    assert ("procrastinate" in loaded) is (engine == "procrastinate")
    assert len(loaded) < MOST_MODULES
    rooms = [name for name in loaded if name.startswith(("newsletters.", "subscribers.", "staff."))]
    assert len(rooms) <= 3, rooms


def letter_of(house: House, issue_id: int) -> int:
    with house.database.read() as session:
        letter_id = session.get_one(Issue, issue_id).letter_id
    assert letter_id is not None
    return letter_id


def _settings(folder: Path, url: str, engine: str, port: int) -> Settings:
    return Settings.model_validate(
        {
            "data_dir": folder / "var",
            "database_url": url,
            "engine": engine,
            "base_url": "https://news.example",
            "smtp": {"port": port, "tls": "none"},
        }
    )


def _modules_after_sending(folder: Path, url: str, engine: str, port: int) -> list[str]:
    environment = {
        "PATH": os.environ["PATH"],  # noqa: TID251 - handed on
        "PYTHONPATH": str(ROOT),
        "BROADSHEET_DATA_DIR": str(folder / "var"),
        "BROADSHEET_DATABASE_URL": url,
        "BROADSHEET_ENGINE": engine,
        "BROADSHEET_BASE_URL": "https://news.example",
        "BROADSHEET_SMTP__PORT": str(port),
        "BROADSHEET_SMTP__TLS": "none",
    }
    done = subprocess.run(
        [sys.executable, "-c", _SEND],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded: list[str] = json.loads(done.stdout.splitlines()[-1])
    return loaded
