"""Rules about the plain part (P)."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from mailer.lint.bidi import says
from mailer.lint.finding import Severity, Spot
from mailer.lint.mail import Mail

_ENTITY = re.compile(r"&(?:nbsp|amp|lt|gt|quot|zwnj|shy|#\d{2,6}|#x[0-9a-f]{2,6});", re.IGNORECASE)
_TAG = re.compile(r"</?(?:p|div|table|td|tr|br|span|a|strong|b|h[1-6]|style)\b[^<>]{0,200}>", re.IGNORECASE)
_FILLER = re.compile("(?:\u034f|\u200c\\s|\u00ad\\s?){6,}")
_ARABIC = re.compile("[\u0620-\u064a\u066e-\u06d5]")
_WIDE = 100
_MOST = 300  # links that are looked for in the text, of which `_LOOKED_AT` characters are read
_LOOKED_AT = 200_000
_HEADINGS = frozenset({"h1", "h2", "h3", "h4"})


def says_the_same(mail: Mail) -> Iterator[Spot]:
    """P01. Headlines and links, in their order."""
    if mail.text is None or mail.page is None:
        return
    plain, at = _squeezed(mail.text[:_LOOKED_AT]), 0
    for node in mail.page.links[:_MOST]:
        if node.is_hidden or node.is_silent or not _HEADINGS & set(node.path[:3]) or not node.text:
            continue
        found = plain.find(_squeezed(node.text))
        if found < 0:
            yield Spot("A headline is not in the plain text.", node.where)
        elif found < at and plain.find(_squeezed(node.text), at) < 0:
            yield Spot("A headline has another place in the plain text.", node.where, Severity.WARNING)
        else:
            at = max(at, found)


def has_the_links(mail: Mail) -> Iterator[Spot]:
    """P01."""
    if mail.text is None or mail.page is None:
        return
    targets = dict.fromkeys(
        node.get("href").strip()
        for node in mail.page.links[:_MOST]
        if node.get("href").startswith("https://") and not node.is_hidden and (node.text or node.images)
    )
    text = mail.text[:_LOOKED_AT]
    lacking = [
        url for url in targets if url not in text and html.escape(url) not in text and url.rstrip("/") not in text
    ]
    if lacking:
        words = f"{len(lacking)} of {len(targets)} links are not in the plain text."
        yield Spot(words, lacking[0][:80], None if len(lacking) > 2 else Severity.WARNING)


def reads_well(mail: Mail) -> Iterator[Spot]:
    """P02. RFC 3676: text wrapped near 72, and nothing of the page left in it."""
    if mail.text is None:
        return
    lines = mail.text.splitlines()
    long = [line for line in lines if len(line) > _WIDE and " " in line.strip() and "://" not in line]
    if long and "format=flowed" not in _type_of(mail):
        yield Spot(f"{len(long)} lines of the plain text have over {_WIDE} characters.", long[0][:60], Severity.NOTE)
    for what, pattern in (("an HTML entity", _ENTITY), ("an HTML tag", _TAG), ("filler characters", _FILLER)):
        found = pattern.search(mail.text)
        if found:
            yield Spot(f"The plain text has {what}.", found[0].strip()[:40])


def can_be_left(mail: Mail) -> Iterator[Spot]:
    """P03."""
    if mail.text is None or not mail.is_bulk:
        return
    ways = [*mail.unsubscribe_links[:10], *mail.list_unsubscribe[:10]]
    if ways and not any(way in mail.text for way in ways) and "unsubscri" not in mail.text.lower():
        yield Spot("The plain text has no way to unsubscribe.")


def begins_from_the_right(mail: Mail) -> Iterator[Spot]:
    """P04. Nothing else gives a plain paragraph its direction where it begins with a Latin name."""
    if mail.text is None or mail.page is None or says(mail.page.lang) != "rtl":
        return
    for paragraph in mail.text.replace("\r\n", "\n").split("\n"):
        first = paragraph.lstrip()[:1]
        if re.match(r"[A-Za-z0-9]", first) and "://" not in paragraph and len(_ARABIC.findall(paragraph)) > 8:
            yield Spot("A paragraph from right to left begins with a letter that turns it around.", paragraph[:60])


def _squeezed(text: str) -> str:
    return re.sub("[\\s\u00a0\u200b-\u200f\u2066-\u2069\u034f\u00ad]+", "", text).casefold()


def _type_of(mail: Mail) -> str:
    part = next((each for each in mail.texts if each.type == "text/plain"), None)
    return part.headers.get("content-type").lower() if part else ""
