"""Look: all rules of the catalogue, asked of one mail."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import islice

from mailer.lint import catalogue
from mailer.lint.catalogue import Rule, Weight
from mailer.lint.finding import Finding, NotRun, Report, Severity, Spot, in_order
from mailer.lint.mail import About, Mail

log = logging.getLogger(__name__)

#: Places told of one rule. The tenth says no more than the fifth.
MOST = 5
_COUNTED = 200
_MILDER = {Severity.ERROR: Severity.WARNING, Severity.WARNING: Severity.NOTE, Severity.NOTE: Severity.NOTE}


def look(raw: bytes, about: About | None = None) -> Report:
    """Everything that the rules find in a mail or an HTML file. Reads bytes only, whatever they are."""
    return look_at(Mail(raw, about))


def look_at(mail: Mail) -> Report:
    found: list[Finding] = []
    not_run = [NotRun(what, why) for what, why in catalogue.NOT_FROM_BYTES]
    for rule in catalogue.RULES:
        try:
            found += _asked(rule, mail)
        except Exception:  # the gate must neither stop an issue for a rule of ours that breaks, nor keep silent
            log.exception("lint.rule_broke rule=%s", rule.id)
            not_run.append(NotRun(rule.id, "the rule itself broke on this mail; the log has the place"))
    return Report(in_order(found), tuple(not_run))


def unfinished() -> Report:
    """The report on a mail at which the process that looked died: of memory, of time. Nobody sends such a thing unseen."""
    rule = next(rule for rule in catalogue.RULES if rule.id == "H04")
    words = "Looking at the letter took more memory or time than it may."
    return Report((_finding(rule, Spot(words), words, Mail(b"")),))


def _asked(rule: Rule, mail: Mail) -> Iterator[Finding]:
    spots = list(islice(rule.check(mail), _COUNTED))
    more = len(spots) - MOST
    for place, spot in enumerate(spots[:MOST]):
        words = spot.words
        if more > 0 and place == MOST - 1:
            words = f"{words} ({more}{'' if len(spots) < _COUNTED else ' or more'} such places are not told.)"
        yield _finding(rule, spot, words, mail)


def _finding(rule: Rule, spot: Spot, words: str, mail: Mail) -> Finding:
    severity = spot.severity or rule.severity
    if rule.weight is Weight.HOUSE and not mail.about.is_ours:
        severity = _MILDER[severity]
    return Finding(
        id=rule.id,
        subject=rule.subject,
        severity=severity,
        words=words,
        where=_printable(spot.where),
        mend=rule.mend,
        blocks=rule.weight is Weight.BLOCKS and severity is Severity.ERROR,
    )


def _printable(text: str) -> str:
    """Of anybody's making, and shown to people: no controls, nothing that turns the line around."""
    return "".join(char if char.isprintable() else " " for char in text)[:160].strip()
