"""Every pair of colours that the style sheets put upon each other can be read (WCAG 2.2: 1.4.3, 1.4.11)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from mailer.colour import contrast
from web import brand
from web.pages import STATIC

SCHEMES = ("light", "dark")
INKS = ("ink", "quiet", "accent", "go", "wait", "stop")
GROUNDS = ("paper", "raised")


def tokens(scheme: str) -> dict[str, str]:
    css = (STATIC / "broadsheet.css").read_text(encoding="utf-8")
    light, dark = css.split("@media (prefers-color-scheme: dark)")[:2]
    found = re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", light if scheme == "light" else dark.split("[dir=")[0])
    assert {*INKS, *GROUNDS, "rule", "field", "on-accent"} <= {name for name, _ in found}
    return dict(found)


def pairs() -> Iterator[tuple[str, str]]:
    """What a rule names together: the colour of its letters and that under them."""
    for path in STATIC.glob("*.css"):
        css = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for rule in re.findall(r"\{([^{}]*)\}", css):
            ink = re.search(r"(?<![-\w])color: var\(--([a-z-]+)\)", rule)
            ground = re.search(r"background(?:-color)?: var\(--([a-z-]+)\)", rule)
            if ink and ground:
                yield ink[1], ground[1]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_ink_can_be_read_on_every_ground(scheme: str) -> None:
    known = tokens(scheme)
    for ink in INKS:
        for ground in GROUNDS:
            assert contrast(known[ink], known[ground]) >= 4.5, (ink, ground)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_pair_that_a_rule_names_can_be_read(scheme: str) -> None:
    known, named = tokens(scheme), set(pairs())
    assert {("on-accent", "accent"), ("paper", "stop"), ("paper", "ink")} <= named
    for ink, ground in named:
        assert contrast(known[ink], known[ground]) >= 4.5, (ink, ground)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_edges_of_fields_and_signs_can_be_seen(scheme: str) -> None:
    known = tokens(scheme)
    stroke = re.findall(r'stroke="(#[0-9a-f]{6})"', (STATIC / "chevron.svg").read_text(encoding="utf-8"))[0]
    for ground in GROUNDS:
        assert contrast(known["field"], known[ground]) >= 3.0
        assert contrast(stroke, known[ground]) >= 3.0
    for filled in ("accent", "go", "wait", "stop"):
        assert contrast(known[filled], known["rule"]) >= 3.0, f"a bar filled with {filled}"


def test_a_brand_colour_is_checked_on_the_papers_there_are() -> None:
    light, dark = tokens("light"), tokens("dark")
    assert (light["paper"], light["raised"]) == brand._LIGHT
    assert (dark["paper"], dark["raised"]) == brand._DARK
    assert dark["on-accent"] == brand._DARK_INK
