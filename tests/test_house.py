"""The house stands as drawn: its rooms are ours, no drawer has crept in, and no module has become two."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py") if "versions" not in path.parts)
DRAWERS = {
    "utils",
    "util",
    "common",
    "helpers",
    "misc",
    "core",
    "manager",
    "managers",
    "base",
    "lib",
    "service",
    "services",
}


@pytest.mark.parametrize("room", ROOMS)
def test_a_rooms_name_means_our_room(room: str) -> None:
    """`mailer` and `articles` exist on the package index too: another distribution must not stand in for ours."""
    found = importlib.util.find_spec(room)
    assert found is not None
    assert found.origin is not None
    assert Path(found.origin).is_relative_to(ROOT / room)
    assert (ROOT / room / "__init__.py").read_text().startswith('"""')


def test_there_is_no_drawer() -> None:
    assert [
        str(path.relative_to(ROOT)) for path in MODULES if path.stem in DRAWERS or path.parent.name in DRAWERS
    ] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_and_stays_one_thing(path: Path) -> None:
    text = path.read_text()
    assert text.startswith('"""'), "a module begins with a sentence that says what it is"
    assert text.count("\n") <= 300, "over 300 lines: perhaps two modules"


def test_the_project_names_no_machine() -> None:
    """A path of one machine or an address of one package index in the history helps nobody."""
    pattern = re.compile(r"/(?:work|root|home/[a-z]+)/[a-z]|--index-url|--extra-index|files\.pythonhosted")
    found = [
        str(path.relative_to(ROOT))
        for folder in (*ROOMS, "templates", "docs", "requirements", "tests", "tools")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix in {".py", ".md", ".txt", ".html", ".toml", ".css"} and path != Path(__file__)
        if pattern.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
