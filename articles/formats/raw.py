"""What every format yields for one entry, and how it becomes a clean `Entry`.

A format's module only finds the pieces; what a piece may contain is decided here, once for all of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urljoin

from articles import alike, cleaning, datelines, identity, pictures
from articles.entry import Entry, Picture, Signature

#: Words a minute (the reading studies behind EPUB readers): Arabic script carries more per word.
_READING_SPEED = {"ar": 180, "ckb": 180, "fa": 180, "ur": 180}
_USUAL_SPEED = 230

_LANGUAGE = re.compile(r"^[a-z]{2,3}(-[A-Za-z]{4})?$")
_CORRECTION = re.compile(
    r"^\W*(?:correction|corrected|clarification|تصحيح|تصويب|توضيح|ڕاستکردنەوە)\b|\((?:correction|corrected|تصحيح)\)\s*$",
    re.IGNORECASE,
)
#: "First published on 12 January 2019", "This article was originally published in 2019".
_FIRST_PUBLISHED = re.compile(
    r"\b(?:first|originally) (?:published|appeared|ran)\b.{0,20}?\b(?P<year>(?:19|20)\d\d)\b", re.IGNORECASE
)
_FROM_ARCHIVE = re.compile(r"^\W*(?:from (?:the|our) archives?|من الأرشيف|لە ئەرشیفەوە)\b", re.IGNORECASE)
_ARCHIVE = re.compile(r"^(?:(?:from )?(?:the |our )?archives?|أرشيف|من الأرشيف|ئەرشیف)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    value: str = ""
    is_markup: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RawEntry:
    """Pieces as the feed gave them: nothing here is safe or complete."""

    base: str  # what relative addresses are relative to
    guid: str | None = None
    link: str | None = None
    title: Text = Text()
    summary: Text = Text()
    content: Text = Text()
    content_base: str | None = None
    section: str | None = None
    tags: Sequence[str] = ()
    language: str | None = None
    signatures: Sequence[Signature] = ()
    pictures: Sequence[Picture] = field(default_factory=list)
    published: str | None = None
    updated: str | None = None
    word_count: int | None = None
    paywalled: bool = False
    correction: str | None = None
    alternates: Sequence[str] = ()
    reading_minutes: int | None = None


def clean(raw: RawEntry) -> Entry | None:
    """The entry, or None when there is nothing to link to or nothing to say."""
    link = _link(raw)
    body = _paragraphs(raw.content)
    dateline, summary = _summary(raw, body)
    title = cleaning.headline(raw.title.value, is_markup=raw.title.is_markup)
    title = title or cleaning.first_sentence(" ".join(_paragraphs(raw.summary)) or " ".join(body))
    if not link or not title:
        return None
    section = cleaning.label(raw.section, 120) or None
    language = language_tag(raw.language)
    words = raw.word_count or _word_count(body)
    tags = _tags(raw.tags, section)
    correction = cleaning.cut(cleaning.plain(raw.correction), 1000) or None
    return Entry(
        guid=identity.short_guid(cleaning.plain(raw.guid)) or identity.url_key(link),
        url=link,
        title=title,
        summary=summary,
        dateline=dateline,
        section=section,
        tags=tags,
        language=language,
        signatures=_signatures(raw.signatures),
        picture=pictures.choose(raw.pictures, _pictures_in_text(raw)),
        published=raw.published,
        updated=raw.updated,
        word_count=words,
        reading_minutes=raw.reading_minutes or _reading_minutes(words, language),
        paywalled=raw.paywalled,
        is_correction=bool(correction) or any(_CORRECTION.search(text or "") for text in (title, summary)),
        correction=correction,
        is_archive=_is_archive(title, summary, section, raw.published or ""),
        alternates=tuple(filter(None, (_absolute(one, raw.base) for one in raw.alternates[:20]))),
        marks=alike.marks(title, summary),
    )


def _is_archive(title: str, summary: str | None, section: str | None, published: str) -> bool:
    """Whether an entry says of itself that it is an old piece. One first published in the year of its date is not."""
    if _ARCHIVE.match(section or "") or _FROM_ARCHIVE.match(title):
        return True
    found = _FIRST_PUBLISHED.search(summary or "")
    return found is not None and found["year"] not in published


def language_tag(tag: str | None) -> str | None:
    """`en-GB` -> `en`, `ku_latn_IQ` -> `ku-Latn`: language, and script where it is named. None for anything odd."""
    parts = (tag or "").strip().replace("_", "-").split("-")
    script = next((part.title() for part in parts[1:2] if len(part) == 4 and part.isalpha()), None)
    short = parts[0].lower() + (f"-{script}" if script else "")
    return short if _LANGUAGE.match(short) else None


def signature(
    name: str | None, url: str | None = None, avatar: str | None = None, *, base: str = "", bio: str | None = None
) -> Signature | None:
    """A byline's name without its "By". An address is no name: it is never shown."""
    shown = re.sub(r"^(?:by|par|por)\s+", "", cleaning.label(name, 200), flags=re.IGNORECASE)
    if not shown or "@" in shown:
        return None
    return Signature(
        name=shown,
        url=_absolute(url, base),
        avatar_url=_absolute(avatar, base),
        bio=cleaning.cut(cleaning.plain(bio), 600) or None,
    )


def _absolute(url: str | None, base: str) -> str | None:
    if not url:
        return None
    try:
        return identity.clean_link(urljoin(base, url.strip()))
    except ValueError:
        return None


def _link(raw: RawEntry) -> str | None:
    return _absolute(raw.link, raw.base) or _absolute(raw.guid, "")


def _paragraphs(text: Text) -> list[str]:
    if text.is_markup:
        return cleaning.paragraphs(text.value)
    return [line for line in (cleaning.plain(line) for line in text.value.split("\n\n")) if line]


def _summary(raw: RawEntry, body: Sequence[str]) -> tuple[str | None, str | None]:
    """The feed's own summary, unless a machine cut it out of the text: then the text's first paragraph. Its place apart."""
    given = " ".join(_paragraphs(raw.summary))
    wanted = [body[0], given] if (not given or cleaning.is_cut(given)) and body else [given]
    for text in wanted:
        dateline, rest = datelines.split(text)
        summary = cleaning.summarise(rest)
        if summary:
            return dateline, summary
    return None, None


def _pictures_in_text(raw: RawEntry) -> list[Picture]:
    found: list[Picture] = []
    if raw.content.is_markup:
        found += pictures.in_markup(raw.content.value, raw.content_base or raw.base)
    if raw.summary.is_markup:
        found += pictures.in_markup(raw.summary.value, raw.base)
    return found


def _signatures(given: Sequence[Signature]) -> tuple[Signature, ...]:
    return tuple({one.name: one for one in given[:20]}.values())


def _tags(given: Sequence[str], section: str | None) -> tuple[str, ...]:
    tags = (cleaning.label(tag, 80) for tag in given[:30])
    return tuple(dict.fromkeys(tag for tag in tags if tag and tag != section))


def _word_count(body: Sequence[str]) -> int | None:
    return sum(len(paragraph.split()) for paragraph in body) or None


def _reading_minutes(words: int | None, language: str | None) -> int | None:
    if not words:
        return None
    return math.ceil(words / _READING_SPEED.get((language or "").split("-")[0], _USUAL_SPEED))
