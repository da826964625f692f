"""caniemail's opinion (C08): which features a mail program does not know. Its package for Node, where somebody installed it.

What our own letters use on purpose is no news: `BASELINE` names it, each with its reason.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from mailer.lint.finding import Finding, NotRun, Report, Severity
from mailer.lint.tools import ran

NAME = "C08 (caniemail)"
PATIENCE = 30.0
_FAMILIES = ("gmail.*", "outlook.*", "apple-mail.*", "yahoo.*", "samsung-email.*")
#: The module's address is an argument, the page comes on standard input: nothing of it is ever code.
_ASK = """
const {caniemail} = await import(process.argv[1]);
const chunks = []; for await (const chunk of process.stdin) chunks.push(chunk);
const html = Buffer.concat(chunks).toString();
const {errors} = caniemail({clients: JSON.parse(process.argv[2]), html}).issues;
console.log(JSON.stringify([...errors].map(([client, found]) => [client, found.map(each => each.title)])));
"""

#: Features that are left out of the answer, and why they may be in a sound letter.
BASELINE: Mapping[str, str] = {
    "<style> element": "what it says is inlined as well; it only adds the phone and the night",
    "<body> element": "where it becomes a <div>, the wrapper within has its colours",
    "@media": "a letter is whole without it",
    "@media (prefers-color-scheme)": "where it is not known the letter stays light",
    "Attribute selector": "names that Outlook and Apple give in their own pages",
    "Class selector": "only in the style block",
    "Descendant combinator": "only in the style block",
    "Type selector": "only in the style block",
    ":hover": "underlines more; nothing is told by it",
    ":root": "only declares the schemes",
    "border-radius": "where it is not known corners are square; nothing is told by them",
    "color-scheme CSS property": "where it is not known the letter stays light",
    "color-scheme meta tag": "where it is not known the letter stays light",
    "display:none": "hides the preheader; Gmail's bare view shows it as a first line, which is what it is",
    "max-height property": "only on the preheader, which is hidden other ways, too",
    "opacity": "only on the preheader, which is hidden other ways, too",
    "overflow": "only on the preheader, which is hidden other ways, too",
    "height property": "rules and gaps have the attribute as well",
    "text-wrap": "lines of a headline come out even; where it is not known they break as ever",
    "white-space": "keeps two words on a line; where it is not known they part",
    "word-break": "only for words longer than the screen",
    "word-spacing": "sets it to normal, which it is",
    "aria-hidden attribute": "where it is dropped a screen reader says a little more",
    "aria-label attribute": "repeats what can be read",
    "role attribute": "where it is dropped a screen reader says a little more",
}

Answer = Sequence[tuple[str, Sequence[str]]]


def look(html: str | None, *, modules: Path | None) -> Report:
    """`modules` is the `node_modules` in which the package lies."""
    node = shutil.which("node")
    package = modules / "caniemail" / "dist" / "index.js" if modules else None
    if html is None:
        return _not_run("there is no HTML in it")
    if node is None:
        return _not_run("no Node is installed (Debian: nodejs)")
    if package is None or not package.is_file():
        return _not_run("its package is not there; name the node_modules that has it with --node-modules")
    command = [node, "--input-type=module", "-e", _ASK, package.resolve().as_uri(), json.dumps(_FAMILIES)]
    said = ran(command, html.encode("utf-8", "replace"), seconds=PATIENCE)
    if isinstance(said, str):
        return _not_run(said)
    try:
        answer: Answer = json.loads(said.out)
    except ValueError:
        return _not_run(f"it ended with code {said.code}: {' '.join(said.err.split())[:160]}")
    return Report(findings(answer))


def findings(answer: Answer) -> list[Finding]:
    clients: dict[str, set[str]] = {}
    for client, titles in answer:
        for title in titles:
            clients.setdefault(title, set()).add(client)
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
        if title not in BASELINE
    ]


def _not_run(why: str) -> Report:
    return Report((), (NotRun(NAME, why),))
