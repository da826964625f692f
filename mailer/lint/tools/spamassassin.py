"""SpamAssassin's opinion (T07), from its rules on this machine alone: no DNS, no network.

Content analysis details:   (0.7 points, 5.0 required)
 pts rule name              description
---- ---------------------- --------------------------------------------------
 0.7 MIME_HTML_ONLY         BODY: Message only has text/html MIME parts
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from mailer.lint.finding import Finding, NotRun, Report, Severity
from mailer.lint.tools import ran

NAME = "T07 (SpamAssassin)"
PATIENCE = 60.0
_SCORE = re.compile(r"\(\s*(-?\d+(?:\.\d+)?) points")
_RULE = re.compile(r"^\s*(-?\d+\.\d+)\s+([A-Z][A-Z0-9_]+)\s+(.*)$", re.MULTILINE)
#: It cannot know of a mail that has not been sent yet: who delivered it, and what it was signed with.
_UNSENT = frozenset({"NO_RELAYS", "NO_RECEIVED", "MISSING_HEADERS", "ALL_TRUSTED"})
_HIGH, _SPAM, _ONE_RULE = 3.0, 5.0, 1.5


@dataclass(frozen=True, slots=True)
class Rule:
    points: float
    name: str
    words: str


@dataclass(frozen=True, slots=True)
class Score:
    """What it gives a mail that has not been sent yet, and for what."""

    points: float
    rules: Sequence[Rule]


def look(raw: bytes, *, is_message: bool) -> Report:
    if not is_message:
        return _not_run("it reads mails, not HTML files")
    found = score(raw)
    return _not_run(found) if isinstance(found, str) else Report(_findings(found))


def score(raw: bytes) -> Score | str:
    """Its score; a sentence where it cannot be had."""
    program = shutil.which("spamassassin")
    if program is None:
        return "it is not installed (Debian: spamassassin)"
    said = ran([program, "-L", "-t"], raw, seconds=PATIENCE)
    if isinstance(said, str):
        return said
    total = _SCORE.search(said.out)
    if total is None:
        return "it gave no score"
    # It says the same in a header and in the text.
    rules = {
        name: Rule(float(points), name, " ".join(words.split())) for points, name, words in _RULE.findall(said.out)
    }
    counted = [rule for rule in rules.values() if rule.name not in _UNSENT]
    unsent = sum(rule.points for rule in rules.values() if rule.name in _UNSENT)
    return Score(round(float(total[1]) - unsent, 1), counted)


def _findings(scored: Score) -> list[Finding]:
    found = [
        _finding(Severity.WARNING, f"SpamAssassin gives {rule.points:g} for one thing: {rule.words[:100]}", rule.name)
        for rule in scored.rules
        if rule.points > _ONE_RULE
    ]
    if scored.points >= _HIGH:
        severity = Severity.ERROR if scored.points >= _SPAM else Severity.WARNING
        names = ", ".join(rule.name for rule in scored.rules if rule.points > 0)
        found.append(
            _finding(severity, f"SpamAssassin's score is {scored.points:.1f}; {_SPAM:g} is spam.", names[:160])
        )
    return found


def _finding(severity: Severity, words: str, where: str) -> Finding:
    mend = "Look up the rule's name; most are about wording, hosts or headers."
    return Finding(id="T07", subject="links and consent", severity=severity, words=words, where=where, mend=mend)


def _not_run(why: str) -> Report:
    return Report((), (NotRun(NAME, why),))
