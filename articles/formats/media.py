"""Media RSS pictures, read apart: feedparser loses which description and credit belong to which picture.

<media:content url="…/bridge.png" medium="image" width="1200" height="630">
  <media:description type="plain">A stone bridge …</media:description>      the alternative text
  <media:credit role="illustrator">Courier graphics desk</media:credit>
"""

from __future__ import annotations

from dataclasses import replace

from lxml import etree

from articles import cleaning, pictures
from articles.entry import Picture

_MEDIA = "{http://search.yahoo.com/mrss/}"


def read(body: bytes, *, entries: int) -> list[list[Picture]]:
    """The pictures of each entry, widest first; nothing at all when the entries cannot be counted alike."""
    if b"search.yahoo.com/mrss" not in body:
        return []
    # recover=False: feedparser gave a broken document up differently, so the entries could not be matched anyway.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        return []
    items = [element for element in root.iter("*") if etree.QName(element).localname in ("item", "entry")]
    return [_pictures(item) for item in items] if len(items) == entries else []


def _pictures(item: etree._Element) -> list[Picture]:
    found = [picture for picture in (_picture(content) for content in item.iter(f"{_MEDIA}content")) if picture]
    return sorted(found, key=lambda picture: picture.width or 0, reverse=True)


def _picture(content: etree._Element) -> Picture | None:
    kind = content.get("medium") or (content.get("type") or "").split("/")[0] or "image"
    if kind != "image":
        return None
    found = pictures.picture(content.get("url"), "", width=content.get("width"), height=content.get("height"))
    if found is None:
        return None
    credit = cleaning.cut(cleaning.plain(content.findtext(f"{_MEDIA}credit")), 200)
    return replace(found, alt=pictures.alternative(content.findtext(f"{_MEDIA}description")), credit=credit or None)
