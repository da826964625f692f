"""Bidi isolates (UAX 9, section 2.4): marks that keep a run of the other direction from disturbing what stands around it."""

from __future__ import annotations

import re

FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"
_OPENING = "\u2066\u2067\u2068"
_A_FEW_LATIN_WORDS = re.compile(r"[A-Za-z0-9][A-Za-z0-9.'&-]*(?: [A-Za-z0-9][A-Za-z0-9.'&-]*)+")
_ISOLATING = re.compile("[\u2066-\u2069]")


def isolate(text: str) -> str:
    """Wrap a run of unknown direction, so that it does not disturb the text around it (U+2068 ... U+2069)."""
    return f"{FIRST_STRONG_ISOLATE}{balanced(text)}{POP_ISOLATE}"


def balanced(text: str) -> str:
    """The same without the marks that have no partner: isolates that are not closed, and what closes none.

    A stranger's open isolate would take the mark that closes ours, and turn our own words around it.
    """
    if not _ISOLATING.search(text):
        return text
    open_at: list[int] = []
    single: set[int] = set()
    for place, character in enumerate(text):
        if character in _OPENING:
            open_at.append(place)
        elif character == POP_ISOLATE:
            if open_at:
                open_at.pop()
            else:
                single.add(place)
    single.update(open_at)
    return "".join(character for place, character in enumerate(text) if place not in single)


def held(text: str, most: int = 20) -> str:
    """A line from right to left whose short Latin runs stay on one line: a name that is broken reads in two directions."""
    return _A_FEW_LATIN_WORDS.sub(
        lambda found: found[0].replace(" ", "\u00a0") if len(found[0]) <= most else found[0], text
    )
