"""Stand-ins: what stands in a rendered text for what comes later.

An article's link is a field, until the letter is compiled. Marks stand between blocks (mailer.marks), until the letter is
cut. A tag that one block opens and another closes is laid bare, until the page is inlined. No article can bring any of
them: nobody outside knows the marker they are made with.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mailer import field, marks

_WEB_LINK = re.compile(r"https?://[^\s\x00-\x1f\x7f\"<>\\]{1,8000}\Z")
_NOWHERE = "#"
_MOST_SUMS = 1_000  # an article of a hundred thousand minutes must not make as many texts


class _Comment(str):
    """A mark in the page, which autoescape leaves as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


class StandIns:
    """Those of one rendering."""

    def __init__(self, context: Mapping[str, Any], marker: str, *, with_blocks: bool) -> None:
        self._is_letter = bool(marker)
        self._with_blocks = with_blocks
        self._has_items = "items" in context
        items = context.get("items", ())
        # Nobody outside knows a whole letter, so no article can hold its marks.
        self.marker = marker or hashlib.sha256(repr(context).encode("utf-8", "replace")).hexdigest()[:16]
        self.common: tuple[int, ...] = tuple(context.get("common") or range(1, len(items) + 1))
        self._most: int | None = context.get("most")
        self._bare: list[str] = []
        self.urls: dict[str, str] = {}
        self._items = [self._item(number, item) for number, item in enumerate(items, 1)]

    def values(self) -> dict[str, Any]:
        values: dict[str, Any] = {"sums": self._sums, "bare": self._lay_bare, "most": self._most}
        return values | ({"items": self._items} if self._has_items else {})

    def _item(self, number: int, item: Mapping[str, Any]) -> dict[str, Any]:
        """An article as templates know it: with its number in the issue and its link."""
        link = weblink(item["url"]).encode("utf-8", "replace").decode("utf-8")
        if self._is_letter and link != _NOWHERE:
            self.urls[f"link_{number}"] = link
            link = field.token(self.marker, f"link_{number}")
        return {**item, "number": number, "link": link}

    def _sums(self, weights: Sequence[int], *, rest: bool = False) -> Sequence[int]:
        """The sums that a tally needs a text for: each there may be, or that of the common version."""
        if self._with_blocks:
            return range(1, min(sum(weights[self._most or 0 :] if rest else weights), _MOST_SUMS) + 1)
        shown, left = self.common[: self._most], self.common[self._most :] if self._most else ()
        return [sum(weights[number - 1] for number in (left if rest else shown))]

    def _lay_bare(self, tag: str) -> _Comment:
        self._bare.append(tag)
        return _Comment(f"<!--zz{self.marker}-bare-{len(self._bare) - 1}-->")

    def laid_bare(self, html: str) -> str:
        """The page with the tags that span blocks in their places."""
        return re.sub(f"<!--zz{self.marker}-bare-([0-9]+)-->", lambda found: self._bare[int(found[1])], html)

    def cut_html(self, word: str, argument: int | str = "") -> _Comment:
        return _Comment(marks.mark(self.marker, word, argument, is_html=True))

    def cut_text(self, word: str, argument: int | str = "") -> str:
        return marks.mark(self.marker, word, argument, is_html=False)

    def put_together(self, text: str) -> str:
        return text if self._with_blocks else marks.joined(text, self.marker, self.common)


def weblink(url: str) -> str:
    """An address of the web or nothing: whatever else a feed called a link (`javascript:`) leads nowhere."""
    return url if _WEB_LINK.match(url) else _NOWHERE
