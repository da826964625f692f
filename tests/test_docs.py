"""What the documentation says about names is true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from broadsheet import cli
from broadsheet.relays import Smtp
from broadsheet.settings import Settings

ROOT = Path(__file__).parent.parent


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "operating.md").read_text()
    missing = [name for name in (*Settings.model_fields, *Smtp.model_fields) if f"`{name}`" not in text]
    assert missing == []


def commands() -> dict[str, str]:
    """Every command's name, as `feeds list`, and the first sentence or two of its help."""

    def walk(group: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - typer's own types
        if not hasattr(group, "commands"):
            yield " ".join(path), " ".join(group.help.split("\n\n")[0].split())
            return
        for name, command in group.commands.items():
            yield from walk(command, (*path, name))

    return dict(walk(get_command(cli.commands()), ()))


def test_the_table_of_commands_is_what_the_commands_say_of_themselves() -> None:
    text = (ROOT / "docs" / "operating.md").read_text()
    table = dict(re.findall(r"^\| `broadsheet ([a-z -]+)` \| (.+) \|$", text, re.MULTILINE))
    assert table == commands()


def test_every_command_that_is_named_exists() -> None:
    """In documents, and in what the program itself advises."""
    known = commands()
    groups = {name.split()[0] for name in known if " " in name}
    rooms = (
        "broadsheet",
        "newsletters",
        "mailer",
        "articles",
        "subscribers",
        "feedback",
        "jobs",
        "web",
        "ground",
        "staff",
    )
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    files += [file for room in rooms for file in (ROOT / room).rglob("*.py")]
    named = {
        (file.name, words)
        for file in files
        for words in re.findall(
            r"(?:`|^\$ |Next: )broadsheet ((?:[a-z]+(?:-[a-z]+)* ?){1,2})", file.read_text(), re.MULTILINE
        )
    }
    assert len(named) > 30
    wrong = [
        (file, words)
        for file, words in named
        if (words.split()[0] not in known and words.split()[0] not in groups)
        or (words.split()[0] in groups and len(words.split()) == 2 and words.strip() not in known)
    ]
    assert wrong == []


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{document.name}: {target}"
        for document in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert broken == []


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name
        for document in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
        for name in re.findall(r"`make ([a-z-]+)", document.read_text())
    }
    assert named <= targets
