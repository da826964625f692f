"""SpamAssassin's opinion (T07), from its rules on this machine alone: no DNS, no network.

Content analysis details:   (0.7 points, 5.0 required)
 pts rule name              description
---- ---------------------- --------------------------------------------------
 0.7 MIME_HTML_ONLY         BODY: Message only has text/html MIME parts
"""

from __future__ import annotations

import re
import shutil

from mailer.lint.finding import Finding, NotRun, Report, Severity
from mailer.lint.tools import ran

NAME = "T07 (SpamAssassin)"
PATIENCE = 60.0
_SCORE = re.compile(r"\(\s*(-?\d+(?:\.\d+)?) points")
_RULE = re.compile(r"^\s*(-?\d+\.\d+)\s+([A-Z][A-Z0-9_]+)\s+(.*)$", re.MULTILINE)
#: It cannot know of a mail that has not been sent yet: who delivered it, and what it was signed with.
_UNSENT = frozenset({"NO_RELAYS", "NO_RECEIVED", "MISSING_HEADERS", "ALL_TRUSTED"})
_HIGH, _SPAM, _ONE_RULE = 3.0, 5.0, 1.5


def look(raw: bytes, *, is_message: bool) -> Report:
    program = shutil.which("spamassassin")
    if program is None:
        return _not_run("it is not installed (Debian: spamassassin)")
    if not is_message:
        return _not_run("it reads mails, not HTML files")
    said = ran([program, "-L", "-t"], raw, seconds=PATIENCE)
    if isinstance(said, str):
        return _not_run(said)
    score = _SCORE.search(said.out)
    if score is None:
        return _not_run("it gave no score")
    # It says the same in a header and in the text.
    rules = {name: (float(points), name, " ".join(words.split())) for points, name, words in _RULE.findall(said.out)}
    return Report(_findings(float(score[1]), list(rules.values())))


def _findings(score: float, rules: list[tuple[float, str, str]]) -> list[Finding]:
    counted = [rule for rule in rules if rule[1] not in _UNSENT]
    found = [
        _finding(Severity.WARNING, f"SpamAssassin gives {points:g} for one thing: {words[:100]}", name)
        for points, name, words in counted
        if points > _ONE_RULE
    ]
    score -= sum(points for points, name, _ in rules if name in _UNSENT)
    if score >= _HIGH:
        severity = Severity.ERROR if score >= _SPAM else Severity.WARNING
        names = ", ".join(name for points, name, _ in counted if points > 0)
        found.append(_finding(severity, f"SpamAssassin's score is {score:.1f}; {_SPAM:g} is spam.", names[:160]))
    return found


def _finding(severity: Severity, words: str, where: str) -> Finding:
    mend = "Look up the rule's name; most are about wording, hosts or headers."
    return Finding(id="T07", subject="links and consent", severity=severity, words=words, where=where, mend=mend)


def _not_run(why: str) -> Report:
    return Report((), (NotRun(NAME, why),))
