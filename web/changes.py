"""What changed between two texts, word by word."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Literal

Kind = Literal["same", "gone", "new"]

#: Longer texts are told whole, the one gone and the other new: the comparison's time grows with the square.
_MOST_WORDS = 2000


def changes(before: str, after: str) -> list[tuple[Kind, str]]:
    old, new = _words(before), _words(after)
    if max(len(old), len(new)) > _MOST_WORDS:
        return _pair(before, after) if before != after else [("same", after)]
    found: list[tuple[Kind, str]] = []
    for act, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, came = "".join(old[start:end]), "".join(new[new_start:new_end])
        found += [("same", came)] if act == "equal" else _pair(gone, came)
    return found


def _words(text: str) -> list[str]:
    return re.findall(r"\s+|\S+", text)


def _pair(gone: str, came: str) -> list[tuple[Kind, str]]:
    pair: list[tuple[Kind, str]] = [("gone", gone), ("new", came)]
    return [(kind, text) for kind, text in pair if text]
