"""Rules about readers who do not see the page as it was drawn (A)."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator

from ground.language import direction
from mailer.lint.bidi import ADDRESS
from mailer.lint.finding import Severity, Spot
from mailer.lint.layout import is_data
from mailer.lint.mail import Mail

_VAGUE = frozenset(
    {"read more", "more", "click here", "here", "learn more", "this link", "link", "details", "continue"}
    | {"continue reading", "اقرأ المزيد", "المزيد", "اضغط هنا", "انقر هنا", "هنا", "للمزيد", "بیشتر", "اینجا"}
    | {"زیاتر", "زیاتر بخوێنەوە", "زیاتر بخوێنەرەوە", "لێرە", "کرتە لێرە بکە", "لێرە بخوێنەوە"}
)
_ARABIC = re.compile("[\u0620-\u064a\u066e-\u06d3\u06d5\u06fa-\u06ff]")
_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]{2,}")
_EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)(m?s)\b")


def one_heading(mail: Mail) -> Iterator[Spot]:
    """A01. WCAG 1.3.1."""
    if mail.page is None:
        return
    count = sum(1 for node in mail.page.all("h1") if not node.is_silent and not node.is_hidden)
    if count > 1:
        yield Spot(f"There are {count} headings <h1>; one names the letter.", "<h1>")
    elif count == 0 and len(mail.page.text.split()) > 100:
        yield Spot("There is no <h1>: who listens cannot tell where the letter begins.")


def headings_step_down(mail: Mail) -> Iterator[Spot]:
    """A01. Screen readers' users go from heading to heading."""
    found = list(mail.page.all("h1", "h2", "h3", "h4", "h5", "h6")) if mail.page else []
    for before, after in itertools.pairwise([node for node in found if not node.is_hidden]):
        if int(after.tag[1]) > int(before.tag[1]) + 1:
            yield Spot(f"<{after.tag}> follows <{before.tag}>: a level is left out.", after.where)


def links_have_a_text(mail: Mail) -> Iterator[Spot]:
    """A02. WCAG 2.4.4."""
    for node in mail.page.links if mail.page else ():
        if node.is_silent or node.is_hidden or node.get("aria-label"):
            continue
        if not node.text and not any(image.get("alt", "").strip() for image in node.images):
            yield Spot("A link has no text.", f"line {node.line}, {node.get('href')[:80]}")


def links_say_where(mail: Mail) -> Iterator[Spot]:
    """A03."""
    targets: dict[str, set[str]] = defaultdict(set)
    for node in mail.page.links if mail.page else ():
        words = node.text.casefold().strip(" .…»›>→←:")
        if node.is_hidden or node.is_silent or not words:
            continue
        if words in _VAGUE:
            yield Spot(f"A link says only {node.text[:40]!r}: alone, it tells nobody where it leads.", node.where)
        elif len(words) > 3:
            targets[words].add(node.get("href").rstrip("/"))
    for words, places in targets.items():
        if len(places) > 1:
            yield Spot(f"{words[:60]!r} leads to {len(places)} places.", words[:60], Severity.NOTE)


def links_are_not_colour_alone(mail: Mail) -> Iterator[Spot]:
    """A05. WCAG 1.4.1; a heading, or a link that is the whole line, is plain enough."""
    lines = {node.text for node in mail.page.all("p", "td", "li")} if mail.page else set()
    for node in mail.page.links if mail.page else ():
        is_bare = node.styles.get("text-decoration", "").startswith("none")
        looks_otherwise = re.search("background|border", " ".join(node.styles))
        is_in_text = node.path[:1] == ("p",) and len(node.text) > 2 and node.text not in lines
        if is_bare and is_in_text and not looks_otherwise:
            yield Spot("A link in running text differs by its colour alone.", node.where)


def other_languages_are_marked(mail: Mail) -> Iterator[Spot]:
    """A06. WCAG 3.1.2."""
    if mail.page is None or not mail.page.lang:
        return
    for node in mail.page.seen:
        words = ADDRESS.sub("", node.own)  # an address that is shown is of no language
        if len(words) < 12:
            continue
        runs_left = direction(_tag(node.lang or mail.page.lang)) == "rtl"
        arabic, latin = len(_ARABIC.findall(words)), len(_LATIN_WORD.findall(words))
        if not runs_left and arabic > 12 and arabic > len(words) / 2:
            yield Spot(f"Arabic letters stand in what says it is {node.lang or mail.page.lang}.", node.where)
        elif runs_left and latin >= 6 and not arabic:
            yield Spot(
                f"Latin words stand in what says it is {node.lang or mail.page.lang}.", node.where, Severity.WARNING
            )


def spacers_are_silent(mail: Mail) -> Iterator[Spot]:
    """A08."""
    if mail.page is None:
        return
    spacers = [
        node
        for node in mail.page.all("td")
        if not node.text and not node.is_silent and node.get("height") and not node.is_hidden and node.tables
    ]
    spacers = [node for node in spacers if node.styles.get("font-size") in {"0", "0px", "1px"}]
    if spacers:
        yield Spot(f"{len(spacers)} cells that only make room are said aloud.", spacers[0].where, Severity.NOTE)


def no_shouting(mail: Mail) -> Iterator[Spot]:
    """A09. Screen readers spell capitals out; filters count them."""
    words = re.findall(r"[A-Z]{2,}", mail.subject)
    if len(words) > 2 and mail.subject.isupper():
        yield Spot("The subject is all capitals.", mail.subject[:60])
    if len(_EMOJI.findall(mail.subject)) > 1:
        yield Spot("The subject has more than one emoji.", mail.subject[:60])
    for node in mail.page.seen if mail.page else ():
        if node.own.isupper() and len(re.findall(r"[A-Z]{3,}", node.own)) > 3:
            yield Spot("A text is typed in capitals.", node.where)


def nothing_flashes(mail: Mail) -> Iterator[Spot]:
    """A10. WCAG 2.2.2, 2.3.1."""
    if mail.page is None:
        return
    for node in mail.page.all("marquee", "blink"):
        yield Spot(f"<{node.tag}> cannot be stopped.", node.where)
    for sheet in mail.page.sheets:
        for rule in sheet.rules:
            for each in rule.declarations:
                if each.name in {"animation", "animation-iteration-count"} and "infinite" in each.value:
                    yield Spot("An animation never ends.", f"<style>, {rule.selector[:60]}")
                elif each.name in {"animation", "animation-duration"} and _lasts(each.value) > 5:
                    yield Spot("An animation lasts over five seconds.", f"<style>, {rule.selector[:60]}")


def data_tables_have_heads(mail: Mail) -> Iterator[Spot]:
    """A11. WCAG 1.3.1."""
    if mail.page is None:
        return
    for node in mail.page.all("th"):
        table = mail.page.table_of(node)
        if table is not None and is_data(mail.page, table) and node.text and not node.get("scope"):
            yield Spot("A heading cell has no scope.", node.where)


def _tag(lang: str) -> str:
    return lang if re.match(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,3}\Z", lang) else "en"


def _lasts(value: str) -> float:
    found = _SECONDS.search(value)
    return float(found[1]) / (1_000 if found[2] == "ms" else 1) if found else 0.0
