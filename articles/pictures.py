"""Which picture of an entry goes into a letter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import nh3

from articles import cleaning, identity
from articles.entry import Picture

SMALLEST = 300  # pixels; below are icons, avatars, thumbnails and tracking pixels

#: What a page shows until its script has fetched the picture itself.
_BLANK = re.compile(r"/(?:blank|spacer|pixel|transparent|clear|1x1)(?:[_-]\w+)?\.(?:gif|png|svg)$", re.IGNORECASE)
_ATTRIBUTES = {"src", "data-src", "data-lazy-src", "srcset", "data-srcset", "alt", "width", "height"}


def choose(offered: Sequence[Picture], in_text: Sequence[Picture]) -> Picture | None:
    """The first picture that is large enough: those the feed offers come before those in the text.

    What the offered one lacks (alternative text, size) is taken from the same picture in the text.
    """
    for picture in (*offered, *in_text):
        completed = _complete(picture, in_text)
        if _is_large(completed):
            return completed
    return None


def in_markup(markup: str | None, base: str) -> list[Picture]:
    """The pictures of an HTML fragment, absolute, with what lazy loading hides in data-src and srcset."""
    if not markup or "<img" not in markup.lower():
        return []
    cleaned = nh3.clean(
        cleaning.flatten(markup),
        tags={"img"},
        clean_content_tags={"script", "style", "iframe", "template", "svg", "form"},
        attributes={"*": set(), "img": set(_ATTRIBUTES)},
        link_rel=None,
    )
    reader = _Images()
    reader.feed(cleaned)
    reader.close()
    pictures = (_from_attributes(attributes, base) for attributes in reader.found)
    return [picture for picture in pictures if picture]


def picture(url: str | None, base: str, *, width: object = None, height: object = None) -> Picture | None:
    """A picture at `url` (made absolute), or None when that is no http(s) address."""
    if not url or url.strip().lower().startswith("data:"):
        return None
    try:
        link = identity.clean_link(urljoin(base, url.strip()))
    except ValueError:
        return None
    if link is None or _BLANK.search(urlsplit(link).path):
        return None
    return Picture(url=link, width=_pixels(width), height=_pixels(height))


class _Images(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.found.append({name: value or "" for name, value in attrs})


def _from_attributes(attributes: dict[str, str], base: str) -> Picture | None:
    sources = (
        attributes.get("data-src"),
        attributes.get("data-lazy-src"),
        attributes.get("src"),
        _largest(attributes.get("data-srcset") or attributes.get("srcset") or ""),
    )
    for source in sources:
        found = picture(source, base, width=attributes.get("width"), height=attributes.get("height"))
        if found:
            return replace(found, alt=alternative(attributes.get("alt")))
    return None


def alternative(text: str | None) -> str | None:
    """Alternative text, unless it is only a file name."""
    line = cleaning.cut(cleaning.plain(text), 300)
    if not line or (" " not in line and line.lower().endswith((".png", ".jpg", ".jpeg", ".webp", ".gif"))):
        return None
    return line


def _largest(srcset: str) -> str | None:
    candidates = (candidate.split() for candidate in srcset.split(", "))
    sized = [(_pixels(parts[1].rstrip("wx")) or 0, parts[0]) for parts in candidates if len(parts) == 2]
    return max(sized)[1] if sized else None


def _complete(picture: Picture, others: Iterable[Picture]) -> Picture:
    for other in others:
        if _path(other.url) == _path(picture.url):
            return replace(
                picture,
                alt=picture.alt or other.alt,
                width=picture.width or other.width,
                height=picture.height or other.height,
            )
    return picture


def _path(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.netloc, parts.path


def _is_large(picture: Picture) -> bool:
    if picture.width is not None:
        return picture.width >= SMALLEST
    return picture.height is None or picture.height >= SMALLEST // 2


def _pixels(value: object) -> int | None:
    text = str(value or "").strip().removesuffix("px").split(".")[0]
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else None
