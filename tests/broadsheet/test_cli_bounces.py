"""`bounces` and `suppressions`: one line a mail, for programs and for people; who must not be mailed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from broadsheet import cli
from tests.broadsheet.conftest import Ask, Run, words

pytestmark = pytest.mark.slow  # each command opens the whole house

CORPUS = Path(__file__).parent.parent / "corpus" / "bounces"
SAMPLE = CORPUS / "no-such-user-postfix.eml"
HARD = {
    "recipient": "reader@example.net",
    "action": "failed",
    "status": "5.1.1",
    "kind": "hard",
    "reason": "no_such_user",
}

app = cli.commands()
invoke = CliRunner().invoke


def test_a_file_gives_one_json_line() -> None:
    result = invoke(app, ["bounces", "read", str(SAMPLE), "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"file": str(SAMPLE), "out": [HARD]}


def test_a_batch_answers_every_path_in_order_even_one_that_is_missing() -> None:
    ordinary = CORPUS / "ordinary.eml"
    result = invoke(app, ["bounces", "read", "--json", "--batch"], input=f"{SAMPLE}\n/nowhere/x.eml\n{ordinary}\n")
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["file"] for line in told] == [str(SAMPLE), "/nowhere/x.eml", str(ordinary)]
    assert [line["out"] for line in told] == [[HARD], [], []]
    assert result.exit_code == 1
    assert "/nowhere/x.eml" in result.stderr


def test_a_mail_comes_on_standard_input() -> None:
    result = invoke(app, ["bounces", "read", "-", "--json"], input=SAMPLE.read_bytes())
    assert json.loads(result.stdout) == {"file": "-", "out": [HARD]}


def test_a_person_reads_words() -> None:
    result = invoke(app, ["bounces", "read", str(SAMPLE)])
    assert result.stdout == f"{SAMPLE}: hard reader@example.net 5.1.1 no_such_user\n"


def test_no_file_at_all_is_wrong_use() -> None:
    result = invoke(app, ["bounces", "read", "--json"])
    assert result.exit_code == 2
    assert "standard input" in result.stderr


def test_the_maildir_is_read_once(run: Run, ask: Ask) -> None:
    for part in ("new", "cur", "tmp"):
        (Path("var/bounces") / part).mkdir(parents=True)
    shutil.copy(SAMPLE, "var/bounces/new/1.eml")
    first = ask("bounces", "poll")
    assert first["read"] == 1
    assert first["shunted"] == 0
    assert sum(first.values()) == 2, "one mail, one disposition"
    assert "read" in run("bounces", "poll").stdout
    assert ask("bounces", "poll")["read"] == 0


def test_a_missing_maildir_is_told(run: Run) -> None:
    told = words(run("bounces", "poll", code=2))
    assert "maildirmake" in told
    assert told.count("var/bounces/new") == 1


def test_an_address_is_suppressed_and_allowed_again(run: Run, ask: Ask) -> None:
    assert run("suppressions", "list").stdout == "No address is suppressed.\n"
    added = ask("suppressions", "add", "Reader@Example.org", "--note", "asked by phone")
    assert added == {"address": "reader@example.org", "suppressed": True}
    run("suppressions", "add", "reader@example.org", "--note", "twice is harmless")
    (listed,) = ask("suppressions", "list")
    assert (listed["address"], listed["cause"], listed["note"]) == ("reader@example.org", "manual", "asked by phone")
    assert "reader@example.org" in run("suppressions", "list").stdout
    assert ask("suppressions", "lift", "reader@example.org")["suppressed"] is False
    assert ask("suppressions", "list") == []
    assert "nothing to lift" in words(run("suppressions", "lift", "reader@example.org", code=2))


def test_what_is_no_address_is_refused(run: Run) -> None:
    for command in (("add", "nobody", "--note", "x"), ("lift", "nobody")):
        assert "name@example.org" in words(run("suppressions", *command, code=2))
    assert "briefly" in words(run("suppressions", "add", "a@example.org", "--note", "x" * 600, code=2))
    assert "--note" in words(run("suppressions", "add", "a@example.org", code=2))
