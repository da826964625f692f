"""Settings, tables, the ledger's invariants, health; and what every command has in common."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from typer.main import get_command

from broadsheet import __version__, cli
from broadsheet.settings import load
from broadsheet.wiring import House
from mailer.letters import Letter
from tests.broadsheet.conftest import Ask, Run, words
from tests.mailer import builders

pytestmark = pytest.mark.slow  # each command opens the whole house


def every_command() -> Iterator[tuple[str, ...]]:
    """`feeds list`, `serve`, ...: all there are."""

    def walk(group: object, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        commands = getattr(group, "commands", None)
        if commands is None:
            yield path
            return
        for name, command in commands.items():
            yield from walk(command, (*path, name))

    return walk(get_command(cli.commands()), ())


@pytest.mark.parametrize("command", list(every_command()), ids=" ".join)
def test_every_command_explains_itself(run: Run, command: tuple[str, ...]) -> None:
    told = run(*command, "--help").stdout
    assert "Usage:" in told
    has_description = [line for line in told.splitlines()[3:6] if line.strip() and "─" not in line]
    assert has_description


def test_an_unknown_command_is_wrong_use(run: Run) -> None:
    assert "nonsense" in words(run("nonsense", code=2))


def test_the_version(run: Run) -> None:
    assert run("--version").stdout == f"broadsheet {__version__}\n"


def test_no_secret_is_shown(run: Run, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "BROADSHEET_DATABASE_URL", "postgresql+psycopg://desk:open-sesame@db.example/news?sslpassword=open-sesame"
    )
    monkeypatch.setenv("BROADSHEET_SMTP__USERNAME", "desk")
    monkeypatch.setenv("BROADSHEET_SMTP__PASSWORD", "open-sesame")
    shown = ask("config", "show")
    assert shown["database_url"] == "postgresql+psycopg://desk:***@db.example/news?sslpassword=%2A%2A%2A"
    assert (shown["smtp.username"], shown["smtp.password"]) == ("desk", "(set)")
    assert "sesame" not in run("config", "show").output


def test_every_route_is_shown_without_its_password(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROADSHEET_ROUTES__OWN__HOST", "mail.example")
    monkeypatch.setenv("BROADSHEET_ROUTES__OWN__USERNAME", "desk")
    monkeypatch.setenv("BROADSHEET_ROUTES__OWN__PASSWORD", "open-sesame")
    shown = ask("config", "show")
    assert (shown["routes.own.host"], shown["routes.own.password"]) == ("mail.example", "(set)")


def test_what_config_show_says_can_be_set_again(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    before = ask("config", "show")
    for name, value in before.items():
        if isinstance(value, (str, int)):
            monkeypatch.setenv(f"BROADSHEET_{name.upper().replace('.', '__')}", str(value))
    assert ask("config", "show") == before


def test_settings_that_are_sound(run: Run, ask: Ask) -> None:
    assert "sound" in run("config", "check").stdout
    unsigned = ["broadsheet.example"]  # there are no keys yet
    source = "environment and defaults"
    assert ask("config", "check") == {"sound": True, "source": source, "unknown": [], "unsigned": unsigned}


def test_a_misspelt_variable_is_told(run: Run, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROADSHEET_BSAE_URL", "https://news.example.org")
    assert "BROADSHEET_BSAE_URL" in run("config", "check", code=1).stdout
    assert ask("config", "check", code=1)["unknown"] == ["BROADSHEET_BSAE_URL"]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PORT", "abc", "port"),
        ("PORT", "99999", "65535"),
        ("SMTP", "relay.example", "BROADSHEET_SMTP__HOST"),
        ("SMTP__TLS", "maybe", "smtp.tls"),
        ("SMTP__NONSENSE", "1", "smtp.nonsense"),
        ("DATABASE_URL", "mysql://desk:open-sesame@db/news", "postgresql+psycopg://"),
        ("DATABASE_URL", "postgresql+psycopg://desk:open-sesame@db:port/news", "write it like"),
        ("BASE_URL", "https://desk:open-sesame@news.example.org", "scheme and host"),
        ("BASE_URL", "https://news.example.org:99999", "scheme and host"),
        ("MAIL_DOMAIN", "news example", "domain only"),
        ("FETCH_EVERY", "0", "a second"),
        ("FETCH_EVERY", "soon", "fetch_every"),
        ("IN_DOUBT_GRACE", "-PT1S", "negative"),
        ("FETCH_ALLOWED_HOSTS", "10.0.0.5", "host:port"),
        ("CONFIG", "/nowhere.toml", "/nowhere.toml"),
        ("SMTP__PASSWORD_FILE", "/nowhere", "/nowhere"),
        ("SMTP__USERNAME", "desk", None),
    ],
)
def test_settings_that_cannot_be_used(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str | None
) -> None:
    if told is None:  # a password without TLS: each setting is sound, together they are not
        monkeypatch.setenv("BROADSHEET_SMTP__TLS", "none")
        told = "clear text"
    monkeypatch.setenv(f"BROADSHEET_{name}", value)
    result = run("config", "check", code=2)
    assert told in words(result)
    assert "sesame" not in result.stderr


@pytest.mark.parametrize("content", [b"port = = 1", b"\xff\xfe"])
def test_a_settings_file_that_is_none(run: Run, content: bytes) -> None:
    Path("broadsheet.toml").write_bytes(content)
    assert "broadsheet.toml" in words(run("config", "check", code=2))


def test_a_secret_file_that_is_no_text(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("secret").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("BROADSHEET_SMTP__PASSWORD_FILE", "secret")
    assert "BROADSHEET_SMTP__PASSWORD_FILE" in words(run("config", "check", code=2))


def test_a_file_that_is_no_database(run: Run) -> None:
    Path("var/broadsheet.sqlite3").write_bytes(os.urandom(4096))
    assert "file is not a database" in words(run("feeds", "list", code=2))


def test_a_database_that_does_not_answer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"postgresql+psycopg://desk:open-sesame@127.0.0.1:{taken.getsockname()[1]}/news"
        monkeypatch.setenv("BROADSHEET_DATABASE_URL", url)
        result = run("feeds", "list", code=2)
    assert "refused" in words(result)
    assert "sesame" not in result.stderr


def test_a_folder_that_is_none(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file").touch()
    monkeypatch.setenv("BROADSHEET_DATA_DIR", "file")
    assert words(run("feeds", "list", code=2)).startswith("broadsheet: file cannot be used")


@pytest.mark.parametrize("content", [b"junk", b"\xff\xfe", b"{}"])
def test_damaged_keys_are_told(run: Run, content: bytes) -> None:
    Path("var/keys.json").write_bytes(content)
    assert "backup" in words(run("bounces", "poll", code=2))


def test_the_tables_and_the_ledger(run: Run, ask: Ask) -> None:
    Path("var/broadsheet.sqlite3").unlink()
    assert "up to date" in run("migrate").stdout
    assert ask("migrate") == {"current": True}
    assert "holds" in run("verify").stdout
    assert ask("verify") == []


def test_a_broken_invariant_is_bad_news(run: Run, ask: Ask, now: datetime) -> None:
    with House(load()) as house, house.database.write() as session:
        letter_id = builders.letter(session, 3, now=now)
        session.get_one(Letter, letter_id).sealed_count = 4
    (broken,) = ask("verify", code=1)
    assert "sealed with 4 deliveries and has 3" in broken["broken"]
    assert "sealed with 4" in run("verify", code=1).stdout


def test_nothing_runs(run: Run, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("BROADSHEET_PORT", str(taken.getsockname()[1]))
        assert "Start `broadsheet serve`" in run("health", code=1).stdout
        assert ask("health", code=1) == {"ready": False, "status": None}


def test_json_is_all_there_is_on_standard_output(run: Run) -> None:
    for command in (("feeds", "list"), ("issue", "list"), ("suppressions", "list"), ("schedule", "list")):
        assert json.loads(run(*command, "--json").stdout) == []
