"""What a reader sees of a story on its page: section label, headline, byline, date, reading time, correction, author box.

    News
    Rubar Water Office brings Tavgah pumping station back into service
    Hanar Dolan
    Aug. 06, 2024 • 2 min read

Class names differ from site to site, so a name counts only with a text that looks like what it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml.html import HtmlElement

from articles import cleaning, dates
from articles.entry import Signature
from articles.formats.linked_data import split_names
from articles.formats.page_facts import PageFacts
from articles.formats.raw import signature

_MINUTES = re.compile(
    r"\b(\d{1,3})[\s-]*(?:min(?:ute)?s?\.?)(?:[\s-]*(?:read|of reading)\b|$)|\b(\d{1,3})\s*(?:دقيقة|دقائق|خولەک)"
)
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")
_PARTS = re.compile(r"\s*[•·|–—]\s*|\s+-\s+|\s{3,}")
_DATED = re.compile(
    r"\b(?:published|posted|updated|last updated|on|نشر في|نُشر في|تاريخ النشر|بڵاوکراوەتەوە لە)\s*:?\s+", re.IGNORECASE
)
_ASIDE = re.compile(
    r"newsletter|subscribe|sign-?up|related|recommend|comment|share|social|promo|advert|cookie|paywall-?message|"
    r"author-(?:profile|bio|box)|correction|byline|breadcrumb|footer|sidebar|caption|tags",
    re.IGNORECASE,
)
_NOT_STORY = frozenset(
    {"aside", "nav", "footer", "form", "figure", "figcaption", "header", "button", "noscript", "dialog"}
)
_MOST_ELEMENTS = 20_000
_SHORT = 120
_A_NAME = 15  # letters; a section's or a site's name stands in page titles, too


def facts(root: HtmlElement, base: str) -> PageFacts:
    near = list(_short_texts(root))
    profile = _profile(root, base)
    return PageFacts(
        title=_headline(root),
        summary=_named(root, r"standfirst|dek\b|subhead(?:line)?|article-?(?:summary|lead|intro)", longest=600),
        section=_section(root),
        signatures=[_with_profile(one, profile) for one in _signatures(root, base)]
        or [one for one in [profile] if one],
        published=_time(root) or _date_in(near),
        reading_minutes=_reading_minutes(near),
        correction=_correction(root),
    )


def _headline(root: HtmlElement) -> str | None:
    """The heading that the page's own title repeats, the longest; some sites set their name as the first."""
    first = [text for text in (_text(one) for one in root.iter("h1")) if text]
    title = _text(root.find(".//title")).casefold()
    repeated = [
        text for text in (*first, *map(_text, root.iter("h2"))) if len(text) > _A_NAME and text.casefold() in title
    ]
    return max(repeated, key=len, default=None) or next(iter(first), None)


def paragraphs(root: HtmlElement) -> list[str]:
    """The story's own paragraphs as plain text."""
    holder = _holder(root)
    texts = (_text(one) for one in holder.iter("p") if not _is_beside(one, holder))
    return [text for text in texts if len(text) > 1 and not _is_dateline(text)]


def _is_dateline(text: str) -> bool:
    """Whether a short line only says who wrote the story, when, or how long it takes to read."""
    if len(text) > _SHORT:
        return False
    if re.match(r"by\s", text, re.IGNORECASE) or _date_in([text]):
        return True
    found = _MINUTES.search(text.translate(_DIGITS).lower())
    return found is not None and len(text) - len(found[0]) < 25


def images(root: HtmlElement) -> Iterator[HtmlElement]:
    """The story's own images, those of its author and of other stories left out."""
    holder = _holder(root)
    for one in holder.iter("img"):
        if not _is_beside(one, holder, figures=True):
            yield one


def _holder(root: HtmlElement) -> HtmlElement:
    """What holds the story: its <article>, what is marked as its body, or the page."""
    marked = [one for one in root.iter("article", "main") if one.find(".//p") is not None]
    marked += root.xpath("//*[@itemprop='articleBody']")
    longest = max(marked, key=lambda one: len(one.text_content()), default=None)
    if longest is not None:
        return longest
    body = root.find(".//body")
    return root if body is None else body


def _is_beside(one: HtmlElement, holder: HtmlElement, *, figures: bool = False) -> bool:
    """Whether an element belongs to something beside the story: a box, a list of others, a caption."""
    if _ASIDE.search(_names(one)):
        return True
    for above in one.iterancestors():
        if above is holder:
            return False
        is_other = above.tag in _NOT_STORY and not (figures and above.tag in {"figure", "header"})
        if is_other or _ASIDE.search(_names(above)):
            return True
    return False


def _names(one: HtmlElement) -> str:
    return f"{one.get('class') or ''} {one.get('id') or ''}"


def _text(one: HtmlElement | None) -> str:
    return "" if one is None else cleaning.plain(" ".join(one.itertext(with_tail=False)))[:5_000]


def _named_elements(root: HtmlElement, names: str) -> Iterator[HtmlElement]:
    wanted = re.compile(names, re.IGNORECASE)
    for number, one in enumerate(root.iter("*")):
        if number > _MOST_ELEMENTS:
            return
        if isinstance(one.tag, str) and wanted.search(_names(one)):
            yield one


def _named(root: HtmlElement, names: str, *, longest: int) -> str | None:
    for one in _named_elements(root, names):
        text = _text(one)
        if 1 < len(text) <= longest:
            return text
    return None


def _section(root: HtmlElement) -> str | None:
    """A short label over the story: `<div class="section-label">News</div>`."""
    names = r"(?:^|[\s_-])(?:section|category|kicker|eyebrow|rubric)(?:[\s_-]*(?:label|name|link|title|tag))?(?:$|\s)"
    for one in _named_elements(root, names):
        text = _text(one)
        if one.tag not in {"section", "nav", "main", "body"} and 1 < len(text) <= 40 and one.find(".//p") is None:
            return text
    return None


def _signatures(root: HtmlElement, base: str) -> list[Signature]:
    linked = [one for one in root.xpath("//a[@rel='author'] | //*[@itemprop='author']") if _text(one)]
    named = [
        one for one in _named_elements(root, r"(?:^|[\s_-])(?:byline|author(?:s|-name)?)(?:$|[\s_])") if _text(one)
    ]
    for holder in [*linked[:1], *named]:
        people = linked or [one for one in holder.iter("a") if "author" in (one.get("href") or "")] or _cards(holder)
        found = [signature(_text(one), one.get("href"), base=base) for one in people if len(_text(one)) < 80]
        found = found or [signature(name) for name in split_names(_first_part(_text(holder))) if _is_name(name)]
        shown = [one for one in found if one]
        if shown:
            return shown
    for one in root.iter("p", "span", "address"):
        text = _text(one)
        if len(text) <= _SHORT and re.match(r"by\s+\w", text, re.IGNORECASE):
            return [each for name in split_names(_first_part(text)) if _is_name(name) and (each := signature(name))]
    return []


def _cards(holder: HtmlElement) -> list[HtmlElement]:
    """Names marked in a byline: hCard's `fn`, schema.org's `name`."""
    found = holder.xpath(".//*[contains(concat(' ', @class, ' '), ' fn ')] | .//*[@itemprop='name']")
    return [one for one in found if _is_name(_text(one))]


def _first_part(text: str) -> str:
    return _PARTS.split(text)[0]


def _is_name(text: str) -> bool:
    return 2 < len(text) < 60 and not re.search(r"\d", text) and len(text.split()) <= 6


def _profile(root: HtmlElement, base: str) -> Signature | None:
    """The box about the author under a story: a name in a heading, what they do in a paragraph, a face."""
    for one in _named_elements(root, r"author[\w-]*(?:profile|bio|box|card|info)|profile-?card|about-the-author"):
        heading = next((each for each in one.iter("h2", "h3", "h4", "h5", "strong", "a") if _text(each)), None)
        bio = next((text for text in (_text(each) for each in one.iter("p")) if len(text) > 15), None)
        face = next((each.get("src") for each in one.iter("img") if each.get("src")), None)
        if heading is not None and bio and _is_name(_text(heading)):
            return signature(_text(heading), None, face, base=base, bio=bio)
    return None


def _with_profile(one: Signature, profile: Signature | None) -> Signature:
    if profile is None or profile.name.casefold() != one.name.casefold():
        return one
    return Signature(
        name=one.name, url=one.url, avatar_url=one.avatar_url or profile.avatar_url, bio=one.bio or profile.bio
    )


def _short_texts(root: HtmlElement) -> Iterator[str]:
    """Short texts in the order of the page: labels, bylines, datelines."""
    for number, one in enumerate(root.iter("div", "p", "span", "time", "li", "small", "address", "dd")):
        if number > _MOST_ELEMENTS // 10:
            return
        text = _text(one) if len(one) <= 12 else ""
        if 4 < len(text) <= _SHORT:
            yield text


def _time(root: HtmlElement) -> str | None:
    given = root.xpath("//*[@itemprop='datePublished']/@content | //*[@itemprop='datePublished']/@datetime")
    given += root.xpath("//article//time/@datetime | //main//time/@datetime | //time/@datetime")
    return next((text.strip() for text in given if dates.is_written_like_one(text.strip())), None)


def _date_in(texts: list[str]) -> str | None:
    for text in texts:
        for part in [text, *_PARTS.split(text), *_DATED.split(text)]:
            bare = _DATED.sub("", part).strip()
            if dates.is_written_like_one(bare):
                return bare
    return None


def _reading_minutes(texts: list[str]) -> int | None:
    for text in texts:
        found = _MINUTES.search(text.translate(_DIGITS).lower())
        if found and 0 < int(found[1] or found[2]) <= 120:
            return int(found[1] or found[2])
    return None


def _correction(root: HtmlElement) -> str | None:
    for one in _named_elements(root, r"(?:^|[\s_-])correction"):
        text = re.sub(r"^corrections?\b[^:]{0,40}:\s*", "", _text(one), flags=re.IGNORECASE)
        if 10 < len(text) <= 1_000:
            return text
    return None
