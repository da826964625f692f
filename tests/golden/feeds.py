"""The golden letters' feeds: the sample newsroom's stories, told again by a feed of each kind that a letter must hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from articles.entry import Entry, ParsedFeed
from articles.formats import parse

CORPUS = Path(__file__).parent.parent / "corpus" / "feeds"
STORIES = {"en": "01-rss-media.xml", "ar": "05-rss-arabic.xml", "ckb": "06-rss-sorani.xml"}
_NAMES = {"en": "The Zagros Courier", "ar": "بريد زاغروس", "ckb": "پۆستەی زاگرۆس"}
MORE = {
    "en": " The council had promised it for years, and many had stopped believing in it; on Monday it was there.",
    "ar": " وكان المجلس قد وعد به منذ سنوات طويلة حتى توقف كثيرون عن تصديقه، وفي صباح الاثنين كان هناك.",
    "ckb": " ئەنجوومەن ساڵانێک بوو بەڵێنی دابوو، زۆر کەس باوەڕیان پێی نەمابوو، بەڵام دووشەممە لەوێ بوو.",
}
#: What somebody who wants to break the letter would write into a headline, a summary, a name, an address.
HOSTILE = (
    "<script>alert(1)</script><style>*{display:none}</style>",
    "\u202egnp.exe\u202d turned \u2066around",
    "{{ field('unsubscribe_url') }} {% raw %} zz0123456789abcdef-unsubscribe_url-zz",
    "</td></tr></table><!-- --><![endif]--> \"'><img src=x onerror=alert(1)>",
    "Rain.\r\nBcc: everybody@example.org\r\n.\r\nQUIT",
    "&lt;iframe src=javascript:alert(1)&gt; &amp;#x202e; \x92smart\x93 \x00 None",
    "W" * 400,
)

Item = dict[str, Any]


def feed(language: str, case: str) -> bytes:
    """The feed's document, as its server would answer."""
    items = [_item(entry, number) for number, entry in enumerate(_entries(language), 1)]
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": _NAMES[language],
        "home_page_url": "https://zagroscourier.example/",
        "language": language,
        "items": CASES[case](items, language),
    }
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _entries(language: str) -> Sequence[Entry]:
    parsed = parse((CORPUS / STORIES[language]).read_bytes(), None, "https://zagroscourier.example/feed")
    assert isinstance(parsed, ParsedFeed)
    return sorted(parsed.entries, key=lambda entry: entry.guid)


def _item(entry: Entry, number: int) -> Item:
    picture = entry.picture
    words = f"<p>{entry.summary}</p>"
    if picture is not None:
        words += f'<img src="{picture.url}" alt="{picture.alt or entry.title}" width="1200" height="630">'
    return {
        "id": entry.guid,
        "url": entry.url,
        "title": entry.title,
        "summary": entry.summary,
        "content_html": words * 3,
        "image": picture.url if picture else None,
        "authors": [{"name": signature.name} for signature in entry.signatures],
        "tags": [entry.section, *entry.tags],
        # An hour apart, whatever the sample says: a letter's order is then its stories' own.
        "date_published": f"2026-03-09T{max(0, 6 - number // 4):02}:{59 - number:02}:00+03:00",
    }


def _short(items: list[Item], language: str) -> list[Item]:
    del language
    return items[:4]


def _long(items: list[Item], language: str) -> list[Item]:
    return [item | {"summary": f"{item['summary']}{MORE[language]}"} for item in items]


def _no_image(items: list[Item], language: str) -> list[Item]:
    del language
    return [item | {"image": None, "content_html": f"<p>{item['summary']}</p>"} for item in items[:5]]


def _paywall(items: list[Item], language: str) -> list[Item]:
    del language
    return [item | {"_courier": {"paywalled": number % 2 == 0}} for number, item in enumerate(items[:5])]


def _hostile(items: list[Item], language: str) -> list[Item]:
    del language
    return [_poisoned(item, words) for item, words in zip(items, HOSTILE, strict=False)]


def _poisoned(item: Item, words: str) -> Item:
    return item | {
        "title": f"{item['title']} {words}",
        "summary": f"{words} {item['summary']} {words}",
        "content_html": f"{words}<p onclick=x()>{item['summary']}</p><img src='data:image/png;base64,AAAA'>",
        "url": f"{item['url']}?q={words[:40]}",
        "image": "javascript:alert(1)" if "script" in words else item["image"],
        "authors": [{"name": words}],
        "tags": [words, words],
    }


CASES: dict[str, Callable[[list[Item], str], list[Item]]] = {
    "short": _short,
    "long": _long,
    "no-image": _no_image,
    "paywall": _paywall,
    "hostile": _hostile,
}
