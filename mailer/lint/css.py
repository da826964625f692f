"""CSS as far as mail programs read it: declarations, rules and the at-rules around them. Linear, and nothing raises.

Not cssutils: it takes seconds for what a hostile sheet can hold, and drops what it does not know, which is what the
lint is to find.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_SHEET = 256 * 1024
_MARKS = re.compile(r"[{}]")
#: What parts declarations, and what hides a semicolon from that: a string, the inside of `url(...)`.
_PIECES = re.compile(r""""[^"]*"|'[^']*'|\([^()]*\)|;|[^;"'()]+|.""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Declaration:
    name: str  # small letters
    value: str  # without `!important`
    important: str = ""  # as it was written: " !important"

    @property
    def is_important(self) -> bool:
        return bool(self.important)


@dataclass(frozen=True, slots=True)
class Rule:
    """`selector { declarations }`, within the at-rules of `around`, outermost first."""

    selector: str
    declarations: tuple[Declaration, ...]
    around: tuple[str, ...] = ()

    @property
    def media(self) -> str:
        return " ".join(each for each in self.around if each.lower().startswith("@media"))


@dataclass(frozen=True, slots=True)
class Sheet:
    source: str
    rules: tuple[Rule, ...]
    is_balanced: bool

    @property
    def at_rules(self) -> frozenset[str]:
        return frozenset(word.lower() for word in re.findall(r"@[A-Za-z-]{1,40}", self.source))


def declarations(text: str) -> list[Declaration]:
    """The declarations of a style attribute or a rule's block; what has no colon is one without a value."""
    found, current = [], ""
    for piece in _PIECES.findall(text):
        if piece == ";":
            found.append(current)
            current = ""
        else:
            current += piece
    return [_declaration(each) for each in [*found, current] if each.strip()]


def _declaration(text: str) -> Declaration:
    name, _, value = text.partition(":")
    plain, mark, important = value.rpartition("!")
    if mark and important.strip().lower() == "important":
        return Declaration(name.strip().lower(), plain.strip(), value.rstrip()[len(plain.rstrip()) :])
    return Declaration(name.strip().lower(), value.strip())


def sheet(source: str) -> Sheet:
    """A style block, read."""
    plain = without_comments(source[:MAX_SHEET])
    rules = tuple(_rules(plain))
    return Sheet(source=plain, rules=rules, is_balanced=plain.count("{") == plain.count("}"))


def _rules(text: str) -> Iterator[Rule]:
    """Every innermost block with what stands around it."""
    around: list[str] = []
    position, opened_at = 0, None
    for mark in _MARKS.finditer(text):
        between = text[position : mark.start()]
        position = mark.end()
        if mark[0] == "{":
            around.append(between.rpartition(";")[2].strip() if between.lstrip().startswith("@") else between.strip())
            opened_at = position
        elif around:
            selector = around.pop()
            if opened_at is not None:
                inside = tuple(declarations(text[opened_at : mark.start()]))
                yield Rule(selector, inside, tuple(around[:8]))
            opened_at = None


def without_comments(source: str) -> str:
    """The sheet without `/* ... */`; one that is not closed takes all that follows, as in a browser."""
    kept, position = [], 0
    while (start := source.find("/*", position)) >= 0:
        kept.append(source[position:start])
        end = source.find("*/", start + 2)
        if end < 0:
            return "".join(kept)
        position = end + 2
    kept.append(source[position:])
    return "".join(kept)
