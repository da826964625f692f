"""axe-core's opinion (A02, A04): the page drawn by headless Chromium, and looked at by the accessibility checker."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mailer.lint.finding import Finding, NotRun, Report, Severity
from mailer.lint.tools import chromium

NAME = "A02 A04 (axe-core)"
#: A letter is no web page: it stands in somebody else's page, whose landmarks are not ours to give.
NOT_ASKED = ("region", "landmark-one-main", "landmark-unique", "page-has-heading-one", "meta-viewport", "bypass")
_RUN = """
addEventListener("load", () => axe.run(document, {rules: RULES, resultTypes: ["violations"]}).then(found =>
  tell(found.violations.map(each => ({id: each.id, help: each.help, impact: each.impact,
    count: each.nodes.length, where: each.nodes[0].html.slice(0, 120)})))));
"""


def look(html: str | None, *, modules: Path | None) -> Report:
    """`modules` is the `node_modules` in which axe-core lies."""
    script = modules / "axe-core" / "axe.min.js" if modules else None
    if html is None:
        return _not_run("there is no HTML in it")
    if chromium.program() is None:
        return _not_run(chromium.NOT_THERE)
    if script is None or not script.is_file():
        return _not_run("axe-core is not there; name the node_modules that has it with --node-modules")
    rules = json.dumps({name: {"enabled": False} for name in NOT_ASKED})
    source = script.read_text(encoding="utf-8")
    said = chromium.ask(chromium.page(chromium.harmless(html), source, _RUN.replace("RULES", rules)))
    return _not_run(said) if isinstance(said, str) else Report(findings(said))


def findings(violations: Sequence[dict[str, Any]]) -> list[Finding]:
    return [_finding(each) for each in violations]


def _finding(each: dict[str, Any]) -> Finding:
    return Finding(
        id="A04" if each["id"] == "color-contrast" else "A02",
        subject="accessibility",
        severity=Severity.ERROR if each["impact"] in {"serious", "critical"} else Severity.WARNING,
        words=f"axe: {each['help']} ({each['count']} {'place' if each['count'] == 1 else 'places'}).",
        where=" ".join(str(each["where"]).split()),
        mend=f"See the rule {each['id']} at dequeuniversity.com/rules/axe.",
    )


def _not_run(why: str) -> Report:
    return Report((), (NotRun(NAME, why),))
