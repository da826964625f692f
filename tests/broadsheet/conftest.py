"""The command line in an empty folder: its settings are the defaults, its database a fresh one."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import structlog
from typer.testing import CliRunner, Result

from broadsheet import cli
from broadsheet.settings import PREFIX


class Run(Protocol):
    def __call__(self, *command: str, code: int = 0) -> Result: ...


class Ask(Protocol):
    def __call__(self, *command: str, code: int = 0) -> Any: ...  # noqa: ANN401 - what JSON holds


@pytest.fixture(autouse=True)
def empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:  # noqa: TID251 - a test's own door
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def own_logs() -> Iterator[None]:
    """A command sets up logs to the standard error of its moment; the next test has another."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def run(sqlite_template: Path) -> Run:
    """Run a command and expect its exit code; whatever happens, nobody sees a traceback."""
    Path("var").mkdir()
    shutil.copy(sqlite_template, "var/broadsheet.sqlite3")

    def run(*command: str, code: int = 0) -> Result:
        result = CliRunner().invoke(cli.commands(), command)
        assert result.exit_code == code, f"{result.exit_code}: {result.output}{result.exception!r}"
        assert "Traceback" not in result.output
        if code == 2:
            assert result.stdout == ""
            assert result.stderr
        return result

    return run


@pytest.fixture
def ask(run: Run) -> Ask:
    """Run a command with --json: what it answers, and nothing else on standard output."""

    def ask(*command: str, code: int = 0) -> Any:  # noqa: ANN401
        result = run(*command, "--json", code=code)
        return json.loads(result.stdout)

    return ask


def words(result: Result) -> str:
    """What was said about an error, however its lines were broken."""
    return " ".join(result.stderr.split())


NEWSLETTER = (
    *("newsletter", "add", "morning", "--publisher", "The Zagros Courier"),
    *("--sender", "briefing@zagroscourier.example", "--reply-to", "desk@zagroscourier.example"),
    *("--postal-address", "14 Bridge Street, Zeryan", "--site", "https://zagroscourier.example"),
)
EDITION = (
    *("newsletter", "edition", "morning", "en", "--title", "Morning briefing", "--tagline", "The day in five minutes"),
    *("--frequency", "One email a day.", "--zone", "Asia/Baghdad"),
)


def given(command: tuple[str, ...], option: str, value: str) -> tuple[str, ...]:
    """The command with another value of one option."""
    place = command.index(option) + 1
    return (*command[:place], value, *command[place + 1 :])


@pytest.fixture
def desk(run: Run) -> Run:
    """`run`, in a house with one newsletter and its English edition."""
    run(*NEWSLETTER)
    run(*EDITION)
    return run
