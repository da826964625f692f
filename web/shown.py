"""Shown: words from outside as staff may see them: whole, in order, and with nothing in them that acts.

A reply, a diagnostic or a subject may hold anything. Markup is escaped by the template; here what a browser would obey in
plain text (line controls, bidirectional overrides, invisible characters) is made visible, and a flood is cut.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

#: Characters shown at first, and at most.
FIRST = 600
MOST = 20_000

#: Zero-width non-joiner and joiner, and the two marks of direction.
_WRITTEN = frozenset("\u200c\u200d\u200e\u200f")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Shown:
    """A text for a page. `rest` is what follows `text` when somebody asks for all; `left_out` what even then is not shown."""

    text: str
    rest: str = ""
    left_out: int = 0


def shown(text: str | None) -> Shown | None:
    """A text from outside; None where there is none."""
    if not text:
        return None
    head, rest = text[:FIRST], text[FIRST:MOST]
    return Shown(visible(head), visible(rest), max(0, len(text) - MOST))


def visible(text: str) -> str:
    """Every character that cannot be seen, as one that can: NUL as ␀, U+202E as ⟨U+202E⟩."""
    return "".join(_seen(char) if unicodedata.category(char) in _UNSEEN else char for char in text)


def tame(text: str) -> str:
    """The same for what people write: the joiners and marks that Kurdish and Arabic need stay as they are."""
    return "".join(char if char in _WRITTEN else visible(char) for char in text)


def _seen(char: str) -> str:
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"
