"""The form of a feed: what was typed, kept as it was typed, and what it says."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import FormData

from articles.feeds import MAX_URL, Feed, Said
from articles.preview import completed
from newsletters import draw

_LONGEST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """Every field as a person left it; `editions` are the ids that were ticked."""

    url: str = ""
    name: str = ""
    language: str = ""
    zone: str = ""
    section: str = ""
    ranking: str = ""  # ticked: its order says what readers read most
    feed_only: str = ""  # ticked: its stories' own pages are left alone
    editions: tuple[str, ...] = ()
    seen: str = ""  # the version of a feed that the form was made of

    def said(self) -> Said:
        return Said(
            name=self.name or None,
            language=self.language or None,
            zone=self.zone,
            section=self.section or None,
            reads_pages=not self.feed_only,
            is_ranking=bool(self.ranking),
        )

    def edition_ids(self) -> set[int]:
        return {int(each) for each in self.editions if each.isdecimal() and len(each) < 10}


def typed(form: FormData) -> Typed:
    """What a form brought; a field that did not come is empty."""
    texts = {
        name: str(form.get(name, "")).strip()[:_LONGEST]
        for name in ("name", "language", "zone", "section", "feed_only", "ranking", "seen")
    }
    editions = tuple(str(each) for each in form.getlist("editions"))
    return Typed(url=completed(str(form.get("url", ""))[: MAX_URL + 1]), editions=editions, **texts)


def of(feed: Feed, editions: list[int]) -> Typed:
    """The form that says what a feed is."""
    return Typed(
        url=feed.url,
        name=feed.name or "",
        language=feed.language or "",
        zone=feed.zone,
        section=feed.section or "",
        ranking="1" if feed.is_ranking else "",
        feed_only="" if feed.reads_pages else "1",
        editions=tuple(str(each) for each in editions),
        seen=draw.version(feed, editions),
    )
