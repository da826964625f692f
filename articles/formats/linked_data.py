"""JSON-LD: what a page says of its articles in the words of schema.org.

{"@context": "https://schema.org", "@graph": [
  {"@type": "Person", "@id": "…/authors/hanar#p", "name": "Hanar Dolan"},
  {"@type": ["NewsArticle", "AnalysisNewsArticle"], "headline": …, "author": [{"@id": "…/authors/hanar#p"}]}]}

A page may hold several blocks, some of them broken; the others count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from articles import cleaning, pictures
from articles.entry import Picture, Signature
from articles.formats.page_facts import PageFacts
from articles.formats.raw import signature

Node = Mapping[str, Any]

_ARTICLES = frozenset(
    {
        "Article", "NewsArticle", "AnalysisNewsArticle", "AskPublicNewsArticle", "BackgroundNewsArticle",
        "OpinionNewsArticle", "ReportageNewsArticle", "ReviewNewsArticle", "LiveBlogPosting", "BlogPosting",
        "SatiricalArticle", "Report", "ScholarlyArticle", "TechArticle", "SocialMediaPosting",
    }
)  # fmt: skip
_MOST_NODES = 5_000
_MOST_ARTICLES = 100
_MINUTES = re.compile(r"^PT(?:(?P<hours>\d{1,2})H)?(?:(?P<minutes>\d{1,3})M)?(?:\d+S)?$")


def articles(blocks: Iterable[str], base: str) -> list[PageFacts]:
    """What these blocks say of each article that they describe, in their order."""
    nodes = list(_nodes(blocks))
    known = {str(node["@id"]): node for node in nodes if "@id" in node and len(node) > 1}
    found = [_facts(node, known, base) for node in nodes if _types(node) & _ARTICLES]
    return [facts for facts in found if facts.title][:_MOST_ARTICLES]


def _nodes(blocks: Iterable[str]) -> Iterator[Node]:
    """Every object at any depth, the outer before the inner."""
    waiting: list[Any] = []
    for block in blocks:
        try:
            waiting.append(json.loads(block.strip().removeprefix("<!--").removesuffix("-->"), strict=False))
        except (ValueError, RecursionError):
            continue
    for _ in range(_MOST_NODES):
        if not waiting:
            return
        one = waiting.pop(0)
        if isinstance(one, dict):
            yield one
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        waiting += [each for each in inner if isinstance(each, dict | list)]


def _types(node: Node) -> set[str]:
    return {name.rpartition("/")[2] for name in _texts(node.get("@type"))}


def _facts(node: Node, known: Mapping[str, Node], base: str) -> PageFacts:
    sections = _texts(node.get("articleSection"))
    words = str(node.get("wordCount"))
    return PageFacts(
        url=_first(node.get("url")) or _id_of(node.get("mainEntityOfPage")),
        title=_first(node.get("headline")) or _first(node.get("name")),
        summary=_first(node.get("description")),
        section=next(iter(sections), None),
        tags=[*sections[1:], *_keywords(node.get("keywords"))],
        language=_language(node.get("inLanguage")),
        signatures=_signatures(node.get("author") or node.get("creator"), known, base),
        pictures=_pictures(node.get("image") or node.get("thumbnailUrl"), known, base),
        published=_first(node.get("datePublished")) or _first(node.get("dateCreated")),
        updated=_first(node.get("dateModified")),
        word_count=int(words) if words.isdecimal() and 0 < len(words) < 7 else None,
        reading_minutes=_minutes(_first(node.get("timeRequired"))),
        paywalled=str(node.get("isAccessibleForFree")).lower().rpartition("/")[2] == "false",
        correction=_correction(node.get("correction"), known),
    )


def _texts(value: object) -> list[str]:
    """The texts in a value that may be one, a list of them, or an object around one."""
    given = value if isinstance(value, list) else [value]
    texts = (each.get("@value") or each.get("name") if isinstance(each, dict) else each for each in given[:50])
    return [text.strip() for text in texts if isinstance(text, str) and text.strip()]


def _first(value: object) -> str | None:
    return next(iter(_texts(value)), None)


def _id_of(value: object) -> str | None:
    if isinstance(value, dict):
        return _first(value.get("@id")) or _first(value.get("url"))
    return _first(value)


def _keywords(value: object) -> list[str]:
    return [word.strip() for text in _texts(value) for word in text.split(",")]


def _language(value: object) -> str | None:
    return _first(value.get("alternateName") or value.get("name")) if isinstance(value, dict) else _first(value)


def _objects(value: object, known: Mapping[str, Node]) -> list[Any]:
    """The objects of a value, with what it only refers to (`{"@id": …}`) looked up; texts as they are."""
    given = value if isinstance(value, list) else [value]
    return [known.get(str(one["@id"]), one) if isinstance(one, dict) and "@id" in one else one for one in given[:20]]


def _signatures(value: object, known: Mapping[str, Node], base: str) -> list[Signature]:
    found: list[Signature | None] = []
    for one in _objects(value, known):
        if isinstance(one, str):
            found += [signature(name) for name in split_names(one)]
        elif isinstance(one, dict):
            url = _first(one.get("url")) or (_first(one.get("@id")) if len(one) > 2 else None)
            avatar = next(iter(_pictures(one.get("image"), known, base)), None)
            names = _texts(one.get("name"))
            bio = _first(one.get("description"))
            found += [signature(name, url, avatar.url if avatar else None, base=base, bio=bio) for name in names]
    return [one for one in found if one]


def split_names(text: str) -> list[str]:
    """`By Hanar Dolan, Karo Zozan and Nermin Bekhal` -> three names."""
    bare = re.sub(r"^\s*(?:by|words by|par|por|من|بقلم|نووسینی)\s*:?\s+", "", text, flags=re.IGNORECASE)
    names = re.split(r"\s*(?:,|;|&|،|\band\b|\s+و\s+)\s*", bare)
    return [name for name in names if name.strip()]


def _pictures(value: object, known: Mapping[str, Node], base: str) -> list[Picture]:
    return [one for one in (_picture(each, base) for each in _objects(value, known)) if one]


def _picture(one: object, base: str) -> Picture | None:
    if isinstance(one, str):
        return pictures.picture(one, base)
    if not isinstance(one, dict):
        return None
    address = _first(one.get("url")) or _first(one.get("contentUrl"))
    found = pictures.picture(address, base, width=_size(one.get("width")), height=_size(one.get("height")))
    if found is None:
        return None
    credit = cleaning.cut(cleaning.plain(_first(one.get("creditText"))), 200) or None
    alt = pictures.alternative(_first(one.get("caption")) or _first(one.get("description")))
    return Picture(url=found.url, alt=alt, credit=credit, width=found.width, height=found.height)


def _size(value: object) -> object:
    return value.get("value") if isinstance(value, dict) else value


def _minutes(text: str | None) -> int | None:
    found = _MINUTES.match(text or "")
    if found is None:
        return None
    return int(found["hours"] or 0) * 60 + int(found["minutes"] or 0) or None


def _correction(value: object, known: Mapping[str, Node]) -> str | None:
    said = (_first(one.get("text")) if isinstance(one, dict) else _first(one) for one in _objects(value, known))
    return next((text for text in said if text and not text.startswith("http")), None)
