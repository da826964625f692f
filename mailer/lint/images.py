"""Rules about pictures (I)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailer.lint.finding import Severity, Spot
from mailer.lint.mail import Mail
from mailer.lint.page import Node

_FILE_NAME = re.compile(r"[\w %-]{1,80}\.(?:jpe?g|png|gif|webp|svg)\Z", re.IGNORECASE)
_EMPTY_WORDS = frozenset({"image", "img", "picture", "photo", "logo image", "صورة", "وێنە"})
_PIXELS = re.compile(r"(\d{1,5})(?:px)?\Z")


def is_pixel(node: Node) -> bool:
    """Whether it is one of those pictures that only tell that a mail was opened."""
    sizes = [node.get("width") or node.styles.get("width", ""), node.get("height") or node.styles.get("height", "")]
    return all(size.removesuffix("px").strip() in {"0", "1"} for size in sizes)


def have_alt(mail: Mail) -> Iterator[Spot]:
    """I01. WCAG 1.1.1; and half of all readers see a mail with its pictures off."""
    for node in mail.page.all("img") if mail.page else ():
        alt = node.get("alt").strip()
        if "alt" not in node.attributes:
            yield Spot("A picture has no alt.", node.where, Severity.WARNING if is_pixel(node) else None)
        elif alt.lower() in _EMPTY_WORDS or _FILE_NAME.match(alt):
            yield Spot(f"The alt {alt[:60]!r} says nothing of the picture.", node.where)


def have_a_width(mail: Mail) -> Iterator[Spot]:
    """I02. Outlook shows a picture without a width attribute at its own size."""
    for node in mail.page.all("img") if mail.page else ():
        width = _PIXELS.match(node.get("width").strip())
        if width is None and node.get("width")[-1:] != "%":
            yield Spot("A picture has no width attribute in pixels.", node.where)
        elif width and int(width[1]) > 600 + 200 * (not mail.about.is_ours):
            yield Spot(f"A picture is {width[1]} px wide; mails have 600.", node.where)


def scale(mail: Mail) -> Iterator[Spot]:
    """I02. On a phone a picture gets narrower than its width attribute says, and must keep its shape."""
    for node in mail.page.all("img") if mail.page else ():
        width = _PIXELS.match(node.get("width").strip())
        if width and int(width[1]) > 300 and node.styles.get("height") not in {"auto", None} and not is_pixel(node):
            yield Spot("A wide picture has a fixed height: phones will press it.", node.where)
        elif width and int(width[1]) > 300 and "height" in node.attributes and "height" not in node.styles:
            yield Spot("A wide picture has a height attribute and no height:auto.", node.where, Severity.NOTE)


def come_over_https(mail: Mail) -> Iterator[Spot]:
    """I03."""
    for node in mail.page.all("img") if mail.page else ():
        source = node.get("src").strip()
        if not source.lower().startswith(("https://", "cid:")) and "{" not in source[:4]:
            severity = Severity.WARNING if source.lower().startswith("http://") else None
            yield Spot(f"A picture's address is {source[:60] or 'empty'!r}, not https.", node.where, severity)


def pixels_have_an_empty_alt(mail: Mail) -> Iterator[Spot]:
    """I07."""
    for node in mail.page.all("img") if mail.page else ():
        if is_pixel(node) and node.get("alt"):
            yield Spot("A picture of one pixel has an alt, which screen readers say.", node.where)


def have_their_credit(mail: Mail) -> Iterator[Spot]:
    """I08. What is small beside a headline needs none."""
    for node in mail.page.all("img") if mail.page else ():
        credit, width = mail.about.credits.get(node.get("src"), ""), _PIXELS.match(node.get("width").strip())
        if credit and width and int(width[1]) > 300 and mail.page and " ".join(credit.split()) not in mail.page.text:
            yield Spot(f"The source of a picture wants {credit[:60]} named under it.", node.where)


def not_all_pictures(mail: Mail) -> Iterator[Spot]:
    """I05, in the part that needs no screen: words must remain where pictures are off."""
    if mail.page is None or not mail.is_bulk:
        return
    words, pictures = len(mail.page.text.split()), sum(not is_pixel(node) for node in mail.page.all("img"))
    if pictures and words < 100:
        yield Spot(f"{words} words, and pictures ({pictures}): with those off little is left, and filters mark it.")
