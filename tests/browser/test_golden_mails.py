"""Every golden mail, drawn: nothing sticks out at any width, nothing is too small, and axe-core finds nothing."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser

from mailer.lint.tools import drawn
from mailer.lint.tools.axe import NOT_ASKED
from tests.browser import axe
from tests.golden.letters import GOLDEN, Golden, made

pytestmark = [pytest.mark.browser, pytest.mark.slow]
_RUN = """async rules => {
  const {violations} = await axe.run(document, {resultTypes: ["violations"], rules});
  return violations.flatMap(({id, help, nodes}) => nodes.map(node => `${id}: ${help}: ${node.html.slice(0, 120)}`));
}"""

every_letter = pytest.mark.parametrize("golden", GOLDEN, ids=str)


@every_letter
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_a_golden_mail(browser: Browser, golden: Golden, scheme: str) -> None:
    """Its rules about landmarks are left out: a letter stands in somebody else's page, whose landmarks are not ours."""
    tab = browser.new_page(viewport={"width": 600, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]  # two of its words
    tab.route("**/*", lambda route: route.abort())
    tab.set_content(made(golden).html)
    tab.evaluate(axe.source())
    rules = {name: {"enabled": False} for name in NOT_ASKED}
    found: list[str] = tab.evaluate(_RUN, json.loads(json.dumps(rules)))
    tab.close()
    assert found == []


@every_letter
def test_a_golden_mail_holds_wherever_it_is_drawn(golden: Golden) -> None:
    """L03, L07, L09, I06, A07."""
    report = drawn.look(made(golden).html)
    assert [f"{each.id}: {each.words} {each.where}" for each in report.findings] == []
    assert report.not_run == ()


#: Sides of everything that stands by itself; what is as wide as its words is left out.
_FRAME = """() => [...document.querySelectorAll("table, td, img")]
  .filter(node => node.getClientRects().length && !node.matches(".folio") && !node.querySelector(".button a, .say"))
  .filter(node => !node.matches(".button, .box") && !node.parentElement.querySelector(":scope > .box .say"))
  .map(node => [node.getBoundingClientRect().left, node.getBoundingClientRect().right])"""


@pytest.mark.parametrize("language", ["ar", "ckb"])
@pytest.mark.parametrize("layout", ["daily", "weekly", "breaking", "follow"])
def test_a_letter_from_right_to_left_is_the_mirror_of_one_from_left_to_right(
    browser: Browser, layout: str, language: str
) -> None:
    """R02: the same frame turned around, within 2 px; a side that some place writes for one direction only shows here."""
    ours, theirs = (_frame(browser, Golden(layout, each, "long")) for each in (language, "en"))
    turned = {(_WIDE - right, _WIDE - left) for left, right in ours}
    assert len(turned) >= 2
    strange = [
        each
        for each in sorted(turned)
        if not any(abs(each[0] - left) <= 2 and abs(each[1] - right) <= 2 for left, right in theirs)
    ]
    assert strange == []


_WIDE = 640


def _frame(browser: Browser, golden: Golden) -> set[tuple[float, float]]:
    tab = browser.new_page(viewport={"width": _WIDE, "height": 800})
    tab.route("**/*", lambda route: route.abort())
    tab.set_content(made(golden).html)
    found: list[tuple[float, float]] = tab.evaluate(_FRAME)
    tab.close()
    return {(left, right) for left, right in found}


BROKEN = """<!doctype html><html lang="en"><head><style>.wide {{ max-width: 100% }} .fine {{ font-size: 14px }}</style></head><body>
{}</body></html>"""


@pytest.mark.parametrize(
    ("rule", "body"),
    [
        ("L03", '<table width="700"><tr><td>a column that is as wide as a desk</td></tr></table>'),
        ("L07", '<div class="wide" style="width:500px">words</div>'),
        ("L07", '<p style="font-size:9px" class="fine">terms and conditions</p>'),
        # Lines as high as they are told to be: a font's own height is another on each machine.
        ("L09", '<div style="line-height:18px"><div><a href="https://a.example/">One</a></div><a href="https://b.example/">Two</a></div>'),
        ("I06", '<a href="https://a.example/"><img src="https://a.example/x.png" width="200" height="50"></a>'),
        ("A07", '<h1 style="margin-top:200px">First</h1><h2 style="position:absolute;top:0">Second</h2>'),
    ],
)  # fmt: skip
def test_what_only_shows_when_it_is_drawn_is_found(rule: str, body: str) -> None:
    assert rule in {each.id for each in drawn.look(BROKEN.format(body)).findings}


def test_a_plain_page_has_nothing_against_it() -> None:
    fine = '<h1>News</h1><p>Words, and <a href="https://a.example/">a link</a> in them.</p><p><a href="https://b.example/">Two</a></p>'
    assert list(drawn.look(BROKEN.format(fine)).findings) == []
