"""Rules about what is paid for: by a sponsor, or by the reader (N10)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailer.lint.finding import Spot
from mailer.lint.mail import Mail
from mailer.lint.page import Node, Page

#: How a block calls itself that somebody paid for; words of the page's own names, never of its text.
_PAID = re.compile(
    r"(?:\A|[\s_-])(?:sponsor(?:ed|ship)?|advert(?:isement|orial)?|native-?ad|paid-?content)(?:[\s_-]|\Z)",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"sponsor|advertise|advertorial|promoted|paid (?:content|post|for)|partner content|in partnership|presented by"
    r"|إعلان|برعاية|محتوى مدفوع|بالشراكة|ڕیکلام|ریکلام|سپۆنسەر|بە پاڵپشتی|anzeige|publicité|reklam",
    re.IGNORECASE,
)
_FOR_MEMBERS = re.compile(
    r"member|subscriber|premium|paywall|🔒|للأعضاء|للمشتركين|مشترك|ئەندام|بەشداربوو", re.IGNORECASE
)
#: A label further off than this many characters, or elements, is not its block's.
_BLOCK, _STEPS = 600, 8
#: Elements before and after a headline among which its mark stands, above it or below.
_NEAR = 12


def sponsors_are_labelled(mail: Mail) -> Iterator[Spot]:
    """N10. The law asks for it (EU 2005/29 annex I no. 11; FTC, native advertising), and so do readers."""
    page = mail.page
    for node in page.nodes if page else ():
        if page is None or node.is_hidden or node.is_silent or not node.text or not _is_paid(node):
            continue
        if not any(_LABEL.search(block.text) for block in _blocks(page, node)):
            yield Spot("A block that somebody paid for does not say so.", node.where)


def paid_stories_are_marked(mail: Mail) -> Iterator[Spot]:
    """N10. Who follows a headline to a closed door was not told."""
    page = mail.page
    if page is None or not mail.about.paywalled:
        return
    places: dict[str, list[int]] = {title: [] for title in mail.about.paywalled}
    for place, node in enumerate(page.nodes):
        if node.tag == "a" and node.text in places and not node.is_hidden:
            places[node.text].append(place)
    for found in places.values():
        near = (node for place in found for node in page.nodes[max(0, place - _NEAR) : place + _NEAR])
        if found and not any(_FOR_MEMBERS.search(node.own) for node in near):
            yield Spot("A story that only members can read is not marked as one.", page.nodes[found[0]].where)


def _is_paid(node: Node) -> bool:
    if node.tag == "a":
        return "sponsored" in node.get("rel").lower().split()
    return any(_PAID.search(node.get(name)[:400]) for name in ("class", "id"))


def _blocks(page: Page, node: Node) -> Iterator[Node]:
    """The element and what stands closely around it."""
    for _ in range(_STEPS):
        if len(node.text) > _BLOCK:
            return
        yield node
        if node.parent < 0:
            return
        node = page.nodes[node.parent]
