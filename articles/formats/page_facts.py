"""What a page says of its story, by one of its voices: JSON-LD, OpenGraph, or the text a reader sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from articles.entry import Picture, Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFacts:
    """Pieces as the page gave them: nothing here is safe or complete."""

    url: str | None = None
    title: str | None = None
    summary: str | None = None
    section: str | None = None
    tags: Sequence[str] = ()
    language: str | None = None
    signatures: Sequence[Signature] = ()
    pictures: Sequence[Picture] = ()
    published: str | None = None
    updated: str | None = None
    word_count: int | None = None
    reading_minutes: int | None = None
    paywalled: bool = False
    correction: str | None = None

    def or_else(self, other: PageFacts) -> PageFacts:
        """What this voice says, and where it is silent, what the other one says."""
        return PageFacts(**{each.name: getattr(self, each.name) or getattr(other, each.name) for each in fields(self)})
