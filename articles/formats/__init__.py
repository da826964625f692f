"""Formats of sources: XML (RSS, RDF, Atom), JSON Feed, news sitemaps and articles' own pages. `parse` finds out which one
a document is.

`parse` takes bytes and gives plain values: it is run in a child process, because a stranger decides what it reads.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urljoin

from articles import identity
from articles.entry import NamedFeed, NotAFeed, ParsedFeed

_HTML = re.compile(rb"^\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_SITEMAP = re.compile(rb"<(?:[a-z]+:)?(?:urlset|sitemapindex)\b", re.IGNORECASE)
_DECLARED = re.compile(r"(?<=\d[\"'])\s+encoding=[\"'][^\"']*[\"']")
_LINK = re.compile(rb"<link\b[^<>]{0,1000}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([a-z]+)\s*=\s*(?:"([^"]{0,900})"|'([^']{0,900})'|([^\s"'<>]{1,900}))""", re.IGNORECASE)
_FEED_TYPES = frozenset({"application/rss+xml", "application/atom+xml", "application/feed+json"})
_MOST_NAMED = 5


def parse(body: bytes, content_type: str | None, url: str) -> ParsedFeed | NotAFeed:
    """Read a feed's document. `content_type` is the header's value (its charset counts), `url` where the body came from.

    The bytes decide, not the content type: feeds are served as text/html and pages as application/xml.
    """
    if body.startswith((b"\xfe\xff", b"\xff\xfe")):
        body, content_type = _from_utf16(body), None
    start = body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        return NotAFeed(detail="The address answers with nothing at all.")
    if start.startswith(b"{"):
        from articles.formats import json_feed

        return json_feed.parse(body, url)
    if _HTML.match(start):
        return _page(body, content_type, url)
    if not start.startswith(b"<"):
        return NotAFeed(
            detail="The address answers with something that is neither XML nor JSON, so it is not a feed. Check the address."
        )
    if _SITEMAP.search(body[:4096]):
        from articles.formats import sitemap

        return sitemap.parse(body, url)
    from articles.formats import xml_feed

    return xml_feed.parse(body, content_type, url)


def _from_utf16(body: bytes) -> bytes:
    """As UTF-8: the caps on depth look for ASCII brackets, and a feed in UTF-16 would walk around them."""
    text = body.decode("utf-16", "replace")
    return _DECLARED.sub("", text, count=1).encode()


def _page(body: bytes, content_type: str | None, url: str) -> ParsedFeed | NotAFeed:
    """The story of an article's page; of any other page, the feeds that it names."""
    from articles.formats import page

    named = tuple(_feeds_named_in(body[:200_000], url))[:_MOST_NAMED]
    story = page.parse(body, content_type, url)
    if story is not None:
        return replace(story, feeds=named)
    advice = "Look for the site's feed address, often /feed or /rss.xml, and use that."
    if named:
        advice = f"The page names its feed: use {' or '.join(feed.url for feed in named[:3])}."
    return NotAFeed(detail=f"The address answers with a web page, not with a feed. {advice}", feeds=named, is_page=True)


def _feeds_named_in(page: bytes, url: str) -> Iterator[NamedFeed]:
    known = set()
    for link in _LINK.findall(page):
        pairs = _ATTRIBUTE.findall(link.decode("utf-8", "replace"))
        attributes = {name.lower(): html.unescape(double or single or bare) for name, double, single, bare in pairs}
        if attributes.get("type", "").lower() not in _FEED_TYPES:
            continue
        address = _absolute(attributes.get("href", ""), url)
        if address is not None and address not in known:
            known.add(address)
            yield NamedFeed(url=address, title=attributes.get("title", "").strip()[:120] or None)


def _absolute(href: str, url: str) -> str | None:
    try:
        return identity.clean_link(urljoin(url, href.strip())) if href.strip() else None
    except ValueError:
        return None
