"""Articles' own pages and news sitemaps: what is read from each voice of a page, and what is no story."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from articles.entry import Entry, Kind, NotAFeed, ParsedFeed
from articles.formats import parse
from tests.bounded import processor_time

PAGES = Path(__file__).parent.parent / "corpus" / "pages"
URL = "https://zeryan.example/town/bridge"
WORDS = "The bridge over the river is open again after two years of work, the council said on Monday. " * 3


def page(body: str, head: str = "", *, attributes: str = 'lang="en"') -> bytes:
    return (
        f"<!doctype html><html {attributes}><head><title>Zeryan</title>{head}</head><body>{body}</body></html>".encode()
    )


def story(body: bytes, url: str = URL) -> Entry:
    parsed = parse(body, "text/html; charset=utf-8", url)
    assert isinstance(parsed, ParsedFeed), parsed
    assert parsed.kind is Kind.PAGE
    assert len(parsed.entries) == 1
    return parsed.entries[0]


def linked(data: object) -> str:
    return f'<script type="application/ld+json">{json.dumps(data)}</script>'


def test_a_page_without_any_metadata_is_read_as_a_reader_sees_it() -> None:
    found = story((PAGES / "seed-shaped-article.html").read_bytes(), "https://zagroscourier.example/news/x")
    (author,) = found.signatures
    assert found.picture is not None
    assert {
        "url": found.url,
        "section": found.section,
        "title": found.title,
        "author": author.name,
        "page": author.url,
        "face": author.avatar_url,
        "bio": author.bio,
        "published": found.published,
        "minutes": found.reading_minutes,
        "alt": found.picture.alt,
        "image": found.picture.url,
    } == {
        "url": "https://zagroscourier.example/news/tavgah-pumping-station",
        "section": "News",
        "title": "Rubar Water Office brings Tavgah pumping station back into service",
        "author": "Hanar Dolan",
        "page": "https://zagroscourier.example/authors/hanar",
        "face": "https://zagroscourier.example/images/avatar-hanar.png",
        "bio": "Zeryan-based journalist reporting on roads, water and power in the Rubar valley.",
        "published": "Aug. 06, 2024",
        "minutes": 2,
        "alt": "A stone bridge with three arches over a wide river, with a snow-tipped mountain behind it",
        "image": "https://zagroscourier.example/images/bridge.png",
    }
    assert "inbox" not in (found.summary or "")


def test_a_page_with_everything_is_read_whole_and_names_its_feeds_and_translations() -> None:
    body = (PAGES / "bridge-opengraph-jsonld.html").read_bytes()
    found = story(body)
    parsed = parse(body, "text/html", URL)
    assert isinstance(parsed, ParsedFeed)
    assert [each.title for each in parsed.feeds] == ["Latest", "Business"]
    assert found.alternates == (
        "https://zagroscourier.example/ar/news/rubar-bridge-reopens",
        "https://zagroscourier.example/ckb/news/rubar-bridge-reopens",
    )
    assert found.picture is not None
    assert (found.picture.width, found.picture.credit) == (1200, "Courier graphics desk")
    assert (found.word_count, found.reading_minutes, found.tags) == (214, 1, ("roads", "rubar"))
    assert found.signatures[0].bio == "Hanar Dolan covers roads, water and power for the Courier."
    assert (found.published, found.updated) == ("2026-03-09T06:05:00+03:00", "2026-03-09T06:48:00+03:00")


def test_a_graph_with_references_beside_a_broken_block() -> None:
    found = story((PAGES / "tariff-graph-paywall.html").read_bytes())
    assert [(one.name, one.url) for one in found.signatures] == [
        ("Hanar Dolan", "https://zagroscourier.example/authors/hanar"),
        ("Rebaz Serchinar", "https://zagroscourier.example/authors/rebaz"),
    ]
    assert found.url == "https://zagroscourier.example/business/tariff-bands-explained"  # relative to <base>
    assert found.title == "Explainer: how the new electricity tariff bands work"
    assert found.picture is not None
    assert found.picture.url == "https://zagroscourier.example/images/bazaar.png"
    assert (found.paywalled, found.is_correction) == (True, True)
    assert found.correction == "An earlier version gave the wrong number of bands."
    assert (found.section, found.published) == ("Business", "2026-03-03T03:30:00Z")


@pytest.mark.parametrize(
    ("visible", "published", "minutes"),
    [
        ("<p class=meta>Aug. 06, 2024 • 2 min read</p>", "Aug. 06, 2024", 2),
        ("<div>Published: 9 March 2026 | 7-minute read</div>", "9 March 2026", 7),
        ("<span>March 9, 2026 at 6:05 pm</span><span>3 mins</span>", "March 9, 2026 at 6:05 pm", 3),
        ("<time datetime='2026-03-09T06:05:00+03:00'>yesterday</time>", "2026-03-09T06:05:00+03:00", 1),
        ("<p>٩ آذار ٢٠٢٦ • ٤ دقائق</p>", "٩ آذار ٢٠٢٦", 4),
    ],
)
def test_dates_and_reading_times_as_papers_print_them(visible: str, published: str, minutes: int) -> None:
    found = story(page(f"<h1>The bridge is open</h1>{visible}<p>{WORDS}</p>"))
    assert (found.published, found.reading_minutes) == (published, minutes)


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        ("<p>By Hanar Dolan and Karo Zozan</p>", ["Hanar Dolan", "Karo Zozan"]),
        ("<div class='byline'>By <a rel=author href='/a/hanar'>Hanar Dolan</a></div>", ["Hanar Dolan"]),
        ("<div class='article-byline'>Hanar Dolan, Karo Zozan | Zeryan</div>", ["Hanar Dolan", "Karo Zozan"]),
        ("<span itemprop=author>Hanar Dolan</span>", ["Hanar Dolan"]),
        ("<div class=byline>2026</div>", []),
    ],
)
def test_bylines(visible: str, names: list[str]) -> None:
    found = story(page(f"<h1>The bridge is open</h1>{visible}<p>9 March 2026</p><p>{WORDS}</p>"))
    assert [one.name for one in found.signatures] == names


def test_open_graph_alone_is_a_story_and_its_texts_are_clean() -> None:
    head = """<meta property="og:type" content="article"><meta property="og:title" content="Salt &amp;amp; water">
    <meta property="og:description" content="&lt;script&gt;alert(1)&lt;/script&gt; Four wells.">
    <meta property="og:image" content="javascript:x">
    <meta property="article:section" content="Town"><meta property="article:published_time" content="2026-03-09T06:05:00Z">
    <link rel="canonical" href="https://zeryan.example/">"""
    found = story(page(f"<p>{WORDS}</p>", head))
    assert (found.title, found.section, found.picture) == ("Salt & water", "Town", None)
    assert found.url == URL  # a front page is no story's address
    assert found.summary is not None
    assert found.summary.endswith("Four wells.")


def test_a_list_of_articles_is_taken_one_by_one() -> None:
    items = [
        {"@type": "NewsArticle", "headline": f"Story {n}", "url": f"/town/{n}", "datePublished": "2026-03-09T06:05:00Z"}
        for n in range(3)
    ]
    parsed = parse(
        page("<h1>Town</h1>", linked({"@type": "ItemList", "itemListElement": items})),
        None,
        "https://zeryan.example/town",
    )
    assert isinstance(parsed, ParsedFeed)
    assert [entry.url for entry in parsed.entries] == [f"https://zeryan.example/town/{n}" for n in range(3)]


@pytest.mark.parametrize(
    "body",
    [
        page("<h1>Welcome</h1><p>Please sign in.</p>"),
        page(f"<h1>About us</h1><p>{WORDS}</p>"),  # no date
        page(
            "".join(
                f"<article><h2>Story {n}</h2><time datetime='2026-03-09'>9 March</time></article>" for n in range(9)
            )
        ),
        page("<h1>404 Not Found</h1><p>9 March 2026</p>"),
        page("", linked({"@type": "Organization", "name": "Zeryan"})),
    ],
)
def test_a_page_that_tells_no_story_is_none(body: bytes) -> None:
    assert isinstance(parse(body, "text/html", URL), NotAFeed)


def test_a_news_sitemap_is_read_and_any_other_is_named() -> None:
    news = f"""<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
     xmlns:n="http://www.google.com/schemas/sitemap-news/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
    <url><loc>{URL}?utm_source=x</loc><n:news><n:publication><n:name>Zeryan Daily</n:name><n:language>ckb</n:language>
    </n:publication><n:publication_date>2026-03-09</n:publication_date><n:title>Bridge &amp; road</n:title></n:news>
    <image:image><image:loc>https://zeryan.example/a.png</image:loc></image:image></url>
    <url><loc>https://zeryan.example/about</loc></url></urlset>"""
    parsed = parse(news.encode(), "text/xml", "https://zeryan.example/news.xml")
    assert isinstance(parsed, ParsedFeed)
    assert (parsed.kind, parsed.title, parsed.language) == (Kind.SITEMAP, "Zeryan Daily", "ckb")
    (entry,) = parsed.entries
    assert (entry.url, entry.title, entry.published) == (URL, "Bridge & road", "2026-03-09")
    assert entry.picture is not None
    plain = parse(b"<urlset><url><loc>https://zeryan.example/</loc></url></urlset>", None, URL)
    assert isinstance(plain, NotAFeed)
    assert "no news" in plain.detail
    index = b"<sitemapindex><sitemap><loc>https://z.example/a.xml</loc></sitemap><sitemap><loc>https://z.example/news.xml</loc></sitemap></sitemapindex>"
    listed = parse(index, None, URL)
    assert isinstance(listed, NotAFeed)
    assert listed.feeds[0].url == "https://z.example/news.xml"


@pytest.mark.parametrize(
    "body",
    [
        page("<div>" * 100_000),
        page("<p>" * 100_000 + "9 March 2026"),
        page("<h1>x</h1>" + "<span class=author>" * 300 + "x" * 100_000),
        page(
            "",
            linked([[]] * 20_000)
            + linked({"@graph": [{"@type": "NewsArticle", "headline": "x", "url": "/a"}] * 5_000}),
        ),
        page("", '<script type="application/ld+json">' + "[" * 200_000 + "</script>"),
        page("<h1>a</h1><p class=meta>" + "1 " * 200_000),
        page("<h1>a</h1>" + "<div class='byline'>by a, </div>" * 30_000),
        page("<a " * 200_000),
    ],
    ids=["deep", "flat", "authors", "nodes", "brackets", "digits", "bylines", "broken"],
)
@pytest.mark.slow
def test_a_page_made_to_hurt_is_read_quickly(body: bytes) -> None:
    with processor_time(5):
        parse(body, "text/html", URL)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["@id", "@type", "name", "url"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "headline",
                "url",
                "author",
                "image",
                "articleSection",
                "keywords",
                "wordCount",
                "timeRequired",
                "correction",
                "inLanguage",
                "datePublished",
                "isAccessibleForFree",
                "mainEntityOfPage",
            ]
        ),
        _VALUES,
        max_size=8,
    )
)
@settings(max_examples=60)
def test_linked_data_of_the_wrong_types_is_read_as_far_as_it_goes(odd: dict[str, object]) -> None:
    parse(page("", linked({"headline": "Bridge", "@type": "NewsArticle"} | odd)), "text/html", URL)


@given(st.binary(max_size=400))
@settings(max_examples=60)
def test_noise_in_a_page_never_raises(noise: bytes) -> None:
    parse(b"<!doctype html><html><h1>x</h1><time datetime=2026-03-09>" + noise, "text/html", URL)


# --- as pages of others have it -------------------------------------------------------------------------------------------
PLACED = '<p class="date">9 March 2026</p>' + f"<p>{WORDS}</p>"


def test_a_site_that_sets_its_own_name_as_the_first_heading_gives_its_storys() -> None:
    head = "<title>The bridge is open for traffic again | Town | Zeryan</title>"
    name = '<h1><a href="/">Hi, we are <b>Zeryan.</b></a></h1>'
    body = page(f"{name}<h2>The bridge is open for traffic again</h2>{PLACED}", head).replace(
        b"<title>Zeryan</title>", b""
    )
    assert story(body).title == "The bridge is open for traffic again"


@pytest.mark.parametrize(
    ("byline", "name"),
    [
        (
            '<cite class="byline vcard">By <span class="fn">HANAR DOLAN</span> March 9, 2026 3:46 PM</cite>',
            "HANAR DOLAN",
        ),
        ('<div class="byline"><span itemprop="name">Hanar Dolan</span>, 9 March 2026</div>', "Hanar Dolan"),
        ('<p class="byline">Par Hanar Dolan</p>', "Hanar Dolan"),
    ],
)
def test_a_name_is_found_in_a_byline_that_says_more(byline: str, name: str) -> None:
    found = story(page(f"<h1>The bridge is open again</h1>{byline}{PLACED}"))
    assert [each.name for each in found.signatures] == [name]


def test_a_picture_that_only_holds_the_place_of_one_is_none() -> None:
    blank = '<img src="/styleguide/assets/Blank.gif" width=600 height=400><img src="/bridge.jpg" width=600 height=400>'
    found = story(page(f"<article><h1>The bridge is open again</h1>{blank}{PLACED}</article>"))
    assert found.picture is not None
    assert found.picture.url == "https://zeryan.example/bridge.jpg"
