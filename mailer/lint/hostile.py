"""Rules about what no honest letter holds (H), and about what a template should have filled (D08)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailer.lint.finding import Severity, Spot
from mailer.lint.mail import Mail
from mailer.lint.page import MAX_ELEMENTS

_OVERRIDES = re.compile("[\u202a-\u202e]")
_SCHEMES = re.compile(r"(?:javascript|vbscript|data|file|blob)\s{0,5}:", re.IGNORECASE)
_IGNORED = re.compile(r"[\x00-\x20\u200b-\u200f\ufeff]+")
_IN_STYLE = re.compile(r"(?:expression\s{0,5}\(|-moz-binding|behavior\s{0,5}:|javascript\s{0,5}:)", re.IGNORECASE)
_SYNTAX = re.compile(
    r"\{\{[^{}]{0,80}\}?\}?|\{%[^{}]{0,80}%?\}?|<%[^<>]{0,80}%?>?|zz[0-9a-f]{16}-[a-z_0-9]{1,40}-zz"
    r"|\*\|[A-Z0-9_:]{1,40}\|\*|%%[A-Za-z_]{2,40}%%|\$\{[A-Za-z_.]{1,60}\}|\[\[[A-Za-z_. ]{2,60}\]\]"
)
_EMPTY = re.compile(r"\A(?:None|undefined|null|NaN|\[object Object\])\Z")
_ADDRESSES = ("href", "src", "action", "background", "poster", "xlink:href", "formaction")


def no_overrides(mail: Mail) -> Iterator[Spot]:
    """H01. UAX 9 2.2: they turn what follows around, which is how a file or a link is made to look like another."""
    for name, text in (("subject", mail.subject), ("HTML", mail.html or ""), ("plain text", mail.text or "")):
        found = _OVERRIDES.search(text)
        if found:
            around = text[max(0, found.start() - 20) : found.end() + 20]
            yield Spot(
                f"The {name} has a bidi override or embedding (U+{ord(found[0]):04X}).", _OVERRIDES.sub("", around)
            )


def no_scripts_in_addresses(mail: Mail) -> Iterator[Spot]:
    """H02."""
    for node in mail.page.nodes if mail.page else ():
        for name in _ADDRESSES:
            value = _IGNORED.sub("", node.get(name)[:200])
            found = _SCHEMES.match(value)
            if found:
                yield Spot(f"A {name} is {found[0].lower()} instead of a web address.", node.where)


def no_scripts_in_styles(mail: Mail) -> Iterator[Spot]:
    """H03."""
    for node in mail.page.nodes if mail.page else ():
        if _IN_STYLE.search(node.get("style")[:10_000]):
            yield Spot("A style holds a script.", node.where)


def is_bounded(mail: Mail) -> Iterator[Spot]:
    """H04. A letter has hundreds of elements."""
    if mail.page and not (mail.page.is_counted and mail.page.is_whole):
        yield Spot(f"The page has over {MAX_ELEMENTS:,} elements or over a million characters: nobody can look at it.")


def no_refresh(mail: Mail) -> Iterator[Spot]:
    """H05."""
    for node in mail.page.all("meta") if mail.page else ():
        if node.get("http-equiv").lower() == "refresh":
            yield Spot("A meta tag leads readers to another page.", node.where)


def nothing_left_of_a_template(mail: Mail) -> Iterator[Spot]:
    """D08. What a story of ours quotes is the story's own business, and only told."""
    texts = [("Subject", mail.subject), ("the plain text", mail.text or "")]
    if mail.page is not None:
        texts += [("the page", mail.page.text)]
        texts += [(node.where, node.get(name)) for node in mail.page.nodes for name in ("href", "src", "alt", "title")]
    told = 0
    stories = [" ".join(story.split()) for story in mail.about.stories]
    for where, text in texts:
        for found in _SYNTAX.finditer(text):
            is_quoted = any(" ".join(found[0].split()) in story for story in stories)
            yield Spot(f"{found[0][:60]} was not filled.", where[:100], Severity.NOTE if is_quoted else None)
            told += 1
            if told > 20:
                return


def nothing_empty(mail: Mail) -> Iterator[Spot]:
    """D08."""
    for node in mail.page.seen if mail.page else ():
        if _EMPTY.match(node.own):
            is_quoted = any(node.own in story.split() for story in mail.about.stories)
            yield Spot(
                f"A text is {node.own!r}: a value was missing.", node.where, Severity.NOTE if is_quoted else None
            )
