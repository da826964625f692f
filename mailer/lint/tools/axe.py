"""axe-core's opinion (A02, A04): the page drawn by headless Chromium, and looked at by the accessibility checker.

Nothing of a stranger's page reaches the network: its scripts and its pictures are refused by a policy of ours, and
Chromium knows no host. It runs in a folder that is thrown away.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from mailer.lint.finding import Finding, NotRun, Report, Severity
from mailer.lint.tools import ran

NAME = "A02 A04 (axe-core)"
PATIENCE = 45.0
_NONCE = "broadsheet"
_POLICY = f"default-src 'none'; script-src 'nonce-{_NONCE}'; style-src 'unsafe-inline'; img-src data:"
#: A letter is no web page: it stands in somebody else's page, whose landmarks are not ours to give.
_NOT_ASKED = ("region", "landmark-one-main", "landmark-unique", "page-has-heading-one", "meta-viewport", "bypass")
_RUN = """
addEventListener("load", () => axe.run(document, {{rules: {rules}, resultTypes: ["violations"]}}).then(found => {{
  const told = found.violations.map(each => ({{id: each.id, help: each.help, impact: each.impact,
    count: each.nodes.length, where: each.nodes[0].html.slice(0, 120)}}));
  document.documentElement.innerHTML = "<pre>AXE" + btoa(unescape(encodeURIComponent(JSON.stringify(told)))) + "EXA</pre>";
}}));
"""
_ANSWER = re.compile(r"AXE([A-Za-z0-9+/=]*)EXA")
_SCRIPTS = re.compile(r"<(/?)(?:script|meta|base|iframe|object|embed)\b", re.IGNORECASE)


def look(html: str | None, *, modules: Path | None) -> Report:
    """`modules` is the `node_modules` in which axe-core lies."""
    script = modules / "axe-core" / "axe.min.js" if modules else None
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if html is None:
        return _not_run("there is no HTML in it")
    if chromium is None:
        return _not_run("no Chromium is installed (Debian: chromium)")
    if script is None or not script.is_file():
        return _not_run("axe-core is not there; name the node_modules that has it with --node-modules")
    with tempfile.TemporaryDirectory(prefix="broadsheet-axe-") as folder:
        page = Path(folder) / "page.html"
        page.write_text(_page(html, script.read_text(encoding="utf-8")), encoding="utf-8")
        said = ran(_command(chromium, folder, page), b"", seconds=PATIENCE)
    if isinstance(said, str):
        return _not_run(said)
    return _read(said.out)


def _command(chromium: str, folder: str, page: Path) -> list[str]:
    return [
        chromium,
        "--headless",
        "--no-sandbox",  # where a container allows none; the page runs no script of its own
        "--disable-gpu",
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={folder}/profile",
        "--window-size=640,2000",
        "--virtual-time-budget=20000",
        "--dump-dom",
        page.as_uri(),
    ]


def _page(html: str, axe: str) -> str:
    """The letter, its own scripts and metas made harmless, with axe and the policy before everything."""
    harmless = _SCRIPTS.sub(r"<\1x-removed", html)
    rules = json.dumps({name: {"enabled": False} for name in _NOT_ASKED})
    ours = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    scripts = f'<script nonce="{_NONCE}">{axe}</script><script nonce="{_NONCE}">{_RUN.format(rules=rules)}</script>'
    head, mark, rest = harmless.partition("<head>")
    return f"{head}<head>{ours}{scripts}{rest}" if mark else f"<!doctype html><head>{ours}{scripts}</head>{harmless}"


def _read(dom: str) -> Report:
    found = _ANSWER.search(dom)
    if found is None:
        return _not_run("it gave no answer on this page")
    violations: list[dict[str, Any]] = json.loads(base64.b64decode(found[1]))
    return Report([_finding(each) for each in violations])


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
