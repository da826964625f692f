"""News sitemaps: addresses with headline and date, and nothing more; the articles' pages say the rest.

<url><loc>https://courier.example/bridge</loc>
  <news:news><news:publication><news:name>Courier</news:name><news:language>en</news:language></news:publication>
    <news:publication_date>2026-03-09T06:05:00+03:00</news:publication_date><news:title>Bridge open</news:title></news:news>
  <image:image><image:loc>https://courier.example/bridge.png</image:loc></image:image></url>

https://www.sitemaps.org/protocol.html, https://www.google.com/schemas/sitemap-news/0.9
"""

from __future__ import annotations

from lxml import etree

from articles import cleaning, pictures
from articles.entry import Kind, NamedFeed, NotAFeed, ParsedFeed
from articles.formats.raw import RawEntry, Text, clean, language_tag

_MOST_ENTRIES = 500


def parse(body: bytes, url: str) -> ParsedFeed | NotAFeed:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True)
    root = etree.fromstring(body, parser)
    if root is None:
        return NotAFeed(detail="The address answers with a sitemap that is broken.")
    if etree.QName(root).localname == "sitemapindex":
        return NotAFeed(
            detail="The address answers with a list of sitemaps. Use the one for news, if there is one.",
            feeds=tuple(
                NamedFeed(url=each) for each in sorted(_locations(root), key=lambda each: "news" not in each)[:5]
            ),
        )
    found = [clean(raw) for raw in (_raw(one, url) for one in list(root.iter("{*}url"))[:_MOST_ENTRIES]) if raw]
    if not found:
        return NotAFeed(
            detail="The address answers with a sitemap that names no news: its entries have no headlines. Use the "
            "site's feed or its news sitemap."
        )
    name = root.findtext(".//{*}publication/{*}name")
    return ParsedFeed(
        title=cleaning.cut(cleaning.plain(name), 300) or None,
        site_url=None,
        language=language_tag(root.findtext(".//{*}publication/{*}language")),
        entries=tuple(entry for entry in found if entry),
        unusable=sum(entry is None for entry in found),
        kind=Kind.SITEMAP,
    )


def _locations(root: etree._Element) -> list[str]:
    return [text.strip() for text in (one.findtext("{*}loc") for one in root.iter("{*}sitemap")) if text]


def _raw(one: etree._Element, url: str) -> RawEntry | None:
    news = one.find("{*}news")
    if news is None:
        return None
    pieces = [pictures.picture(each.findtext("{*}loc"), url) for each in one.iter("{*}image")]
    keywords = news.findtext("{*}keywords") or ""
    return RawEntry(
        base=url,
        link=one.findtext("{*}loc"),
        title=Text(value=news.findtext("{*}title") or "", is_markup=False),
        language=news.findtext("{*}publication/{*}language"),
        tags=[word.strip() for word in keywords.split(",")],
        pictures=[each for each in pieces if each],
        published=news.findtext("{*}publication_date"),
        updated=one.findtext("{*}lastmod"),
        alternates=[each.get("href") or "" for each in one.iter("{*}link") if each.get("hreflang")],
    )
