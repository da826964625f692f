"""OPML: lists of feeds, as readers and newsrooms hand them around.

<outline text="Town">                                         a folder: the section of what is in it
  <outline type="rss" text="Zeryan Daily" xmlUrl="https://zeryan.example/feed" language="ckb" b:zone="Asia/Baghdad"/>

http://opml.org/spec2.opml. Zone and section are ours, in a namespace of their own, so that a list that we wrote says all of
what the desk said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

from articles.feeds import Feed, Said, shown_name

MOST_FEEDS = 2_000
MAX_BYTES = 1024 * 1024
_OURS = "urn:broadsheet:opml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """One feed of a list: its address and what the list says about it."""

    url: str
    said: Said


@dataclass(frozen=True, slots=True)
class NotOpml:
    """This is no list of feeds, and what to do."""

    reason: str

    def __str__(self) -> str:
        return self.reason


def read(body: bytes, *, zone: str = "UTC") -> list[Outline] | NotOpml:
    """The feeds that a list names, each address once. `zone` is that of feeds whose zone the list does not say."""
    if len(body) > MAX_BYTES:
        return NotOpml("The list is larger than 1 MB; no list of feeds is. Nothing was taken.")
    if b"<!ENTITY" in body:
        return NotOpml("The list defines entities of its own, which no list of feeds needs. Nothing was taken.")
    try:
        root = ET.fromstring(body)  # noqa: S314 - it defines no entity, and is small
    except (ET.ParseError, ValueError, LookupError) as problem:
        return NotOpml(f"The file is not XML that can be read ({str(problem)[:100]}). Export it again as OPML.")
    found = {outline.url: outline for outline in _outlines(root, zone)}
    if root.tag != "opml" or not found:
        return NotOpml("The file is no OPML list of feeds: no outline in it has an xmlUrl. Nothing was taken.")
    if len(found) > MOST_FEEDS:
        return NotOpml(f"The list names {len(found)} feeds, more than {MOST_FEEDS}. Take it in parts.")
    return list(found.values())


def write(feeds: Iterable[Feed], *, title: str) -> bytes:
    """These feeds as a list that any feed reader takes, and that says all that the desk said."""
    ET.register_namespace("b", _OURS)
    root = Element("opml", version="2.0")
    ET.SubElement(ET.SubElement(root, "head"), "title").text = title
    body = ET.SubElement(root, "body")
    for feed in feeds:
        ET.SubElement(body, "outline", {name: text for name, text in _attributes(feed) if text})
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _attributes(feed: Feed) -> Iterator[tuple[str, str | None]]:
    yield from (("type", "rss"), ("text", shown_name(feed)), ("title", feed.title), ("xmlUrl", feed.url))
    yield from (("htmlUrl", feed.site_url), ("language", feed.language))
    yield from (
        (f"{{{_OURS}}}{name}", text)
        for name, text in (("name", feed.name), ("zone", feed.zone), ("section", feed.section))
    )
    yield (f"{{{_OURS}}}pages", None if feed.reads_pages else "no")
    yield (f"{{{_OURS}}}ranking", "yes" if feed.is_ranking else None)


def _outlines(root: Element, zone: str) -> Iterator[Outline]:
    """A folder's name is the section of its feeds, unless they say another; of folders in folders, the inner one's."""
    waiting: list[tuple[Element, str | None]] = [(one, None) for one in root.findall("body")]
    while waiting:
        holder, folder = waiting.pop(0)
        for one in holder.findall("outline"):
            url = (one.get("xmlUrl") or one.get("xmlurl") or "").strip()
            if url:
                yield Outline(url=url, said=_said(one, folder, zone))
            waiting.append((one, _line(one.get("text") or one.get("title")) or folder))


def _said(one: Element, folder: str | None, zone: str) -> Said:
    is_ours = one.get(f"{{{_OURS}}}zone") is not None
    return Said(
        name=_line(one.get(f"{{{_OURS}}}name") if is_ours else one.get("text") or one.get("title")),
        language=_line(one.get("language")),
        zone=one.get(f"{{{_OURS}}}zone") or zone,
        section=_line(one.get(f"{{{_OURS}}}section")) if is_ours else folder,
        reads_pages=one.get(f"{{{_OURS}}}pages") != "no",
        is_ranking=one.get(f"{{{_OURS}}}ranking") == "yes",
    )


def _line(text: str | None) -> str | None:
    return " ".join((text or "").split())[:120] or None
