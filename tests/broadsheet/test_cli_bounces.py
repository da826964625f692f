"""`bounces read`: one line a mail, for programs and for people."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from broadsheet import cli

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
run = CliRunner().invoke


def test_a_file_gives_one_json_line() -> None:
    result = run(app, ["bounces", "read", str(SAMPLE), "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"file": str(SAMPLE), "out": [HARD]}


def test_a_batch_answers_every_path_in_order_even_one_that_is_missing() -> None:
    ordinary = CORPUS / "ordinary.eml"
    result = run(app, ["bounces", "read", "--json", "--batch"], input=f"{SAMPLE}\n/nowhere/x.eml\n{ordinary}\n")
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["file"] for line in told] == [str(SAMPLE), "/nowhere/x.eml", str(ordinary)]
    assert [line["out"] for line in told] == [[HARD], [], []]
    assert result.exit_code == 1
    assert "/nowhere/x.eml" in result.stderr


def test_a_mail_comes_on_standard_input() -> None:
    result = run(app, ["bounces", "read", "-", "--json"], input=SAMPLE.read_bytes())
    assert json.loads(result.stdout) == {"file": "-", "out": [HARD]}


def test_a_person_reads_words() -> None:
    result = run(app, ["bounces", "read", str(SAMPLE)])
    assert result.stdout == f"{SAMPLE}: hard reader@example.net 5.1.1 no_such_user\n"


def test_no_file_at_all_is_wrong_use() -> None:
    result = run(app, ["bounces", "read", "--json"])
    assert result.exit_code == 2
    assert "standard input" in result.stderr
