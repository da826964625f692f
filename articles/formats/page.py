"""An article's own page: read for what a feed lacks, or taken as a source of its own.

JSON-LD is believed before OpenGraph, and OpenGraph before what stands on the page: the first is written for machines by
the newsroom's system, the last is written for people.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from lxml import etree
from lxml import html as markup
from lxml.html import HtmlElement

from articles import cleaning, identity, pictures
from articles.entry import Entry, Kind, ParsedFeed, Picture
from articles.formats import linked_data, visible
from articles.formats.page_facts import PageFacts
from articles.formats.raw import RawEntry, Text, clean, language_tag, signature

_LONGEST = 3 * 1024 * 1024
_DEEPEST = 400
_CHARSET = re.compile(rb"<meta[^<>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{2,40})", re.IGNORECASE)
_FEWEST_LETTERS = 120  # of a story that nothing but its looks calls one


def parse(body: bytes, content_type: str | None, url: str) -> ParsedFeed | None:
    """The story of a page, or the stories that a page describes one by one; None where there is none."""
    root = _tree(body, content_type)
    if root is None:
        return None
    base = _base(root, url)
    described = linked_data.articles(_blocks(root), base)
    own, graph = _own(described, root, base, url), _open_graph(root, base)
    if own is None and len(described) > 1 and not _is_story(root, graph):
        entries = [_entry(each, base, root=None) for each in described]
    else:
        seen = visible.facts(root, base)
        facts = (own or PageFacts()).or_else(graph).or_else(seen)
        is_story = own is not None or _is_story(root, graph) or _looks_like_one(root, seen)
        entries = [_entry(facts, base, root=root, address=_canonical(root, base, url) or url)] if is_story else []
    found = tuple(entry for entry in entries if entry)
    return (
        ParsedFeed(title=_site(root), site_url=None, language=_language(root), entries=found, kind=Kind.PAGE)
        if found
        else None
    )


def _tree(body: bytes, content_type: str | None) -> HtmlElement | None:
    body = body[:_LONGEST]
    # libxml2 gives up at a depth of its own only after having built it; a page made to be deep is not read.
    if body.count(b"<div") > 30_000 or cleaning.is_deep(body[:_LONGEST].decode("latin-1"), _DEEPEST):
        return None
    try:
        parser = markup.HTMLParser(encoding=_encoding(body, content_type), no_network=True, remove_comments=True)
        root = markup.document_fromstring(body, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, LookupError, ValueError):
        return None
    return root


def _encoding(body: bytes, content_type: str | None) -> str:
    named = re.search(r"charset=\s*[\"']?([\w:.-]+)", content_type or "", re.IGNORECASE)
    said = _CHARSET.search(body[:4096])
    if named or said:
        name = named[1] if named else said[1].decode() if said else ""
        return {"windows-1256": "cp1256", "utf8": "utf-8"}.get(name.lower(), name.lower())
    try:
        body[:100_000].decode("utf-8")
    except UnicodeDecodeError as problem:
        return "windows-1252" if problem.start < min(len(body), 100_000) - 4 else "utf-8"
    return "utf-8"


def _base(root: HtmlElement, url: str) -> str:
    given = root.find(".//base")
    try:
        return urljoin(url, (given.get("href") or "").strip()) if given is not None else url
    except ValueError:
        return url


def _blocks(root: HtmlElement) -> list[str]:
    scripts = root.xpath("//script[contains(@type, 'ld+json')]")
    return [one.text_content()[:500_000] for one in scripts[:30]]


def _own(described: Sequence[PageFacts], root: HtmlElement, base: str, url: str) -> PageFacts | None:
    """The one of the articles described that this page is about."""
    here = {identity.url_key(each) for each in (_canonical(root, base, url), url) if each}
    for facts in described:
        if facts.url and identity.url_key(urljoin(base, facts.url)) in here:
            return facts
    return described[0] if len(described) == 1 and _names_here(described[0], here, base) else None


def _names_here(facts: PageFacts, here: set[str], base: str) -> bool:
    return (
        facts.url is None
        or identity.url_key(urljoin(base, facts.url)) in here
        or not urlsplit(facts.url).path.strip("/")
    )


def _canonical(root: HtmlElement, base: str, url: str) -> str | None:
    """The address that the page calls its own. A front page named by a story is a mistake of its template."""
    named = root.xpath("//link[@rel='canonical']/@href") + root.xpath("//meta[@property='og:url']/@content")
    for each in named:
        try:
            found = identity.clean_link(urljoin(base, each.strip()))
        except ValueError:
            continue
        if found and (urlsplit(found).path.strip("/") or not urlsplit(url).path.strip("/")):
            return found
    return None


def _meta(root: HtmlElement, *names: str) -> list[str]:
    found = []
    for name in names:
        found += root.xpath("//meta[@property=$name or @name=$name]/@content", name=name)
    return [text.strip() for text in found if text.strip()]


def _open_graph(root: HtmlElement, base: str) -> PageFacts:
    def first(*names: str) -> str | None:
        return next(iter(_meta(root, *names)), None)

    writers = [name for name in _meta(root, "author", "article:author") if "://" not in name]
    signed = (signature(each) for name in writers[:5] for each in linked_data.split_names(name))
    return PageFacts(
        title=first("og:title", "twitter:title"),
        summary=first("og:description", "description", "twitter:description"),
        section=first("article:section"),
        tags=_meta(root, "article:tag"),
        language=_language(root) or first("og:locale"),
        signatures=[one for one in signed if one],
        pictures=[one for one in [_graph_picture(root, base)] if one],
        published=first("article:published_time", "datePublished", "parsely-pub-date", "dc.date.issued", "pubdate"),
        updated=first("article:modified_time", "og:updated_time"),
    )


def _graph_picture(root: HtmlElement, base: str) -> Picture | None:
    address, *_ = [*_meta(root, "og:image", "og:image:url", "og:image:secure_url", "twitter:image"), ""]
    width, *_ = [*_meta(root, "og:image:width"), None]
    height, *_ = [*_meta(root, "og:image:height"), None]
    found = pictures.picture(address, base, width=width, height=height)
    alt = next(iter(_meta(root, "og:image:alt", "twitter:image:alt")), None)
    return replace(found, alt=pictures.alternative(alt)) if found else None


def _is_story(root: HtmlElement, graph: PageFacts) -> bool:
    return "article" in _meta(root, "og:type") or (bool(_meta(root, "article:published_time")) and bool(graph.title))


def _looks_like_one(root: HtmlElement, seen: PageFacts) -> bool:
    """One headline, a date, and paragraphs: no front page has them alike."""
    heads = [one for one in root.iter("h1") if cleaning.plain(one.text_content())]
    return len(heads) == 1 and seen.published is not None and sum(map(len, visible.paragraphs(root))) >= _FEWEST_LETTERS


def _entry(facts: PageFacts, base: str, *, root: HtmlElement | None, address: str | None = None) -> Entry | None:
    content, alternates = ("", []) if root is None else (_content(root), _alternates(root, base))
    link = address or facts.url
    return clean(
        RawEntry(
            base=base,
            guid=None,
            link=link,
            title=Text(value=html.unescape(facts.title or ""), is_markup=False),
            summary=Text(value=html.unescape(facts.summary or ""), is_markup=False),
            content=Text(value=content),
            section=facts.section,
            tags=facts.tags,
            language=facts.language,
            signatures=facts.signatures,
            pictures=facts.pictures,
            published=facts.published,
            updated=facts.updated,
            word_count=facts.word_count,
            reading_minutes=facts.reading_minutes,
            paywalled=facts.paywalled,
            correction=facts.correction,
            alternates=alternates,
        )
    )


def _content(root: HtmlElement) -> str:
    """The story's paragraphs and images alone, as a fragment that goes the way of every feed's."""
    texts = "".join(f"<p>{html.escape(text)}</p>" for text in visible.paragraphs(root)[:300])
    shown = [etree.tostring(one, encoding="unicode", with_tail=False) for one in visible.images(root)]
    return "".join(shown[:20]) + texts


def _alternates(root: HtmlElement, base: str) -> list[str]:
    return [
        urljoin(base, each) for each in root.xpath("//link[@rel='alternate'][@hreflang]/@href")[:20] if "[" not in each
    ]


def _language(root: HtmlElement) -> str | None:
    return language_tag(root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang"))


def _site(root: HtmlElement) -> str | None:
    title = root.find(".//title")
    names = [*_meta(root, "og:site_name"), title.text_content() if title is not None else ""]
    return cleaning.cut(cleaning.plain(names[0]), 300) or None
