"""axe-core: the accessibility rules that a program can check, on a page as the browser has it."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Page

_SOURCE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"

# A letter in its frame is left out: its sandbox runs no script, not even this one.
_RUN = """async () => {
  const {violations} = await axe.run(document, {resultTypes: ["violations"], iframes: false});
  return violations.flatMap(({id, help, nodes}) => nodes.map(node => `${id}: ${help}: ${node.html.slice(0, 120)}`));
}"""


def findings(page: Page) -> list[str]:
    """Everything axe finds on this page: the rule, what it asks for, and the place."""
    page.evaluate(source())  # not a script of the page: its policy forbids those
    found: list[str] = page.evaluate(_RUN)
    return found


@cache
def source() -> str:
    if not _SOURCE.exists():
        reason = "axe-core is missing (Debian: apt install npm, then `make browser-test`)"
        if os.environ.get("CI") == "true":  # noqa: TID251 - a test's own door
            pytest.fail(reason)
        pytest.skip(reason)
    return _SOURCE.read_text(encoding="utf-8")
