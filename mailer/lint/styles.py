"""Rules about CSS (C)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from mailer.lint.css import Declaration, Rule
from mailer.lint.finding import Severity, Spot
from mailer.lint.mail import Mail
from mailer.lint.page import Page

_MODERN = re.compile(r"\b(?:var|calc|clamp|min|max)\(")
_BAD_COLOUR = re.compile(r"\b(?:hsla?|oklch|oklab|lab|lch|hwb|color)\(|\brgba?\(\s*[\d.]+%?\s+[\d.]", re.IGNORECASE)
_SHORT = re.compile(r"#[0-9a-fA-F]{3,4}(?![0-9a-fA-F])")
_AT_RULES = frozenset(("@media", "@font-face", "@supports", "@-ms-viewport", "@keyframes", "@-webkit-keyframes"))
_PIXELS = re.compile(r"(\d+(?:\.\d+)?)px\Z")
_CLASS = re.compile(r"""(?:\.|\[class[~*^|$]?=["']?)(-?[A-Za-z_][\w-]{0,60})""")
_CONDITIONAL = ("@media", "@supports")


def inline(page: Page) -> Iterator[tuple[str, Declaration]]:
    """Every declaration that stands on an element, with its place."""
    for node in page.nodes:
        for each in node.style:
            yield node.where, each


def in_sheets(page: Page) -> Iterator[tuple[str, Declaration]]:
    """Every declaration of the style blocks that is not asked for by a condition."""
    for sheet in page.sheets:
        for rule in sheet.rules:
            if not any(each.startswith(_CONDITIONAL) for each in rule.around):
                for each in rule.declarations:
                    yield f"<style>, {rule.selector[:60]}", each


def nothing_modern(mail: Mail) -> Iterator[Spot]:
    """C01. Word, and Gmail of other accounts, know none of it."""
    for where, each in [*inline(mail.page), *in_sheets(mail.page)] if mail.page else ():
        value = each.value.lower()
        is_modern = (each.name == "display" and value in {"flex", "grid", "inline-flex", "inline-grid"}) or (
            each.name == "position" and value in {"absolute", "fixed", "sticky"}
        )
        if is_modern or (each.name == "float" and value != "none") or each.name.startswith("--"):
            yield Spot(f"{each.name}: {value[:40]} does not hold in Outlook.", where)
        elif _MODERN.search(value):
            yield Spot(f"{value[:40]} is dropped by Outlook and by some of Gmail's accounts.", where)


def colours_are_plain(mail: Mail) -> Iterator[Spot]:
    """C02. caniemail, css-rgba: Gmail drops the whole attribute, or the whole block."""
    for where, each in [*inline(mail.page), *in_sheets(mail.page)] if mail.page else ():
        if _BAD_COLOUR.search(each.value):
            yield Spot(f"{each.name}: {each.value[:40]} makes Gmail drop all that stands with it.", where)
        elif "color" in each.name and _SHORT.search(each.value):
            yield Spot(
                f"{each.name}: {each.value[:40]} has three digits; old Outlooks misread it.", where, Severity.NOTE
            )


def no_at_in_at(mail: Mail) -> Iterator[Spot]:
    """C03. hteumeuleu/caniemail#144: Gmail drops the block."""
    for sheet in mail.page.sheets if mail.page else ():
        nested = [rule for rule in sheet.rules if sum(each.startswith("@") for each in rule.around) > 1]
        if nested:
            yield Spot("An at-rule stands in another.", f"<style>, {' '.join(nested[0].around)[:80]}")


def known_at_rules(mail: Mail) -> Iterator[Spot]:
    """C04."""
    for sheet in mail.page.sheets if mail.page else ():
        for name in sorted(sheet.at_rules - _AT_RULES - {"@import"}):
            if re.search(rf"(?:\A|[;}}\s]){re.escape(name)}\b", sheet.source):
                yield Spot(f"{name} is known to few mail programs; some drop the block for it.", "<style>")


def styles_parse(mail: Mail) -> Iterator[Spot]:
    """C05."""
    for where, each in inline(mail.page) if mail.page else ():
        if not each.value or not re.match(r"-{0,2}[a-z][a-z0-9-]*\Z", each.name):
            yield Spot(
                f"A style attribute holds {f'{each.name}: {each.value}'[:60]!r}, which is no declaration.", where
            )


def media_rules_win(mail: Mail) -> Iterator[Spot]:
    """C06. What is inlined wins over a media query that does not say !important."""
    inlined = _inline_names(mail.page) if mail.page else {}
    for sheet in mail.page.sheets if mail.page else ():
        for rule in sheet.rules:
            if rule.media and not rule.around[-1].lower().startswith(("@font", "@key")):
                weak = [each for each in rule.declarations if each.important != " !important" and each.value]
                if not mail.about.is_ours:
                    weak = [
                        each
                        for each in weak
                        if not each.is_important and any(each.name in inlined.get(name, ()) for name in _named(rule))
                    ]
                if weak:
                    yield Spot(
                        f"{weak[0].name} has no !important within {rule.media[:40]}.", f"<style>, {rule.selector[:60]}"
                    )


def _inline_names(page: Page) -> dict[str, set[str]]:
    """What is declared inline on the elements of each class (`.name`) and each tag."""
    found: dict[str, set[str]] = defaultdict(set)
    for node in page.nodes:
        declared = {each.name for each in node.style}
        for name in (node.tag, *(f".{each}" for each in node.get("class").split()[:20])) if declared else ():
            found[name] |= declared
    return found


def _named(rule: Rule) -> list[str]:
    """The classes of a selector, or else its tags."""
    return [f".{name}" for name in _CLASS.findall(rule.selector)] or re.findall(
        r"[a-z][a-z0-9]*", rule.selector.lower()
    )


def text_is_large_enough(mail: Mail) -> Iterator[Spot]:
    """C07. iOS enlarges text under 13 px, and breaks the layout by it."""
    least = 14 if mail.about.is_ours else 12
    for node in mail.page.seen if mail.page else ():
        size = _PIXELS.match(node.inherited.get("font-size", ""))
        if size and len(node.own) > 1 and float(size[1]) < least:
            yield Spot(f"Text of {float(size[1]):g} px is hard to read; {least} is the least.", node.where)


def lines_have_a_height(mail: Mail) -> Iterator[Spot]:
    """C07. Word takes line heights for the least, unless told."""
    for node in mail.page.seen if mail.page else ():
        is_fixed = node.styles.get("line-height", "").endswith("px") and node.tag in {"p", "td", "h1", "h2", "h3"}
        if node.own and is_fixed and node.styles.get("mso-line-height-rule") != "exactly":
            yield Spot("A line height in px has no mso-line-height-rule:exactly.", node.where)


def no_background_pictures(mail: Mail) -> Iterator[Spot]:
    """C09, K04. Outlook shows no background picture, and the dark mode of others turns the text on it."""
    for node in mail.page.seen if mail.page else ():
        has_picture = "url(" in f"{node.styles.get('background', '')}{node.styles.get('background-image', '')}"
        if (has_picture or node.get("background")) and not (node.get("bgcolor") or "background-color" in node.styles):
            yield Spot("A picture lies behind text, with no colour under it where it is not shown.", node.where)
