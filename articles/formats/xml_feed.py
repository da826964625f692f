"""RSS 0.9x to 2.0, RDF and Atom, through feedparser.

feedparser is only ever given bytes: handed a string it would open it as a path or an address. Its dates are not used
(`articles.dates`), nor its sanitiser (`articles.cleaning`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import feedparser

from articles import cleaning, pictures
from articles.entry import NotAFeed, ParsedFeed, Picture, Signature
from articles.formats import media
from articles.formats.raw import RawEntry, Text, clean, language_tag, signature

_MOST_ENTRIES = 500
_DEPTH = 100
_CDATA = re.compile(rb"<!\[CDATA\[.*?\]\]>", re.DOTALL)
_ENTRY = re.compile(rb"<(?:item|entry)(?=[\s>/])")
_TAG = re.compile(rb"<(/?)[A-Za-z_][^<>]*?(/?)>")


def parse(body: bytes, content_type: str | None, url: str) -> ParsedFeed | NotAFeed:
    body = _shortened(body)
    if _is_too_deep(body):
        return NotAFeed(
            detail=f"The document's elements are nested more than {_DEPTH} deep; no feed is. It was not read."
        )
    headers = {"content-type": content_type or "application/xml", "content-location": url}
    read = feedparser.parse(body, response_headers=headers, sanitize_html=False, resolve_relative_uris=False)
    if not read.get("version"):
        return NotAFeed(detail=f"The address answers with XML that is not a feed{_why(read)}. Check the address.")
    language = language_tag(read.feed.get("language"))
    found = read.entries[:_MOST_ENTRIES]
    offered = media.read(body, entries=len(read.entries))
    entries = [
        # A plain dict: feedparser's own answers for a missing date with another one, and warns about it.
        clean(_raw(dict(entry), offered[number] if offered else [], url=url, language=language))
        for number, entry in enumerate(found)
    ]
    return ParsedFeed(
        title=_headline(read.feed, "title")[:300] or None,
        site_url=(read.feed.get("link") or "")[:2000] or None,
        language=language,
        entries=tuple(entry for entry in entries if entry),
        unusable=sum(entry is None for entry in entries),
        next_url=_next(read.feed.get("links") or []),
    )


def _next(links: Sequence[Mapping[str, Any]]) -> str | None:
    """Where an archived or paged feed goes on (RFC 5005)."""
    return next((str(link.get("href") or "")[:2000] or None for link in links if link.get("rel") == "next"), None)


def _shortened(body: bytes) -> bytes:
    """The document with its first entries only: a million of them are not parsed to be thrown away."""
    starts = (found.start() for found in _ENTRY.finditer(body))
    cut = next(islice(starts, _MOST_ENTRIES, None), None)
    if cut is None:
        return body
    last = max(body.rfind(b"</item>"), body.rfind(b"</entry>"))
    rest = body[body.index(b">", last) + 1 :] if last > cut else b""
    return body[:cut] + rest


def _is_too_deep(body: bytes) -> bool:
    depth = 0
    for found in _TAG.finditer(_CDATA.sub(b"", body)):
        closing, empty = found.groups()
        if not empty:
            depth = max(depth - 1, 0) if closing else depth + 1
            if depth > _DEPTH:
                return True
    return False


def _why(read: Mapping[str, Any]) -> str:
    problem = read.get("bozo_exception")
    return f" ({str(problem)[:100]})" if problem else ""


def _raw(entry: Mapping[str, Any], offered: Sequence[Picture], *, url: str, language: str | None) -> RawEntry:
    section, tags = _sections(entry.get("tags") or [])
    content = (entry.get("content") or [{}])[0]
    base = entry.get("title_detail", {}).get("base") or url
    return RawEntry(
        base=base,
        guid=entry.get("id"),
        link=entry.get("link"),
        title=_text(entry.get("title_detail")),
        summary=Text(value=entry.get("summary") or "", is_markup=True),
        content=_text(content),
        content_base=content.get("base"),
        section=section,
        tags=tags,
        language=content.get("language") or language,
        signatures=_signatures(entry, base),
        pictures=_pictures(entry, offered, base),
        published=entry.get("published") or entry.get("created") or entry.get("updated"),
        updated=entry.get("updated"),
    )


def _text(detail: Mapping[str, Any] | None) -> Text:
    if not detail:
        return Text()
    return Text(value=detail.get("value") or "", is_markup=detail.get("type") != "text/plain")


def _headline(holder: Mapping[str, Any], name: str) -> str:
    text = _text(holder.get(f"{name}_detail"))
    return cleaning.headline(text.value, is_markup=text.is_markup)


def _sections(tags: Sequence[Mapping[str, Any]]) -> tuple[str | None, list[str]]:
    """The section and the tags. A scheme tells them apart where there is one; else the first category is the section."""
    by_scheme = [tag for tag in tags if "section" in (tag.get("scheme") or "").lower()]
    plain = [tag for tag in tags if not tag.get("scheme")]
    chosen = next(iter(by_scheme or plain), None)
    rest = [str(tag.get("term") or "") for tag in tags if tag is not chosen]
    return (chosen.get("label") or chosen.get("term"), rest) if chosen else (None, rest)


def _signatures(entry: Mapping[str, Any], base: str) -> list[Signature]:
    read = [signature(one.get("name"), one.get("href"), base=base) for one in entry.get("authors") or []]
    return [one for one in read if one]


def _pictures(entry: Mapping[str, Any], offered: Sequence[Picture], base: str) -> list[Picture]:
    """Media RSS first, then enclosures, then thumbnails."""
    links = [link for link in entry.get("links") or [] if link.get("rel") == "enclosure"]
    images = [link for link in links if str(link.get("type") or "").startswith("image/")]
    found: list[Picture | None] = [*offered, *(pictures.picture(link.get("href"), base) for link in images)]
    for thumbnail in entry.get("media_thumbnail") or []:
        width = thumbnail.get("width") or "1"  # one that does not say how large it is, is small
        found += [pictures.picture(thumbnail.get("url"), base, width=width, height=thumbnail.get("height"))]
    return [one for one in found if one]
