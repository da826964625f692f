"""`subscribers`: a list in by a dry run, out again, one person's record, and forgetting them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from tests.broadsheet.conftest import Ask, Run, words

pytestmark = pytest.mark.slow  # each command opens the whole house

LIST = "Email,Name,Status\nann@example.org,=Ann,active\nbob@example.org,Bob,unsubscribed\nno address,Eve,\n"
IMPORT = ("subscribers", "import", "list.csv", "--source", "the old site's form", "--mode", "confirmed")


@pytest.fixture
def given_list() -> None:
    Path("list.csv").write_text(LIST)


@pytest.mark.usefixtures("desk", "given_list")
def test_a_list_is_looked_at_first_and_taken_in_when_told(ask: Ask, run: Run) -> None:
    dry = ask(*IMPORT, "--edition", "morning/en", code=1)
    assert dry["dry_run"] is True
    assert {name: number for name, number in dry["rows"].items() if number} == {"added": 1, "noted": 1, "unreadable": 1}
    assert dry["columns"] == {"Email": "address", "Name": "name", "Status": "status"}
    assert ask("subscribers", "list") == [{"edition": "morning/en", "pending": 0, "active": 0, "ended": 0}]
    done = ask(*IMPORT, "--edition", "morning/en", "--run", "--errors", "errors.csv", code=1)
    assert (done["state"], done["rows"]) == ("finished", dry["rows"])
    assert '"4","the address has no @","no address"' in Path("errors.csv").read_text(encoding="utf-8-sig")
    assert ask("subscribers", "list") == [{"edition": "morning/en", "pending": 0, "active": 1, "ended": 1}]
    told = run(*IMPORT, "--edition", "morning/en", "--run", code=1).stdout
    assert "Done. 2 rows were not taken; give --errors FILE to get them." in told


@pytest.mark.usefixtures("desk", "given_list")
def test_what_goes_out_comes_back(ask: Ask, run: Run) -> None:
    ask(*IMPORT, "--edition", "morning/en", "--run", code=1)
    out = run("subscribers", "export").stdout_bytes.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["address"], row["name"], row["edition"], row["state"]) for row in rows] == [
        ("ann@example.org", "'=Ann", "morning/en", "active"),
        ("bob@example.org", "Bob", "morning/en", "ended"),
    ]
    Path("list.csv").write_text(out)
    again = ask(*IMPORT, code=1)
    assert {name: number for name, number in again["rows"].items() if number} == {"unchanged": 1, "left": 1}
    assert [row["name"] for row in ask("subscribers", "export", "--state", "active")] == ["=Ann"]


@pytest.mark.usefixtures("desk", "given_list")
def test_a_person_is_shown_and_forgotten(ask: Ask, run: Run) -> None:
    ask(*IMPORT, "--edition", "morning/en", "--run", code=1)
    held = ask("subscribers", "show", "Ann@example.org")
    assert held["subscriptions"][0]["state"] == "active"
    assert held["consents"][0]["wording"] == "the old site's form"
    assert "=Ann" in run("subscribers", "show", "ann@example.org").stdout
    assert "--yes" in words(run("subscribers", "forget", "ann@example.org", code=2))
    assert ask("subscribers", "forget", "ann@example.org", "--yes") == {
        "known": True,
        "subscriptions": 1,
        "deliveries": 0,
    }
    assert "No reader has the address" in words(run("subscribers", "show", "ann@example.org", code=2))
    assert ask("subscribers", "forget", "never@example.org", "--yes")["known"] is False
    kept = ask(*IMPORT, "--edition", "morning/en", "--run", code=1)
    assert kept["rows"]["suppressed"] == 1


@pytest.mark.usefixtures("desk", "given_list")
def test_who_must_confirm_is_left_to_the_service(ask: Ask) -> None:
    command = (*IMPORT[:-1], "must_confirm", "--edition", "morning/en", "--run")
    first = ask(*command, code=1)
    assert (first["state"], first["rows"]["asked"]) == ("running", 1)


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    ("content", "more", "said"),
    [
        ("%PDF-1.7", (), "looks like a PDF"),
        ("a;b\n1;2\n", ("--run",), "No column holds email addresses"),
        (LIST, ("--edition", "evening/en"), "There are: morning/en."),
        (LIST, ("--source", " "), "Say with --source"),
    ],
)
def test_what_cannot_be_imported_is_said_and_changes_nothing(
    run: Run, ask: Ask, content: str, more: tuple[str, ...], said: str
) -> None:
    Path("list.csv").write_text(content)
    assert said in words(run(*IMPORT, *more, code=2))
    assert ask("subscribers", "list") == [{"edition": "morning/en", "pending": 0, "active": 0, "ended": 0}]


@pytest.mark.usefixtures("desk")
def test_a_file_that_is_not_there_is_said(run: Run) -> None:
    assert "list.csv cannot be used" in words(run(*IMPORT, code=2))
