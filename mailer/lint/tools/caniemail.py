"""caniemail's opinion (C08): which features a mail program does not know. Its Python package, where somebody installed it.

The package is asked in a Python of its own, which ends with the answer: it reads its data from a file of some megabytes.
What our own letters use on purpose is no news: `BASELINE` names it, each with its reason.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from typing import Any

from mailer.lint.finding import Finding, NotRun, Report, Severity
from mailer.lint.tools import ran

NAME = "C08 (caniemail)"
PATIENCE = 30.0
_FAMILIES = ("gmail.*", "outlook.*", "apple-mail.*", "yahoo.*", "samsung-email.*")
_ASK = """
import json, sys
from caniemail import caniemail
found = caniemail(clients=json.loads(sys.argv[1]), html=sys.stdin.read())
errors = found["issues"]["errors"]
print(json.dumps({client: [issue["title"] for issue in issues] for client, issues in errors.items()}))
"""

#: Features that are left out of the answer, and why they may be in a sound letter.
BASELINE = {
    "<style> element": "what it says is inlined as well; it only adds the phone and the night",
    "@media": "a letter is whole without it",
    "@media (prefers-color-scheme)": "where it is not known the letter stays light",
    ":root": "only declares the schemes",
    "color-scheme": "where it is not known the letter stays light",
    "max-width": "Outlook has a table of its own in a comment",
    "word-break": "only for words longer than the screen",
    ":hover": "underlines more; nothing is told by it",
    "opacity": "only on the preheader, which is hidden four other ways",
    "overflow": "only on the preheader, which is hidden four other ways",
    "attribute selectors": "Outlook's own names in its dark mode; others pass them over",
    "HTML5 doctype": "what a program makes of it is the same",
    "lang attribute": "repeated on a wrapper in the body",
    "dir attribute": "repeated on wrapper, tables and cells",
    "role attribute": "where it is dropped a screen reader says a little more",
    "aria-label": "repeats what can be read",
    "aria-hidden": "where it is dropped a screen reader says a little more",
}


def look(html: str | None) -> Report:
    if html is None:
        return _not_run("there is no HTML in it")
    if importlib.util.find_spec("caniemail") is None:
        return _not_run("its Python package is not installed (pip install caniemail)")
    said = ran([sys.executable, "-c", _ASK, json.dumps(_FAMILIES)], html.encode("utf-8", "replace"), seconds=PATIENCE)
    if isinstance(said, str):
        return _not_run(said)
    try:
        answer = json.loads(said.out)
    except ValueError:
        return _not_run(f"it answered with code {said.code}: {said.err.strip()[-120:]}")
    return Report(_findings(answer))


def _findings(answer: dict[str, Any]) -> list[Finding]:
    clients: dict[str, list[str]] = {}
    for client, titles in answer.items():
        for title in titles:
            clients.setdefault(str(title), []).append(str(client))
    return [
        Finding(
            id="C08",
            subject="styles",
            severity=Severity.WARNING,
            words=f"{title} is not known to {', '.join(sorted(names)[:4])}.",
            where="",
            mend="See caniemail.com for it; leave it out, or see that the letter is whole without it.",
        )
        for title, names in sorted(clients.items())
        if title.lower() not in {known.lower() for known in BASELINE}
    ]


def _not_run(why: str) -> Report:
    return Report((), (NotRun(NAME, why),))
