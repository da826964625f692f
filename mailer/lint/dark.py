"""Rules about dark mode (K)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailer.lint.css import Rule
from mailer.lint.finding import Spot
from mailer.lint.mail import Mail
from mailer.lint.page import Page

_CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]{0,60})")


def declares_its_schemes(mail: Mail) -> Iterator[Spot]:
    """K01. Without it Apple Mail turns the colours itself."""
    if mail.page is None:
        return
    has_meta = any(node.get("name") == "color-scheme" for node in mail.page.all("meta"))
    has_rule = any("color-scheme" in sheet.source for sheet in mail.page.sheets)
    if not has_meta:
        yield Spot(f"There is no color-scheme meta tag{'' if has_rule else ', nor a style that says it'}.", "<head>")
    elif not has_rule:
        yield Spot("No style block sets color-scheme on :root.", "<style>")


def covers_its_colours(mail: Mail) -> Iterator[Spot]:
    """K01. Dark letters that stay dark on a page that went dark are gone."""
    if mail.page is None:
        return
    dark = dark_rules(mail.page)
    if not dark:
        yield Spot("There are no rules for dark mode: each program turns the colours as it likes.", "<style>")
        return
    covered = {name for rule in dark for name in _CLASS.findall(rule.selector)}
    for node in mail.page.seen:
        if node.own and "color" in node.styles and not covered & set(node.get("class").split()):
            yield Spot(f"A text has the colour {node.styles['color'][:20]} and no rule for dark mode.", node.where)


def outlook_has_its_twin(mail: Mail) -> Iterator[Spot]:
    """K02. Outlook's apps know no media query; they mark what they turned by data-ogsc and data-ogsb."""
    if mail.page is None:
        return
    dark = {name for rule in dark_rules(mail.page) for name in _CLASS.findall(rule.selector)}
    twins = {
        name
        for sheet in mail.page.sheets
        for rule in sheet.rules
        if "data-ogs" in rule.selector
        for name in _CLASS.findall(rule.selector)
    }
    if dark - twins:
        names = ", ".join(f".{name}" for name in sorted(dark - twins)[:4])
        yield Spot(f"Dark rules without a twin for Outlook: {names}.", "<style>")


def dark_rules(page: Page) -> list[Rule]:
    """What holds by night alone."""
    return [rule for sheet in page.sheets for rule in sheet.rules if "prefers-color-scheme" in rule.media]
