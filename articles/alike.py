"""When two headlines tell one story: compared by the three-letter pieces they share.

Late snow expected above 1,200 metres through Thursday
Late snow expected above 1200 metres until Thursday        0.75 of their pieces in common, and the same summary: one story

Comparing every new article with all of two days would be slow, so each gets a few *marks*: numbers that texts have in
common the likelier, the more alike they are (min-wise hashing). Only articles that share a mark are compared.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from functools import lru_cache

ALIKE = 0.8
#: Headlines that are no more than this much alike still tell one story, when their summaries are alike.
RELATED = 0.5
#: Shorter headlines ("Weather", "In pictures") are alike by their nature.
_FEWEST_LETTERS = 20
_FEWEST_IN_SUMMARY = 40

_TITLE_BANDS, _SUMMARY_BANDS = 8, 4
_MARKS_OF_VOWELS = re.compile("[\u064b-\u065f\u0670\u0640]")  # Arabic vowel signs and the stretching dash
_SEPARATOR_IN_NUMBER = re.compile(r"(?<=\d)[,.٬](?=\d{3})")
_NO_LETTERS = re.compile(r"[\W_]+")


@lru_cache(maxsize=256)  # one new article is compared with several, and those with the next one
def pieces(text: str | None) -> frozenset[str]:
    """The three-letter pieces of a text, without case, accents on Arabic letters and punctuation."""
    plain = _MARKS_OF_VOWELS.sub("", unicodedata.normalize("NFKC", text or "").casefold())
    words = _NO_LETTERS.sub(" ", _SEPARATOR_IN_NUMBER.sub("", plain)).strip()
    padded = f" {words} " if words else ""
    return frozenset(padded[at : at + 3] for at in range(len(padded) - 2))


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """How much of what two texts have they have in common, 0 to 1 (Jaccard)."""
    together = len(one | other)
    return len(one & other) / together if together else 0.0


def tell_one_story(title: str, summary: str | None, other_title: str, other_summary: str | None) -> bool:
    """Whether two articles of one language, a few hours apart, are the same story by their words."""
    if min(len(title), len(other_title)) < _FEWEST_LETTERS:
        return False
    by_title = likeness(pieces(title), pieces(other_title))
    if by_title < RELATED:
        return False
    return by_title >= ALIKE or _summaries_are_alike(summary, other_summary)


def tell_one_story_in_one_feed(title: str, summary: str | None, other_title: str, other_summary: str | None) -> bool:
    """The same within one feed, where "The weather today" is a new story every day: the summaries must be alike too."""
    return tell_one_story(title, summary, other_title, other_summary) and _summaries_are_alike(summary, other_summary)


def marks(title: str, summary: str | None) -> tuple[int, ...]:
    """Numbers that articles of one story share; nothing where the headline is too short to tell."""
    if len(title) < _FEWEST_LETTERS:
        return ()
    found = _bands(pieces(title), _TITLE_BANDS, kind=1)
    if summary and len(summary) >= _FEWEST_IN_SUMMARY:
        found += _bands(pieces(summary), _SUMMARY_BANDS, kind=2)
    return tuple(found)


def _summaries_are_alike(one: str | None, other: str | None) -> bool:
    if not one or not other or min(len(one), len(other)) < _FEWEST_IN_SUMMARY:
        return False
    return likeness(pieces(one), pieces(other)) >= ALIKE


def _bands(parts: frozenset[str], count: int, *, kind: int) -> list[int]:
    """Every piece falls into one of some bins; the least of each two bins make a mark (Li, Owen, Zhang: one permutation).

    An empty bin takes what the next one holds.
    """
    bins = 2 * count
    least: list[int | None] = [None] * bins
    for part in parts:
        number = zlib.crc32(part.encode("utf-8", "replace"))
        known = least[number % bins]
        if known is None or number < known:
            least[number % bins] = number
    if not parts:
        return []
    full = [
        next(least[(at + step) % bins] for step in range(bins) if least[(at + step) % bins] is not None)
        for at in range(bins)
    ]
    joined = (f"{kind}:{band}:{full[2 * band]}:{full[2 * band + 1]}" for band in range(count))
    return [zlib.crc32(text.encode()) for text in joined]
