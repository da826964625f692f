"""A page of every golden mail as readers' programs show it: narrow and wide, by day and by night, and robbed of much.

    python tools/gallery.py [build/gallery] [--only weekly]

Each mail at 320, 360, 600 and 1200 px; light, dark, forced dark (Chromium's, which stands in for Gmail on Android), without
its style block (Gmail's app with others' accounts), with its pictures off. What sticks out to the side is named at the end.
"""

from __future__ import annotations

import argparse
import html
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, Page, Playwright, Route, sync_playwright

from tests.golden.letters import GOLDEN, Golden, made

IMAGES = ROOT / "broadsheet" / "demo" / "sample" / "images"
WIDTHS = (320, 360, 600, 1200)
FLAGS = ["--no-sandbox", "--hide-scrollbars", "--disable-background-networking"]
FORCED = [*FLAGS, "--enable-features=WebContentsForceDark", "--force-dark-mode"]
#: L10: the share of a picture that may differ from the approved one.
_MOST_UNLIKE = 0.02
STYLE = """
body { margin: 24px; font: 14px/1.5 system-ui, sans-serif; background: #ddd; color: #111 }
nav { columns: 5; margin: 0 0 32px } nav a { display: block } .wrong { color: #a00; font-weight: bold }
section { margin: 0 0 48px } h2 { font-size: 16px; margin: 0 0 8px }
section > div { display: flex; flex-wrap: wrap; gap: 10px; align-items: start } figure { margin: 0 }
figcaption { font-size: 11px; color: #444 } img { display: block; border: 1px solid #999; height: 520px; width: auto }
"""


@dataclass(frozen=True, slots=True)
class View:
    """One way of showing a mail."""

    name: str
    width: int
    scheme: Literal["light", "dark"] = "light"
    is_forced: bool = False
    has_styles: bool = True
    has_pictures: bool = True


VIEWS = (
    *(View(f"{width} light", width) for width in WIDTHS),
    View("360 dark", 360, "dark"),
    View("600 dark", 600, "dark"),
    View("360 forced dark", 360, is_forced=True),
    View("600 forced dark", 600, is_forced=True),
    View("360 no styles", 360, has_styles=False),
    View("1200 no styles", 1200, has_styles=False),
    View("600 no pictures", 600, has_pictures=False),
)


@dataclass
class Sheet:
    """What was seen, and what is wrong with it."""

    folder: Path
    sections: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def add(self, golden: Golden, tabs: Mapping[View, Page]) -> None:
        shots = [self._shot(golden, view, tab) for view, tab in tabs.items()]
        name = html.escape(str(golden))
        self.names.append(f'<a href="#{name}">{name}</a>')
        self.sections.append(f'<section id="{name}"><h2>{name}</h2><div>{"".join(shots)}</div></section>')
        print(f"  {golden}", flush=True)

    def _shot(self, golden: Golden, view: View, tab: Page) -> str:
        tab.set_content(shown(golden, view), wait_until="load")
        name = f"{golden}-{view.name.replace(' ', '-')}.png"
        tab.screenshot(path=self.folder / name, full_page=True, animations="disabled")
        told = "".join(
            f'<span class="wrong">{html.escape(each)}</span>' for each in self._complaints(golden, view, tab)
        )
        picture = f'<a href="{name}"><img src="{name}" loading="lazy" alt=""></a>'
        return f"<figure>{picture}<figcaption>{view.name} {told}</figcaption></figure>"

    def _complaints(self, golden: Golden, view: View, tab: Page) -> list[str]:
        wide = tab.evaluate("document.documentElement.scrollWidth")
        found = [f"it is {wide} px wide"] if wide > view.width else []
        self.wrong += [f"{golden}, {view.name}: {each}" for each in found]
        return found

    def compare(self, before: Path) -> None:
        """L10: what has another look than in a gallery that was approved."""
        for path in sorted(self.folder.glob("*.png")):
            share = unlike(path, before / path.name) if (before / path.name).is_file() else 0.0
            if share > _MOST_UNLIKE:
                self.wrong.append(f"{path.stem}: {share:.0%} of it is unlike {before.name}")

    def write(self) -> Path:
        path = self.folder / "index.html"
        body = f"<nav>{''.join(self.names)}</nav>\n" + "\n".join(self.sections)
        head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Every golden mail</title><style>{STYLE}</style>'
        path.write_text(f"{head}\n{body}\n", encoding="utf-8")
        return path


def unlike(one: Path, other: Path) -> float:
    """The share of pixels that differ to the eye; all of them where the sizes do by more than a line."""
    from PIL import Image, ImageChops

    with Image.open(one) as a, Image.open(other) as b:
        if a.width != b.width or abs(a.height - b.height) > 40:
            return 1.0
        height = min(a.height, b.height)
        pictures = [each.convert("L").crop((0, 0, a.width, height)) for each in (a, b)]
    differences = ImageChops.difference(*pictures).point(lambda light: 255 if light > 24 else 0)
    return differences.histogram()[255] / (a.width * height)


def shown(golden: Golden, view: View) -> str:
    page = made(golden).html
    return page if view.has_styles else re.sub(r"<style.*?</style>", "", page, flags=re.DOTALL)


def open_tab(browser: Browser, view: View) -> Page:
    tab = browser.new_page(viewport={"width": view.width, "height": 800}, color_scheme=view.scheme)
    tab.route("**/*", answer if view.has_pictures else lambda route: route.abort())
    return tab


def answer(route: Route) -> None:
    """The sample newsroom's pictures from its folder; nothing from anywhere else."""
    image = IMAGES / re.sub(r"-\d+x\d+(?=\.)", "", Path(route.request.url.split("?")[0]).name)
    if image.is_file():
        route.fulfill(path=image)
    else:
        route.abort()


def take(play: Playwright, chromium: str, sheet: Sheet, only: str) -> None:
    light = play.chromium.launch(executable_path=chromium, args=FLAGS)
    forced = play.chromium.launch(executable_path=chromium, args=FORCED)
    tabs = {view: open_tab(forced if view.is_forced else light, view) for view in VIEWS}
    for golden in GOLDEN:
        if only in str(golden):
            sheet.add(golden, tabs)
    light.close()
    forced.close()


def main() -> int:
    parser = argparse.ArgumentParser(description="A page of every golden mail.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "gallery")
    parser.add_argument("--only", default="", help="a part of the names to take, like weekly or short")
    parser.add_argument("--against", type=Path, help="a gallery that was approved: what differs by over 2 %% is named")
    asked = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        print("No Chromium on this machine. On Debian and Ubuntu: apt install chromium")
        return 1
    asked.folder.mkdir(parents=True, exist_ok=True)
    sheet = Sheet(asked.folder)
    with sync_playwright() as play:
        take(play, chromium, sheet, asked.only)
    if asked.against:
        sheet.compare(asked.against)
    print(f"\n{sheet.write()}")
    for each in sheet.wrong:
        print(f"Wrong: {each}")
    return 1 if sheet.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
