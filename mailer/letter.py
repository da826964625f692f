"""A letter's rendered texts, before any recipient."""

from __future__ import annotations

from dataclasses import dataclass


class BrokenLetter(Exception):  # noqa: N818 - names the file to mend
    """A template that cannot become a letter: which file, where, and what to do."""

    def __init__(self, template: str, reason: str) -> None:
        super().__init__(template, reason)
        self.template = template
        self.reason = reason

    def __str__(self) -> str:
        return f"The letter template {self.template} cannot be used: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A letter's texts, inlined, before any recipient."""

    subject: str
    preheader: str
    html: str
    text: str
    language: str
    marker: str = ""
