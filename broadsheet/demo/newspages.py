"""The sample newsroom's web pages: a front page for each feed, a page for each story."""

from __future__ import annotations

import gettext
import json
from datetime import datetime
from html import escape
from typing import NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from lxml import etree

from articles import cleaning, dates, identity
from articles.entry import Entry, ParsedFeed
from ground.language import Texts, direction

_CONTENT = ("{http://purl.org/rss/1.0/modules/content/}encoded", "{http://www.w3.org/2005/Atom}content")

_STYLE = """
body { margin: 0 auto; padding: 0 20px 60px; max-width: 680px; font: 18px/1.6 Georgia, 'Noto Naskh Arabic', serif; color: #1b1b1b }
a { color: inherit } h1 { line-height: 1.2; font-size: 2.1em; margin: .3em 0 } img { max-width: 100%; height: auto }
.paper { border-bottom: 3px double; padding: 18px 0 10px; margin-bottom: 28px; font-weight: bold; letter-spacing: .02em }
.section, .section-label { color: #9c1c1c; font: bold 14px sans-serif } .meta, .byline { color: #666; font: 14px sans-serif }
.newsletter { background: #f4efe6; padding: 4px 24px 24px; margin-top: 40px }
.newsletter h4 { margin-bottom: 0; letter-spacing: .1em }
.newsletter a { display: inline-block; background: #1b1b1b; color: #fff; padding: 8px 18px; text-decoration: none }
"""


class Story(NamedTuple):
    path: str
    entry: Entry
    paragraphs: list[str]
    paper: str
    language: str


def stories(feed: ParsedFeed, body: bytes) -> list[Story]:
    """The stories of a sample feed with their whole text."""
    texts = _texts(body)
    return [
        Story(
            path=urlsplit(entry.url).path.rstrip("/"),
            entry=entry,
            paragraphs=texts.get(identity.url_key(entry.url), []),
            paper=feed.title or "",
            language=entry.language or feed.language or "en",
        )
        for entry in feed.entries
    ]


def page(story: Story, *, zone: str, now: datetime, newsletter_url: str | None) -> str:
    entry = story.entry
    parts = [f'<div class="section">{escape(entry.section or "")}</div>', f"<h1>{escape(entry.title)}</h1>"]
    parts.append(f'<div class="byline">{escape(", ".join(one.name for one in entry.signatures))}</div>')
    dated = dates.read(entry.published, zone=zone, now=now)
    if dated:
        day = Texts(story.language, gettext.NullTranslations()).date(dated.at.astimezone(ZoneInfo(zone)).date(), "long")
        parts.append(f'<div class="meta"><time datetime="{dated.at.isoformat()}">{escape(day)}</time></div>')
    if entry.picture:
        parts.append(f'<p><img src="{escape(entry.picture.url)}" alt="{escape(entry.picture.alt or "")}"></p>')
    lead = [entry.summary] if entry.summary and entry.summary not in story.paragraphs else []
    parts += [f"<p>{escape(paragraph)}</p>" for paragraph in [*lead, *story.paragraphs]]
    return _sheet(
        entry.title, "\n".join(parts), language=story.language, paper=story.paper, newsletter_url=newsletter_url
    )


def front(feed: ParsedFeed, newsletter_url: str | None) -> str:
    links = [
        f'<p><a href="{escape(entry.url)}"><b>{escape(entry.title)}</b></a><br>{escape(entry.summary or "")}</p>'
        for entry in feed.entries
    ]
    title = feed.title or ""
    return _sheet(title, "\n".join(links), language=feed.language or "en", paper=title, newsletter_url=newsletter_url)


def privacy(newsletter_url: str | None) -> str:
    words = (
        "<h1>Privacy</h1><p>For the newsletter we keep your email address and when and how you agreed to it. We pass "
        "neither on, and we do not look at who opens what. One click in any issue ends it.</p>"
    )
    return _sheet("Privacy", words, language="en", paper="The Zagros Courier", newsletter_url=newsletter_url)


def dressed(document: str, newsletter_url: str | None) -> str:
    """A shipped page, which has no style of its own, in the newsroom's style, with the sign-up box where it has none."""
    document = document.replace("</head>", f"<style>{_STYLE}</style></head>", 1)
    if 'class="newsletter"' in document:
        return document
    return document.replace("</body>", _box(newsletter_url) + "</body>", 1)


def _sheet(title: str, content: str, *, language: str, paper: str, newsletter_url: str | None) -> str:
    return (
        f'<!doctype html>\n<html lang="{language}" dir="{direction(language)}">\n<head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n"
        f'<body><div class="paper">{escape(paper)}</div>\n{content}\n{_box(newsletter_url)}</body></html>'
    )


def _box(newsletter_url: str | None) -> str:
    if newsletter_url is None:
        return ""
    return (
        '<div class="newsletter" lang="en" dir="ltr"><h4>NEWSLETTER</h4><p>Get the latest updates delivered to your inbox.</p>'
        f'<a href="{escape(newsletter_url)}">Sign up</a></div>'
    )


def _texts(body: bytes) -> dict[str, list[str]]:
    """The text of every story of our own sample feeds, by its url_key."""
    if body.startswith(b"{"):
        return {
            identity.url_key(item["url"]): cleaning.paragraphs(item.get("content_html") or item.get("content_text"))
            for item in json.loads(body)["items"]
        }
    texts = {}
    for item in etree.fromstring(body, etree.XMLParser(resolve_entities=False)).iter("{*}item", "{*}entry"):
        link = item.find("{http://www.w3.org/2005/Atom}link[@rel='alternate']")
        url = link.get("href") if link is not None else item.findtext("link")
        content = next((found for tag in _CONTENT if (found := item.find(tag)) is not None), None)
        if url and content is not None:
            markup = content.text if not len(content) else etree.tostring(content, encoding="unicode")
            paragraphs = cleaning.paragraphs(markup)
            texts[identity.url_key(url)] = [text for text in paragraphs if "appeared first on" not in text]
    return texts
