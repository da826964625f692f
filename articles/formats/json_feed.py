"""JSON Feed 1.0 and 1.1 (jsonfeed.org/version/1.1).

{"version": "https://jsonfeed.org/version/1.1", "title": …, "items": [{"id": …, "url": …, "content_html": …}]}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from articles import cleaning, pictures
from articles.entry import NotAFeed, ParsedFeed, Picture, Signature
from articles.formats.raw import RawEntry, Text, clean, language_tag, signature

_MOST_ENTRIES = 500


def parse(body: bytes, url: str) -> ParsedFeed | NotAFeed:
    try:
        feed = json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as problem:
        return NotAFeed(detail=f"The address answers with JSON that is broken ({str(problem)[:100]}).")
    if not isinstance(feed, dict) or "jsonfeed.org/version/" not in _text(feed, "version"):
        return NotAFeed(detail="The address answers with JSON that is not a JSON Feed: it has no jsonfeed.org version.")
    items = [item for item in _list(feed, "items") if isinstance(item, dict)][:_MOST_ENTRIES]
    language = language_tag(_text(feed, "language"))
    entries = [clean(_raw(item, feed, url)) for item in items]
    return ParsedFeed(
        title=cleaning.headline(_text(feed, "title"), is_markup=False)[:300] or None,
        site_url=_text(feed, "home_page_url")[:2000] or None,
        language=language,
        entries=tuple(entry for entry in entries if entry),
        unusable=sum(entry is None for entry in entries),
        next_url=_text(feed, "next_url") or None,
    )


def _raw(item: Mapping[str, Any], feed: Mapping[str, Any], url: str) -> RawEntry:
    tags = [tag for tag in _list(item, "tags") if isinstance(tag, str)]
    link = _text(item, "url") or _text(item, "external_url")
    markup = _text(item, "content_html")
    return RawEntry(
        base=link or _text(feed, "home_page_url") or url,
        guid=_text(item, "id") or None,
        link=link,
        title=Text(value=_text(item, "title"), is_markup=False),
        summary=Text(value=_text(item, "summary"), is_markup=False),
        content=Text(value=markup or _text(item, "content_text"), is_markup=bool(markup)),
        # JSON Feed has no section; newsrooms put it first among the tags.
        section=tags[0] if tags else None,
        tags=tags[1:],
        language=_text(item, "language") or _text(feed, "language") or None,
        signatures=_signatures(item, url) or _signatures(feed, url),
        pictures=_pictures(item, url),
        published=_text(item, "date_published") or None,
        updated=_text(item, "date_modified") or None,
        **_extension(item),
    )


def _signatures(holder: Mapping[str, Any], base: str) -> list[Signature]:
    """1.1 has `authors`, 1.0 had one `author`."""
    given = _list(holder, "authors") or [holder.get("author")]
    people = [person for person in given if isinstance(person, dict)]
    read = [signature(_text(one, "name"), _text(one, "url"), _text(one, "avatar"), base=base) for one in people]
    return [one for one in read if one]


def _pictures(item: Mapping[str, Any], base: str) -> list[Picture]:
    offered = [pictures.picture(_text(item, key), base) for key in ("image", "banner_image")]
    attached = [one for one in _list(item, "attachments") if isinstance(one, dict)]
    images = [one for one in attached if _text(one, "mime_type").startswith("image/")]
    offered += [pictures.picture(_text(one, "url"), base) for one in images]
    return [one for one in offered if one]


def _extension(item: Mapping[str, Any]) -> dict[str, Any]:
    """What newsrooms add under a name of their own ("Extensions": an object whose key begins with an underscore)."""
    found: dict[str, Any] = {}
    for key, extra in item.items():
        if not key.startswith("_") or not isinstance(extra, dict):
            continue
        if extra.get("paywalled") is True:
            found["paywalled"] = True
        words = extra.get("word_count")
        if isinstance(words, int) and not isinstance(words, bool) and 0 < words < 1_000_000:
            found["word_count"] = words
        if _text(extra, "correction"):
            found["correction"] = _text(extra, "correction")
    return found


def _text(holder: Mapping[str, Any], key: str) -> str:
    value = holder.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # ids are numbers in some feeds
    return value if isinstance(value, str) else ""


def _list(holder: Mapping[str, Any], key: str) -> list[Any]:
    value = holder.get(key)
    return value if isinstance(value, list) else []
