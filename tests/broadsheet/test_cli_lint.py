"""`lint`: any mail or HTML file, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from broadsheet import cli

CORPUS = Path(__file__).parent.parent / "corpus" / "letters"
pytestmark = pytest.mark.slow  # other programs are asked, too


@pytest.fixture(autouse=True)
def no_other_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What they say is tested where they are asked; here they would make the answers depend on the machine."""
    monkeypatch.setenv("PATH", str(tmp_path))


def lint(*arguments: str, given: bytes = b"") -> Result:
    return CliRunner().invoke(cli.commands(), ["lint", *arguments], input=given)


def test_a_sound_mail_ends_with_zero_and_says_so() -> None:
    result = lint(str(CORPUS / "receipt-sound.eml"))
    assert result.exit_code == 0
    assert "It is sound." in result.stdout
    assert "not run: T07 (SpamAssassin): it is not installed (Debian: spamassassin)" in result.stdout


def test_errors_end_with_one_and_are_grouped_with_place_and_remedy() -> None:
    result = lint(str(CORPUS / "offers-careless.eml"))
    assert result.exit_code == 1
    subjects = [line for line in result.stdout.splitlines() if line in {"Hostile content", "Headers", "Pictures"}]
    assert subjects == ["Hostile content", "Headers", "Pictures"]
    assert "mend Write Message-ID" in result.stdout or "Message-ID once each" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_program_reads_json_with_every_finding() -> None:
    result = lint(str(CORPUS / "garden-notes.eml"), "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (told["kind"], told["purpose"], told["sound"]) == ("mail", "issue", False)
    assert {"id", "subject", "severity", "blocks", "words", "where", "mend"} == set(told["findings"][0])
    assert {"what", "why"} == set(told["not_run"][0])


def test_standard_input_is_read_as_a_file_is() -> None:
    page = (CORPUS / "souq-left-to-right.html").read_bytes()
    told = json.loads(lint("-", "--json", given=page).stdout)
    assert told["kind"] == "html"
    assert {each["id"] for each in told["findings"] if each["severity"] == "error"} == {"D02", "R01"}


def test_the_house_rules_are_advice_unless_asked_for() -> None:
    path = str(CORPUS / "souq-left-to-right.html")
    by_default, strict = (
        {
            each["id"]
            for each in json.loads(lint(path, "--json", *more).stdout)["findings"]
            if each["severity"] == "error"
        }
        for more in ((), ("--strict",))
    )
    assert by_default < strict
    assert {"R03", "K01"} <= strict


@pytest.mark.parametrize("given", [b"", b"   \n", b"just some words\n", b"\x00\x01\x02"])
def test_what_is_neither_a_mail_nor_a_page_is_refused(given: bytes) -> None:
    result = lint("-", given=given)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("broadsheet: ")


def test_a_file_that_is_not_there_is_refused() -> None:
    assert lint("/nowhere/letter.eml").exit_code == 2
