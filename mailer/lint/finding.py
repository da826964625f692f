"""Findings: what the lint says of a mail, as values."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass


class Severity(enum.StrEnum):
    ERROR = "error"  # readers or providers will be harmed by it
    WARNING = "warning"  # somebody should look
    NOTE = "note"  # worth knowing


@dataclass(frozen=True, slots=True)
class Spot:
    """What a rule found, and where. A severity here takes the place of the rule's own."""

    words: str
    where: str = ""
    severity: Severity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    id: str
    subject: str  # what the rule is about: headers, links, images
    severity: Severity
    words: str  # what is wrong and what it means, in a sentence
    where: str  # the place in the mail; may be empty
    mend: str  # what to do about it
    blocks: bool = False  # an issue that would go by itself waits for a person


@dataclass(frozen=True, slots=True)
class NotRun:
    """Rules that were not asked, and why: that is never a finding."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was found, the worst first, and what was not looked at."""

    findings: Sequence[Finding]
    not_run: Sequence[NotRun] = ()

    @property
    def is_sound(self) -> bool:
        return not any(each.severity is Severity.ERROR for each in self.findings)

    @property
    def blocking(self) -> Sequence[Finding]:
        return [each for each in self.findings if each.blocks]

    def count(self, severity: Severity) -> int:
        return sum(each.severity is severity for each in self.findings)

    def joined(self, other: Report) -> Report:
        return Report(in_order([*self.findings, *other.findings]), (*self.not_run, *other.not_run))


def in_order(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """Errors, then warnings, then notes; each by its rule, in the order of the mail."""
    rank = {severity: place for place, severity in enumerate(Severity)}
    return tuple(sorted(found, key=lambda each: (not each.blocks, rank[each.severity], each.id)))
