"""Folding: a letter that mail programs would cut becomes one that they show whole.

Gmail hides what comes after about 102 KB of HTML, the way out included. A letter whose largest copy would pass the budget
first says less of each story: whole sentences, two, then one. What is too long even so shows its first stories and one line
with the number of the rest, which stand on the issue's page on the web. The same letter is always folded alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mailer.compiled import Compiled

#: Bytes of HTML, as a mail program unpacks it.
BUDGET = 100_000
_OF_THE_LINE = 2_000  # what the line with the rest takes, in any script
_SENTENCES = (2, 1)
_END = re.compile(r"(?<=[^\s.!?؟۔…])([.!?؟۔…]+[\"”’»)\]]*)\s+(?=\S)")
_ABBREVIATED = re.compile(
    r"(?:^|[\s(.])(?:\w{1,2}|Mrs|Gen|Sen|Gov|Rep|Col|Inc|Ltd)\Z"
)  # "Dr", "No", "e.g": a full stop behind it ends no sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One way of making a letter shorter: `context` is its data, `with_blocks` whether its blocks stay apart."""

    context: Mapping[str, Any]
    with_blocks: bool


#: Makes a letter of an attempt.
Make = Callable[[Attempt], Compiled]


def folded(whole: Compiled, first: Attempt, make: Make, *, budget: int = BUDGET) -> Compiled:
    """The letter itself where it fits, or a shorter one."""
    if whole.size() <= budget or not first.context.get("items"):
        return whole
    shorter = first
    for sentences in _SENTENCES:
        shorter = replace(first, context=shortened(first.context, sentences))
        found = replace(make(shorter), sentences=sentences)
        if found.size() <= budget:
            return found
    return _with_a_rest(shorter, make, budget)


def shortened(context: Mapping[str, Any], sentences: int) -> dict[str, Any]:
    """A letter's data with the first sentences of each summary."""
    items = [
        item | {"summary": first_sentences(item["summary"], sentences)} if item.get("summary") else item
        for item in context["items"]
    ]
    return {**context, "items": items}


def first_sentences(text: str, count: int) -> str:
    """So many whole sentences, or more where it is not sure where one ends."""
    for found in _END.finditer(text):
        if found[1].startswith(".") and _ABBREVIATED.search(text[: found.start()]):
            continue
        count -= 1
        if count == 0:
            return text[: found.end(1)]
    return text


def _with_a_rest(attempt: Attempt, make: Make, budget: int) -> Compiled:
    apart = make(replace(attempt, with_blocks=True))
    if not apart.common:
        return replace(apart, sentences=_SENTENCES[-1])  # a template that marks no blocks shows all there is
    most = _that_fit(apart, budget - _OF_THE_LINE, is_personal=attempt.with_blocks)
    made = make(replace(attempt, context={**attempt.context, "most": most}))
    return replace(made, sentences=_SENTENCES[-1], left=max(0, len(apart.common) - most))


def _that_fit(apart: Compiled, budget: int, *, is_personal: bool) -> int:
    """How many stories a copy may show: whichever they are, or, where all readers get the same, the first ones."""
    low, high = 1, max(len(apart.common) - 1, 1)
    while low < high:
        middle = (low + high + 1) // 2
        size = apart.size(most=middle) if is_personal else apart.size_of(apart.common[:middle])
        low, high = (middle, high) if size <= budget else (low, middle - 1)
    return low
