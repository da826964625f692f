"""Rules about the page as a document (D) and its size (S)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from ground.language import direction
from mailer.lint.finding import Severity, Spot
from mailer.lint.mail import Mail, Purpose
from mailer.lint.page import Node

_BALANCED = ("table", "div", "a", "span", "center", "h1", "h2", "h3", "strong", "em")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})\b")
_FORBIDDEN = frozenset(
    {"script", "iframe", "frame", "object", "embed", "applet", "form", "input", "button", "select", "textarea", "video"}
    | {"audio", "svg", "link", "base", "canvas"}
)
_STRAY = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")
_KB = 1024


def starts_as_html(mail: Mail) -> Iterator[Spot]:
    """D01: without it browsers and Outlook on the web go into quirks mode."""
    if mail.html is not None and not mail.html.lstrip("\ufeff \r\n\t")[:15].lower().startswith("<!doctype html"):
        yield Spot("The page does not start with <!doctype html>.")


def says_its_language(mail: Mail) -> Iterator[Spot]:
    """D02. WCAG 3.1.1."""
    root = mail.page.first("html") if mail.page else None
    if root is None:
        return
    if not root.get("lang"):
        yield Spot("<html> has no lang: screen readers read it with the wrong voice.", "<html>")
    if not root.get("dir"):
        severity = None if mail.about.is_ours or direction(root.get("lang") or "en") == "rtl" else Severity.WARNING
        yield Spot("<html> has no dir.", "<html>", severity)


def repeats_its_language(mail: Mail) -> Iterator[Spot]:
    """D02: Gmail and Outlook on the web drop <html>, and what stands on it."""
    if mail.page and not any(node.get("lang") and node.get("dir") for node in mail.page.nodes if "body" in node.path):
        yield Spot("No element in the body has lang and dir: programs that drop <html> lose both.", "<body>")


def has_a_title(mail: Mail) -> Iterator[Spot]:
    """D03. WCAG 2.4.2: the title is what a screen reader says first in a web view."""
    if mail.page is None:
        return
    title = mail.page.first("title")
    if title is None or not title.text:
        yield Spot("The page has no title.", "<title>")
    elif mail.is_message and mail.about.is_ours and title.text != " ".join(mail.subject.split()):
        yield Spot("The title is not the subject.", f"<title>: {title.text[:60]}", Severity.WARNING)


def declares_its_charset(mail: Mail) -> Iterator[Spot]:
    """D04."""
    if mail.html is None:
        return
    found = re.search(r"<meta[^>]{0,200}charset", mail.html[:20_000], re.IGNORECASE)
    if found is None:
        yield Spot("There is no charset meta tag.", "<head>", None if mail.about.is_ours else Severity.WARNING)
    elif found.end() > 1_024:
        yield Spot("The charset meta tag comes after the first 1,024 bytes.", "<head>", Severity.WARNING)


def has_a_viewport(mail: Mail) -> Iterator[Spot]:
    """D04: without it phones show the letter as a small picture of a desktop's."""
    if mail.page and not any(node.get("name").lower() == "viewport" for node in mail.page.all("meta")):
        yield Spot("There is no viewport meta tag.", "<head>")


def no_forbidden_elements(mail: Mail) -> Iterator[Spot]:
    """D05: what mail programs strip, and filters take for an attack."""
    if mail.page is None:
        return
    for node in mail.page.nodes:
        if node.tag in _FORBIDDEN and not (node.tag == "script" and node.get("type") == "application/ld+json"):
            yield Spot(f"<{node.tag}> does not work in mail.", node.where, _harm(node))
        for name in node.attributes:
            if name.startswith("on") and len(name) > 3:
                yield Spot(f"The attribute {name[:30]} holds a script.", node.where)


def _harm(node: Node) -> Severity | None:
    """How bad a forbidden element is: nothing where a letter is whole without it, as without a web font."""
    if node.tag == "link" and "font" in node.get("href"):
        return Severity.NOTE
    is_switch = node.tag == "input" and node.get("type").lower() in {"checkbox", "radio"}  # of menus that unfold
    return Severity.WARNING if is_switch or node.tag in {"link", "svg", "button"} else None


def no_imports(mail: Mail) -> Iterator[Spot]:
    """D05: Gmail drops a whole style block for one @import."""
    for sheet in mail.page.sheets if mail.page else ():
        if "@import" in sheet.at_rules:
            yield Spot("A style block has @import.", "<style>", None if mail.about.is_ours else Severity.WARNING)


def tags_balance(mail: Mail) -> Iterator[Spot]:
    """D06: Outlook shows what follows an open table beside it, or not at all."""
    if mail.html is None:
        return
    plain, comments = split_comments(mail.html)
    yield from _balance(plain, "")
    mso = "".join(text for text in comments if "[if" in text)
    yield from _balance(mso, " in Outlook's comments")
    # The long form opens and closes in two comments: <!--[if !mso]><!--> ... <!--<![endif]-->
    # and what is shown to all others: <![if !mso]> ... <![endif]>
    opened = mail.html.count("<!--[if") + mail.html.count("<![if")
    closed = mail.html.count("<![endif]")
    if opened != closed:
        yield Spot(f"{opened} conditional comments are opened and {closed} closed.")


def no_id_anchors(mail: Mail) -> Iterator[Spot]:
    """D07."""
    if mail.page is None:
        return
    ids = Counter(node.get("id") for node in mail.page.nodes if node.get("id"))
    for name, count in ids.items():
        if count > 1:
            yield Spot(f"The id {name[:40]} is there {count} times.")
    for node in mail.page.links:
        target = node.get("href")
        if len(target) > 1 and target.startswith("#") and target[1:] in ids:
            yield Spot("A link leads to an id; Gmail renames ids, so it leads nowhere.", node.where)


def no_comments_left(mail: Mail) -> Iterator[Spot]:
    """D08: comments are read by whoever looks at the source."""
    if mail.page is None:
        return
    left = [text.strip() for text in mail.page.comments if "[if" not in text and "[endif]" not in text]
    left = [text for text in left if text not in {"", "<!"}]
    if left:
        yield Spot(
            f"{len(left)} comment{'s are' if len(left) > 1 else ' is'} left in the page.", f"<!-- {left[0][:60]}"
        )


def fits_before_the_cut(mail: Mail) -> Iterator[Spot]:
    """S01: Gmail hides what comes after about 102 KB, the unsubscribe link included."""
    size = mail.html_bytes
    if size >= 100 * _KB:
        yield Spot(
            f"The HTML has {size // _KB} KB; Gmail cuts a letter at 102 and hides the rest, the footer included."
        )
    elif size >= 80 * _KB:
        yield Spot(f"The HTML has {size // _KB} KB; Gmail cuts a letter at 102.", "", Severity.WARNING)


def styles_are_small(mail: Mail) -> Iterator[Spot]:
    """S02: Gmail reads 16 KB of style blocks in all, and drops a block that it cannot parse."""
    if mail.page is None:
        return
    size = sum(len(sheet.source.encode()) for sheet in mail.page.sheets)
    if size > 16 * _KB:
        yield Spot(f"The style blocks have {size // _KB} KB; Gmail reads 16.", "<style>")
    elif size > 8 * _KB:
        yield Spot(f"The style blocks have {size // _KB} KB; Gmail reads 16 in all.", "<style>", Severity.WARNING)
    for sheet in mail.page.sheets:
        if not sheet.is_balanced:
            yield Spot("A style block has more opening than closing braces, or fewer: it is dropped.", "<style>")


def no_stray_characters(mail: Mail) -> Iterator[Spot]:
    """S03: traces of text that was decoded wrongly."""
    for name, text in (("subject", mail.subject), ("HTML", mail.html or ""), ("plain text", mail.text or "")):
        found = _STRAY.search(text)
        if found:
            around = _STRAY.sub("?", text[max(0, found.start() - 20) : found.end() + 20]).strip()
            count = len(_STRAY.findall(text))
            yield Spot(f"The {name} has {count} stray control or replacement characters.", around)


def message_is_small(mail: Mail) -> Iterator[Spot]:
    """S04."""
    if mail.is_message and len(mail.raw) > 150 * _KB:
        yield Spot(f"The message has {len(mail.raw) // _KB} KB; it loads slowly on phones.")


def links_are_few(mail: Mail) -> Iterator[Spot]:
    """S05."""
    links = [node.get("href") for node in mail.page.links] if mail.page else []
    if len(links) > 60 and mail.purpose in {Purpose.ISSUE, Purpose.UNKNOWN}:
        yield Spot(f"There are {len(links)} links; filters and readers do well with up to 60.")
    longest = max(links, key=len, default="")
    if len(longest) > 250 + 250 * (not mail.about.is_ours):
        yield Spot(f"A link has {len(longest):,} characters.", longest[:80], Severity.NOTE)


def split_comments(source: str) -> tuple[str, list[str]]:
    """The page without its comments, and the comments. Looks at every character once."""
    kept: list[str] = []
    comments: list[str] = []
    position = 0
    while (start := source.find("<!--", position)) >= 0:
        kept.append(source[position:start])
        end = source.find("-->", start + 4)
        if end < 0:
            return "".join(kept), comments
        comments.append(source[start + 4 : end])
        position = end + 3
    kept.append(source[position:])
    return "".join(kept), comments


def _balance(source: str, place: str) -> Iterator[Spot]:
    counts = Counter((slash, tag.lower()) for slash, tag in _TAG.findall(source))
    for tag in _BALANCED:
        opened, closed = counts["", tag], counts["/", tag]
        if opened != closed:
            yield Spot(f"<{tag}>: {opened} are opened and {closed} closed{place}.", f"<{tag}>")
