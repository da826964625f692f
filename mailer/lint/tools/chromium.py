"""A stranger's page in headless Chromium, with a script of ours beside it that answers in the page itself.

Nothing of the page reaches the network: its scripts and its pictures are refused by a policy of ours, and Chromium knows
no host. It runs in a folder that is thrown away.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from mailer.lint.tools import ran

PATIENCE = 45.0
NOT_THERE = "no Chromium is installed (Debian: chromium)"
_NONCE = "broadsheet"
_POLICY = f"default-src 'none'; script-src 'nonce-{_NONCE}'; style-src 'unsafe-inline'; img-src data:"
_ANSWER = re.compile(r"ANSWER\[([A-Za-z0-9+/=]*)\]")
_SCRIPTS = re.compile(r"<(/?)(?:script|meta|base|iframe|object|embed)\b", re.IGNORECASE)
#: What our scripts call with what they found.
_TELL = """
function tell(found) {
  document.documentElement.innerHTML =
    "<pre>ANSWER[" + btoa(unescape(encodeURIComponent(JSON.stringify(found)))) + "]</pre>";
}
"""


def program() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


def harmless(html: str) -> str:
    """The letter without scripts, metas and frames of its own."""
    return _SCRIPTS.sub(r"<\1x-removed", html)


def page(html: str, *scripts: str) -> str:
    """A letter that is harmless already, with the policy and our scripts before everything."""
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    head += "".join(f'<script nonce="{_NONCE}">{script}</script>' for script in (_TELL, *scripts))
    before, mark, rest = html.partition("<head>")
    return f"{before}<head>{head}{rest}" if mark else f"<!doctype html><head>{head}</head>{html}"


def ask(made: str) -> list[dict[str, Any]] | str:
    """What the scripts of this page told; a sentence where they could not."""
    found = program()
    if found is None:
        return NOT_THERE
    with tempfile.TemporaryDirectory(prefix="broadsheet-page-") as folder:
        path = Path(folder) / "page.html"
        path.write_text(made, encoding="utf-8", errors="replace")
        said = ran(_command(found, folder, path), b"", seconds=PATIENCE)
    return said if isinstance(said, str) else read(said.out)


def read(dom: str) -> list[dict[str, Any]] | str:
    found = _ANSWER.search(dom)
    if found is None:
        return "it gave no answer on this page"
    told: list[dict[str, Any]] = json.loads(base64.b64decode(found[1]))
    return told


def _command(found: str, folder: str, path: Path) -> list[str]:
    return [
        found,
        "--headless",
        "--no-sandbox",  # where a container allows none; the page runs no script of its own
        "--disable-gpu",
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={folder}/profile",
        "--window-size=1300,2000",
        "--virtual-time-budget=20000",
        "--dump-dom",
        path.as_uri(),
    ]
