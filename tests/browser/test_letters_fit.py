"""Letters in a browser: nothing sticks out at any width, with and without the style sheet, in either direction."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser

from mailer import render
from tests.mailer.letters_at_hand import FOLDERS, page

pytestmark = pytest.mark.browser

WIDTHS = (320, 360, 600, 1200)


@pytest.mark.parametrize("language", ["en", "ar", "ckb"])
@pytest.mark.parametrize("template", ["daily", "weekly", "follow", "confirm"])
@pytest.mark.parametrize("styled", [True, False], ids=["styled", "no style block"])
def test_no_letter_scrolls_sideways(browser: Browser, template: str, language: str, styled: bool) -> None:  # noqa: FBT001
    """Gmail's app drops the style block of other providers' accounts: the inline layer must hold on its own."""
    html = render.render(page(template, language), FOLDERS).html
    if not styled:
        html = re.sub(r"<style.*?</style>", "", html, flags=re.DOTALL)
    wide = {}
    for width in WIDTHS:
        tab = browser.new_page(viewport={"width": width, "height": 800})
        tab.route("**/*", lambda route: route.abort())
        tab.set_content(html)
        wide[width] = tab.evaluate("document.documentElement.scrollWidth")
        tab.close()
    assert {width: found for width, found in wide.items() if found > width} == {}


@pytest.mark.parametrize("language", ["en", "ar", "ckb"])
@pytest.mark.parametrize("template", ["daily", "weekly", "follow"])
def test_the_digest_is_legible_in_dark_mode(browser: Browser, template: str, language: str) -> None:
    """Every text that shows differs enough from the ground it stands on (WCAG 2.2, 1.4.3: 4.5 to 1)."""
    html = render.render(page(template, language), FOLDERS).html
    for scheme in ("light", "dark"):
        tab = browser.new_page(viewport={"width": 600, "height": 800}, color_scheme=scheme)
        tab.route("**/*", lambda route: route.abort())
        tab.set_content(html)
        assert tab.evaluate(POOR_CONTRASTS) == [], scheme
        tab.close()


POOR_CONTRASTS = """() => {
  const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = node => {
    for (; node; node = node.parentElement) {
      const found = rgb(getComputedStyle(node).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.getClientRects().length) continue;
    const [a, b] = [light(rgb(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(walker.currentNode.data.trim().slice(0, 40) + " " + ratio.toFixed(2));
  }
  return poor;
}"""
