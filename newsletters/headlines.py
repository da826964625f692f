"""Headlines in one line: what a subject and a preheader are made of."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

#: Phones cut a subject at 35 to 45 characters, desktops near 60; the whole of it is still read aloud.
SUBJECT = 60
PREHEADER = 140
#: More is no line any more.
LONGEST = 300

_LONGEST_LINK = 500
_LINK = re.compile(r"https?://[^\s<>\"\\]{4,}\Z")
_JOINERS = "\u200c\u200d"  # Sorani and Persian spell with them; they are no decoration


def clean(text: str) -> str:
    """One line without control characters, line separators or bidirectional overrides (RFC 5322 2.2 and common sense)."""
    # The first pass makes a blank of what separates, the second drops what only steers.
    spaced = "".join(" " if unicodedata.category(char) in {"Cc", "Zl", "Zp"} else char for char in text)
    kept = "".join(char for char in spaced if char in _JOINERS or unicodedata.category(char) not in {"Cf", "Cs", "Co"})
    return " ".join(kept.split())


def paragraphs(text: str) -> str:
    """Each paragraph on a line of its own, with an empty one between two."""
    parts = text.replace("\r\n", "\n").split("\n\n")
    return "\n\n".join(line for part in parts if (line := clean(part)))


def is_link(typed: str) -> bool:
    """Whether a line leads to a page of the web, and can stand in a letter."""
    return len(typed) <= _LONGEST_LINK and _LINK.match(typed) is not None


def cut(text: str, most: int) -> str:
    """At most `most` characters, cut between words where there is a word's end near enough."""
    if len(text) <= most:
        return text
    head = text[: most - 1]
    at = head.rfind(" ")
    whole = head[:at] if at >= most // 2 else head
    return whole.rstrip(" \u00a0·,;:–—-") + "…"


def subject(titles: Sequence[str]) -> str:
    """The lead's headline."""
    return cut(clean(titles[0]), SUBJECT)


def suggestions(titles: Sequence[str]) -> list[str]:
    """Up to three subjects, made by rules from the first headlines: the lead, the second story, both in brief."""
    if not titles:
        return []
    lead = clean(titles[0])
    head = re.split(r"\s*[:：؛;–—]\s+", lead, maxsplit=1)[0]
    second = clean(titles[1]) if len(titles) > 1 else ""
    pair = f"{cut(head, SUBJECT // 2)}\u00a0· {cut(second, SUBJECT // 2)}" if second else ""
    made = [cut(lead, SUBJECT), cut(second, SUBJECT), pair, cut(head, SUBJECT)]
    return [line for line in dict.fromkeys(made) if line][:3]


def preheader(titles: Sequence[str]) -> str:
    """The next headlines; the lead's full one where it had to be cut or stands alone."""
    lead = clean(titles[0])
    rest = [clean(title) for title in titles[1:4]]
    if not rest or len(lead) > SUBJECT:
        rest.insert(0, lead)
    return cut("\u00a0· ".join(rest), PREHEADER)  # the dot stays with the headline before it
