"""`broadsheet user`: the first owner's way in, and nothing said aloud that should not be."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from broadsheet import cli
from broadsheet.settings import load
from broadsheet.wiring import House
from tests.broadsheet.conftest import Ask, Run, words

OWNER = ("user", "create", "Owner@news.example.org", "--name", "Hanar Aziz", "--role", "owner")
PASSWORD = "three words in a row"


def open_link(link: str, **data: str) -> int:
    """Press the button behind a link, at the real app; the status of the answer."""
    with House(load()) as house:
        client = TestClient(house.web_app(development=True), base_url="http://127.0.0.1:8000", follow_redirects=False)
        return client.post(urlsplit(link).path, data=data).status_code


def password(command: tuple[str, ...], typed: str, code: int = 0) -> str:
    """Run a command with a password on its standard input; all that it says."""
    result = CliRunner().invoke(cli.commands(), command, input=typed)
    assert result.exit_code == code, result.output
    assert typed.strip() == "" or typed.strip() not in result.output
    return " ".join(result.output.split())


def test_the_first_owner_is_made_by_a_command_and_gets_in_by_its_link(run: Run, ask: Ask) -> None:
    assert "Begin: broadsheet user create" in run("user", "list").output
    made = ask(*OWNER)
    assert (made["address"], made["role"], made["password"]) == ("Owner@news.example.org", "owner", False)
    assert made["link"].startswith("http://127.0.0.1:8000/sign-in/")
    assert open_link(made["link"], password=PASSWORD, password_again=PASSWORD) == 303
    assert open_link(made["link"], password=PASSWORD, password_again=PASSWORD) == 410
    [listed] = ask("user", "list")
    assert (listed["password"], listed["browsers"], listed["disabled"]) == (True, 1, False)


def test_a_link_signs_in_once_and_the_newest_only(run: Run, ask: Ask) -> None:
    run(*OWNER)
    older, newer = (ask("user", "link", "owner@news.example.org")["link"] for _ in range(2))
    assert open_link(older) == 410
    assert open_link(newer) == 303
    assert "within an hour" in run("user", "link", "owner@news.example.org").output
    assert "choose a password" in run("user", "link", "owner@news.example.org", "--password").output


def test_a_password_comes_from_standard_input_and_is_never_repeated(ask: Ask) -> None:
    assert "works here now" in password((*OWNER, "--password"), f"{PASSWORD}\n")
    assert ask("user", "list")[0]["password"] is True
    reset = ("user", "reset-password", "owner@news.example.org")
    assert "has a new password" in password(reset, "four words in a row\n")
    assert "fewer than 12" in password(reset, "short\n", code=2)
    assert "fewer than 12" in password(reset, "", code=2)


def test_roles_and_doors_are_opened_and_closed(run: Run, ask: Ask) -> None:
    run(*OWNER)
    run("user", "create", "ed@news.example.org", "--name", "Ed")
    assert ask("user", "set-role", "ED@news.example.org", "ops")["role"] == "ops"
    assert ask("user", "disable", "ed@news.example.org")["disabled"] is True
    refused = run("user", "link", "ed@news.example.org", code=2)
    assert "disabled, so a link would let nobody in" in words(refused)
    assert ask("user", "disable", "ed@news.example.org", "--undo")["disabled"] is False


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("user", "disable", "owner@news.example.org"), "This is the last owner"),
        (("user", "set-role", "owner@news.example.org", "editor"), "This is the last owner"),
        (OWNER, "works here already"),
        (("user", "disable", "nobody@news.example.org"), "`broadsheet user list` shows who does"),
        (("user", "link", "no address"), "is no email address"),
        (("user", "create", "no address", "--name", "X"), "is no email address"),
        (("user", "create", "x@news.example.org", "--name", " "), "one to 120 characters"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(run: Run, command: tuple[str, ...], said: str) -> None:
    run(*OWNER)
    assert said in words(run(*command, code=2))
