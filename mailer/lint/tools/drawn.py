"""What only shows when a page is drawn (L03, L07, L09, I06, A07): five widths, with and without its style block, no pictures.

The letter stands in frames of those widths in one page; a script of ours measures them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from mailer.lint.catalogue import SUBJECTS
from mailer.lint.finding import Finding, NotRun, Report, Severity
from mailer.lint.tools import chromium

RULES = "L03 L07 L09 I06 A07"
NAME = f"{RULES} (Chromium)"
_WIDTHS = (320, 360, 414, 600, 1200)
_BARE_WIDTHS = (360, 1200)
_STYLE = re.compile(r"<style\b.*?</style\s*>", re.IGNORECASE | re.DOTALL)
_LEAST_TEXT = 12  # px; our own letters keep to 14 (C07)
_MOST = 5

_MEASURE = """
const rooms = ROOMS, pages = PAGES;
const seen = (frame, node) => {
  for (let each = node; each; each = each.parentElement) {
    const style = frame.getComputedStyle(each);
    if (style.display === "none" || style.visibility === "hidden" || (style.maxHeight === "0px" && style.overflow === "hidden"))
      return false;
  }
  return node.getClientRects().length > 0;
};
const words = node => (node.innerText || node.textContent || "").trim().replace(/\\s+/g, " ");
function wide(frame, width) {
  const root = frame.document.documentElement;
  if (root.scrollWidth <= width + 1) return [];
  const out = [...frame.document.body.querySelectorAll("*")].filter(node => seen(frame, node))
    .map(node => [Math.max(node.getBoundingClientRect().right - width, -node.getBoundingClientRect().left), node])
    .sort((a, b) => b[0] - a[0])[0];
  return [{wide: root.scrollWidth, where: out ? `<${out[1].tagName.toLowerCase()}>: ${words(out[1]).slice(0, 60)}` : ""}];
}
function small(frame) {
  const found = [], walker = frame.document.createTreeWalker(frame.document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim(), node = walker.currentNode.parentElement;
    const size = parseFloat(frame.getComputedStyle(node).fontSize);
    if (text.length > 1 && size < LEAST && seen(frame, node)) found.push({size, where: text.slice(0, 60)});
  }
  return found;
}
function targets(frame) {
  const links = [...frame.document.querySelectorAll("a[href]")].filter(node => words(node) && seen(frame, node));
  const inText = node => words(node.parentElement).length > words(node).length + 3;
  const rects = links.map(node => node.getBoundingClientRect());
  const middle = rect => [(rect.left + rect.right) / 2, (rect.top + rect.bottom) / 2];
  return links.filter((node, at) => !inText(node) && Math.min(rects[at].height, rects[at].width) < 24 &&
    rects.some((other, b) => b !== at && links[b].href !== node.href &&
      Math.hypot(middle(other)[0] - middle(rects[at])[0], middle(other)[1] - middle(rects[at])[1]) < 24))
    .map(node => ({height: Math.round(node.getBoundingClientRect().height), where: words(node).slice(0, 60)}));
}
function blind(frame) {
  const links = [...frame.document.querySelectorAll("a[href]")];
  const told = new Set(links.filter(node => words(node)).map(node => node.getAttribute("href")));
  return links.filter(node => node.querySelector("img") && !words(node) && !node.querySelector("img[alt]:not([alt=''])")
    && !told.has(node.getAttribute("href")) && !node.closest("[aria-hidden=true]"))
    .map(node => ({where: node.getAttribute("href").slice(0, 60)}));
}
function turned(frame) {
  const heads = [...frame.document.querySelectorAll("h1,h2,h3,h4")].filter(node => seen(frame, node));
  return heads.filter((node, at) => at && node.getBoundingClientRect().bottom < heads[at - 1].getBoundingClientRect().top)
    .map(node => ({where: words(node).slice(0, 60)}));
}
addEventListener("load", () => {
  for (const [width, bare] of rooms) {
    const frame = document.createElement("iframe");
    frame.style.cssText = `width:${width}px;height:2000px;border:0;display:block`;
    frame.srcdoc = pages[bare];
    document.body.append(frame);
  }
  setTimeout(() => {
    const found = [];
    [...document.querySelectorAll("iframe")].forEach((each, at) => {
      const [width, bare] = rooms[at], frame = each.contentWindow;
      const add = (rule, list) => list.forEach(one => found.push({rule, width, bare, ...one}));
      add(bare ? "L07" : "L03", wide(frame, width));
      if (bare) add("L07", small(frame));
      if (width === 360 && !bare) { add("L09", targets(frame)); add("I06", blind(frame)); add("A07", turned(frame)); }
    });
    tell(found);
  }, 1500);
});
"""


def look(html: str | None) -> Report:
    if html is None:
        return Report((), (NotRun(NAME, "there is no HTML in it"),))
    said = chromium.ask(_sheet(html))
    return Report((), (NotRun(NAME, said),)) if isinstance(said, str) else Report(findings(said))


def findings(told: Sequence[dict[str, Any]]) -> list[Finding]:
    """A few places of each rule; the tenth says no more than the fifth."""
    found: dict[str, list[Finding]] = {}
    for each in told:
        found.setdefault(each["rule"], []).append(_finding(each))
    return [one for several in found.values() for one in list(dict.fromkeys(several))[:_MOST]]


def _sheet(html: str) -> str:
    plain = chromium.harmless(html)
    rooms = [[width, 0] for width in _WIDTHS] + [[width, 1] for width in _BARE_WIDTHS]
    script = _MEASURE.replace("ROOMS", json.dumps(rooms)).replace("LEAST", str(_LEAST_TEXT))
    # In a script `<!--` and `</` would end or swallow it.
    pages = json.dumps([plain, _STYLE.sub("", plain)]).replace("<", "\\u003c")
    return chromium.page("<!doctype html><head></head><body></body>", script.replace("PAGES", pages))


def _finding(each: dict[str, Any]) -> Finding:
    where = " ".join(str(each["where"]).split())
    at = f"at {each['width']} px{', without its style block' if each['bare'] else ''}"
    severity, words, mend = _SAID[each["rule"]]
    if each["rule"] == "L07" and "size" in each:
        words, mend = "A text is {size:g} px {at}.", "Write its size inline."
    words = words.format(at=at, **{name: each.get(name) for name in ("wide", "size", "height")})
    rule = str(each["rule"])
    return Finding(id=rule, subject=SUBJECTS[rule[0]], severity=severity, words=words, where=where[:160], mend=mend)


_WIDE = "The page is {wide} px wide {at}: readers must push it to and fro."
_SAID: dict[str, tuple[Severity, str, str]] = {
    "L03": (
        Severity.ERROR,
        _WIDE,
        "Let what sticks out be narrower: max-width in place of width, words that may break.",
    ),
    "L07": (Severity.WARNING, _WIDE, "Write inline what keeps the page narrow."),
    "L09": (
        Severity.WARNING,
        "A link is {height} px high and another is close to it: fingers miss it.",
        "Give it room: 44 px.",
    ),
    "I06": (
        Severity.WARNING,
        "A link is a picture alone, and with pictures off there is nothing.",
        "Give the picture an alt.",
    ),
    "A07": (
        Severity.WARNING,
        "A heading stands above the one before it in the source.",
        "Write them as they are read.",
    ),
}
