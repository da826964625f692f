"""Formats of feeds: XML (RSS, RDF, Atom) and JSON Feed. `parse` finds out which one a document is.

`parse` takes bytes and gives plain values: it is run in a child process, because a stranger decides what it reads.
"""

from __future__ import annotations

import re

from articles.entry import NotAFeed, ParsedFeed

_HTML = re.compile(rb"^\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_DECLARED = re.compile(r"(?<=\d[\"'])\s+encoding=[\"'][^\"']*[\"']")
_FEED_LINK = re.compile(
    rb"<link\b[^<>]{0,300}?type=[\"']application/(?:rss\+xml|atom\+xml|feed\+json)[\"'][^<>]{0,300}?>", re.IGNORECASE
)
_HREF = re.compile(rb"href=[\"']([^\"'<>\s]{1,500})[\"']", re.IGNORECASE)


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
        return NotAFeed(detail="The address answers with a web page, not with a feed." + _feeds_named_in(body))
    if not start.startswith(b"<"):
        return NotAFeed(
            detail="The address answers with something that is neither XML nor JSON, so it is not a feed. Check the address."
        )
    from articles.formats import xml_feed

    return xml_feed.parse(body, content_type, url)


def _from_utf16(body: bytes) -> bytes:
    """As UTF-8: the caps on depth look for ASCII brackets, and a feed in UTF-16 would walk around them."""
    text = body.decode("utf-16", "replace")
    return _DECLARED.sub("", text, count=1).encode()


def _feeds_named_in(page: bytes) -> str:
    links = (_HREF.search(link) for link in _FEED_LINK.findall(page[:200_000]))
    named = [link[1].decode("ascii", "replace") for link in links if link][:3]
    if not named:
        return " Look for the site's feed address, often /feed or /rss.xml, and use that."
    return f" The page names its feed: use {' or '.join(named)}."
