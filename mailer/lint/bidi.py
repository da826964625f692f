"""Rules about languages that run from right to left, and about their letters (R)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from unicodedata import bidirectional

from ground.language import Direction, direction
from mailer.lint.finding import Severity, Spot
from mailer.lint.mail import Mail
from mailer.lint.page import Node

_ARABIC = re.compile("[\u0620-\u064a\u066e-\u06d3\u06d5]")
_LOGICAL = re.compile(r"(?:-(?:inline|block)(?:-|$))|^inset")
_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,3}\Z")
#: A run of the other direction, a separator, a number: the number jumps to the run's other side.
_LATIN_THEN_NUMBER = re.compile(r"[A-Za-z]{2,}\s*[·|/–—-]\s*[0-9]")
_ARABIC_THEN_NUMBER = re.compile("[\u0620-\u064a\u066e-\u06d5]{2,}\\s*[·|/–—-]\\s*[0-9]")
_ISOLATES = re.compile("\u2068[^\u2069]{0,500}\u2069")
ADDRESS = re.compile(r"https?://\S+|\S+@\S+|\bwww\.\S+")
#: What an Arabic keyboard types for letters that Sorani has of its own.
_FOREIGN_KURDISH = {"\u0643": "ك for ک", "\u064a": "ي for ی", "\u0647\u200c": "ه and a non-joiner for ە"}


def says(lang: str) -> Direction:
    """Which way a language is written; a tag that is none counts as English."""
    return direction(lang if _TAG.match(lang) else "en")


def direction_is_the_languages(mail: Mail) -> Iterator[Spot]:
    """R01."""
    root = mail.page.first("html") if mail.page else None
    if root is None or not root.get("lang"):
        return
    wanted = says(root.get("lang"))
    said = root.get("dir").lower()
    if said == "auto" and not mail.about.is_ours:
        return  # the first letter decides, which is the language's
    if said and said != wanted:
        yield Spot(f'{root.get("lang")[:20]} runs {wanted}, and <html> says dir="{root.get("dir")[:10]}".', "<html>")


def cells_carry_it(mail: Mail) -> Iterator[Spot]:
    """R01: programs that take the page apart keep a cell's own dir."""
    if mail.page is None or says(mail.page.lang) != "rtl":
        return
    for node in mail.page.seen:
        if node.tag in {"td", "p", "div"} and _ARABIC.search(node.own) and node.dir != "rtl":
            yield Spot("A text from right to left stands in nothing that says so.", node.where)


def sides_are_physical(mail: Mail) -> Iterator[Spot]:
    """R03. Outlook and Gmail know left and right, not start and end."""
    for node in mail.page.nodes if mail.page else ():
        for each in node.style:
            if _LOGICAL.search(each.name) or (each.name, each.value) in {
                ("text-align", "start"),
                ("text-align", "end"),
            }:
                yield Spot(f"{each.name}: {each.value[:30]} is passed over by Outlook.", node.where)


def runs_are_isolated(mail: Mail) -> Iterator[Spot]:
    """R04. Unicode's rules (UAX 9) let a number join the run before it."""
    for node in mail.page.seen if mail.page else ():
        text = ADDRESS.sub("", _ISOLATES.sub("", node.own))
        wrong = _LATIN_THEN_NUMBER if node.dir == "rtl" else _ARABIC_THEN_NUMBER
        if node.tag != "bdi" and (node.dir != "rtl" or _ARABIC.search(node.own)) and wrong.search(text):
            yield Spot("A number after a run of the other direction will be shown on its wrong side.", node.where)


def inbox_lines_begin_right(mail: Mail) -> Iterator[Spot]:
    """R05. Inboxes take a line's direction from its first letter."""
    if mail.page is None or not mail.page.lang or not mail.subject:
        return
    wanted = says(mail.page.lang)
    strong = next((bidirectional(char) for char in mail.subject if bidirectional(char) in {"L", "R", "AL"}), None)
    if strong is not None and (strong == "L") != (wanted == "ltr"):
        yield Spot(
            f"The subject begins with a letter that runs the other way than {mail.page.lang}.", mail.subject[:60]
        )


def arabic_is_set_plainly(mail: Mail) -> Iterator[Spot]:
    """R07. Letters of this script are joined: spacing tears them, slanting and capitals do not exist."""
    for node in mail.page.seen if mail.page else ():
        if len(_ARABIC.findall(node.own)) < 3:
            continue
        for name in ("letter-spacing", "font-style", "text-transform", "text-align"):
            value = node.inherited.get(name, "").lower()
            torn = name == "letter-spacing" and re.search(r"[1-9]", value)
            if torn or value in {"italic", "oblique", "uppercase", "justify"}:
                yield Spot(f"{name}: {value} on Arabic letters.", node.where)


def kurdish_letters(mail: Mail) -> Iterator[Spot]:
    """R08. The two look alike in some fonts, and no search finds the one for the other."""
    for node in mail.page.seen if mail.page else ():
        if node.lang.lower().startswith("ckb"):
            for wrong, said in _FOREIGN_KURDISH.items():
                if wrong in node.own:
                    yield Spot(f"Kurdish with an Arabic letter: {said}.", node.where)


def one_kind_of_digits(mail: Mail) -> Iterator[Spot]:
    """R09."""
    if mail.page is None or says(mail.page.lang) != "rtl":
        return
    text = ADDRESS.sub("", " ".join(node.own for node in mail.page.seen if _is_of(node, mail)))
    kinds = [kind for kind, digits in (("0-9", "[0-9]"), ("٠-٩", "[٠-٩]"), ("۰-۹", "[۰-۹]")) if re.search(digits, text)]
    if len(kinds) > 1:
        yield Spot(f"Digits of {len(kinds)} kinds are used: {', '.join(kinds)}.", "", Severity.NOTE)


def _is_of(node: Node, mail: Mail) -> bool:
    assert mail.page is not None
    return bool(node.own) and (node.lang or mail.page.lang) == mail.page.lang and node.dir != "ltr"
