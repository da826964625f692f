"""Contrast (A04), reckoned from the styles themselves: every text against its ground, by day and by night.

By day an element's own style and `bgcolor` count; by night the rules of the dark block beside them, which win by their
`!important`. What the source alone cannot tell (a colour by name, a picture under the text, a selector of more than a tag
and classes) is not judged.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mailer.lint.css import Declaration, Rule
from mailer.lint.dark import dark_rules
from mailer.lint.finding import Spot
from mailer.lint.mail import Mail
from mailer.lint.page import Node, Page

_HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})\Z")
_RGB = re.compile(r"rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)\Z")
_SIMPLE = re.compile(r"([a-z][a-z0-9]*)?((?:\.-?[A-Za-z_][\w-]*)*)\Z")
_NAMES = {"white": "#ffffff", "black": "#000000"}
_PASSED_ON = frozenset({"", "inherit", "transparent", "none", "initial", "unset", "currentcolor"})
_PIXELS = re.compile(r"(\d+(?:\.\d+)?)px\Z")
_TEXT, _LARGE = 4.5, 3.0

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Look:
    """The colours that an element has and hands down; None where they cannot be told."""

    ink: Rgb | None
    ground: Rgb | None


_DAY = _Look((0, 0, 0), (255, 255, 255))
_NIGHT = _Look(None, None)  # each program has a night of its own


@dataclass(frozen=True, slots=True)
class _Tinted:
    """A rule of the dark block, as far as it is a tag with classes."""

    tag: str
    classes: frozenset[str]
    colours: Mapping[str, str]

    def holds(self, node: Node) -> bool:
        return self.tag in {"", node.tag} and self.classes <= set(node.get("class").split())


def texts_stand_out(mail: Mail) -> Iterator[Spot]:
    """A04. WCAG 2.2, 1.4.3: 4.5 to 1, and 3 to 1 for what is large."""
    if mail.page is None:
        return
    for scheme, rules, canvas in (("", (), _DAY), (" in dark mode", _tinted(mail.page), _NIGHT)):
        if scheme and not rules:
            return
        for node, look in _looks(mail.page, rules, canvas):
            if not node.own or node.is_hidden or look.ink is None or look.ground is None:
                continue
            ratio = contrast(look.ink, look.ground)
            if ratio < (_LARGE if _is_large(node) else _TEXT):
                yield Spot(
                    f"A text has a contrast of {math.floor(ratio * 100) / 100:.2f} to 1{scheme}; 4.5 is the least.",
                    node.where,
                )


def contrast(ink: Rgb, ground: Rgb) -> float:
    light, dark = sorted((_luminance(ink), _luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def colour(text: str) -> Rgb | None:
    """What a colour's words say, where they are plain."""
    value = _NAMES.get(text.strip().lower(), text.strip().lower())
    if found := _HEX.match(value):
        digits = found[1] if len(found[1]) == 6 else "".join(each * 2 for each in found[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    if found := _RGB.match(value):
        return min(int(found[1]), 255), min(int(found[2]), 255), min(int(found[3]), 255)
    return None


def _looks(page: Page, rules: Sequence[_Tinted], canvas: _Look) -> Iterator[tuple[Node, _Look]]:
    looks: list[_Look] = []
    for node in page.nodes:
        own = _own(node) | {name: value for rule in rules if rule.holds(node) for name, value in rule.colours.items()}
        looks.append(_below(looks[node.parent] if node.parent >= 0 else canvas, own))
        yield node, looks[-1]


def _own(node: Node) -> dict[str, str]:
    """What an element says itself. A link without a colour has the program's own, which nobody knows."""
    said = _colours(node.style)
    if node.tag == "a":
        said.setdefault("color", "unknown")
    if node.get("background"):
        said["background"] = "unknown"
    elif node.get("bgcolor"):
        said.setdefault("background", node.get("bgcolor"))
    if node.tag == "font" and node.get("color"):
        said.setdefault("color", node.get("color"))
    return said


def _colours(declared: Sequence[Declaration]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in declared:
        if each.name == "color":
            found["color"] = each.value
        elif each.name == "background-color" and found.get("background") != "unknown":
            found["background"] = each.value
        elif each.name == "background-image" and each.value.lower() != "none":
            found["background"] = "unknown"
        elif each.name == "background":
            found["background"] = "unknown" if "(" in each.value else each.value.split(" ")[0]
    return found


def _below(above: _Look, own: Mapping[str, str]) -> _Look:
    look = above
    if own.get("color", "").lower() not in _PASSED_ON:
        look = replace(look, ink=colour(own["color"]))
    if own.get("background", "").lower() not in _PASSED_ON:
        look = replace(look, ground=colour(own["background"]))
    return look


def _tinted(page: Page) -> list[_Tinted]:
    return [each for rule in dark_rules(page) for each in _of_rule(rule)]


def _of_rule(rule: Rule) -> Iterator[_Tinted]:
    colours = _colours([each for each in rule.declarations if each.is_important])
    for selector in rule.selector.split(",") if colours else ():
        if match := _SIMPLE.match(selector.strip()):
            yield _Tinted(match[1] or "", frozenset(match[2].split(".")[1:]), colours)


def _is_large(node: Node) -> bool:
    size = _PIXELS.match(node.inherited.get("font-size", ""))
    is_bold = node.inherited.get("font-weight", "") in {"bold", "600", "700", "800", "900"} or node.tag in {
        "h1",
        "h2",
        "h3",
    }
    return size is not None and float(size[1]) >= (18.66 if is_bold else 24)


def _luminance(rgb: Rgb) -> float:
    parts = [each / 255 for each in rgb]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
