"""A sheet of every page there is: light and dark, on a phone and on a desk, from left to right and from right to left.

    python tools/pages.py [build/pictures] [--only /ops]

The demo runs for real; its pages are visited by a reader of every edition and by somebody who is signed in. Which pages
there are is asked of the app itself, so that a new one cannot be forgotten: a route whose address cannot be filled in is
named at the end, and so is a page that scrolls sideways or breaks its Content-Security-Policy.
"""

from __future__ import annotations

import argparse
import html
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from sqlalchemy import func, select

from broadsheet import clock
from broadsheet.demo import setting
from broadsheet.settings import load
from broadsheet.tables import metadata
from broadsheet.wiring import House
from ground.tokens import Purpose
from newsletters.issues import Issue
from staff import appoint, links, members
from staff.links import Use
from staff.members import Member, Role
from subscribers.subscriptions import Subscription

WIDTHS = (360, 1280)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
INSIDE = ("/console", "/ops")
OWNER = "hanar@zagroscourier.example"
PATIENCE = 60.0
#: Where a page is named otherwise than the table that its number stands for.
TABLES = {"sources": "feeds", "readers": "subscribers", "look": "editions"}
#: What else is asked of an address, to see it in its states.
ASKED = {
    "/console/issues/{issue_id:int}/preview": ("", "?screen=phone", "?screen=dark", "?screen=text"),
    "/console/schedules/new": ("?edition=1",),
    "/ops/issues/{issue_id:int}/left-out": ("?reason=suppressed",),
}
STYLE = """
body { margin: 24px; font: 14px/1.5 system-ui, sans-serif; background: #ddd; color: #111 }
section { margin: 0 0 40px } h2 { font-size: 16px; margin: 0 0 8px } .wrong { color: #a00; font-weight: bold }
div { display: flex; gap: 12px; align-items: start } figure { margin: 0 } figcaption { font-size: 12px; color: #555 }
img { display: block; border: 1px solid #999; max-height: 900px; object-fit: cover; object-position: top }
.w360 { width: 180px } .w1280 { width: 480px }
"""


@dataclass
class Sheet:
    """What was seen, and what is wrong with it."""

    folder: Path
    only: str
    sections: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    routes: set[str] = field(default_factory=set)

    def add(self, page: Page, title: str, *, complaints: list[str], mirrored: bool = False) -> None:
        """Pictures of the page as it stands in this tab."""
        if self.only not in title:
            return
        name = re.sub(r"\W+", "-", title).strip("-") or "front"
        shots, found = [], list(complaints)
        for scheme in SCHEMES:
            for width in WIDTHS:
                shots.append(self._shot(page, f"{name}-{width}-{scheme}", width, scheme))
                if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                    found.append(f"scrolls sideways at {width} px")
        if mirrored:
            page.evaluate("document.documentElement.dir = 'rtl'")
            shots += [self._shot(page, f"{name}-{width}-rtl", width, "light") for width in WIDTHS]
            page.evaluate("document.documentElement.dir = 'ltr'")
        complaints.clear()
        self.wrong += [f"{title}: {each}" for each in found]
        told = "".join(f'<p class="wrong">{html.escape(each)}</p>' for each in found)
        self.sections.append(f"<section><h2>{html.escape(title)}</h2>{told}<div>{''.join(shots)}</div></section>")
        print(f"  {title}", flush=True)

    def _shot(self, page: Page, name: str, width: int, scheme: Literal["light", "dark"]) -> str:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 800})
        page.screenshot(path=self.folder / f"{name}.png", full_page=True, animations="disabled")
        return (
            f'<figure><a href="{name}.png"><img class="w{width}" src="{name}.png" loading="lazy" alt=""></a>'
            f"<figcaption>{name.rpartition(str(width))[1]}{name.rpartition(str(width))[2]}</figcaption></figure>"
        )

    def write(self) -> Path:
        path = self.folder / "index.html"
        sections = "\n".join(self.sections)
        path.write_text(
            f'<!doctype html><meta charset="utf-8"><title>Every page</title><style>{STYLE}</style>\n{sections}\n',
            encoding="utf-8",
        )
        return path


class Newsroom:
    """The demo, running; and its database, to find what an address stands for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        command = [sys.executable, "-m", "broadsheet", "demo", "--folder", str(folder), "--port", "0"]
        self._demo = subprocess.Popen(  # noqa: S603 - our own program
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT, text=True
        )
        self.base_url = self._wait()
        self.house = House(load(data_dir=folder, base_url=self.base_url))
        self._appoint()

    def _wait(self) -> str:
        assert self._demo.stdout is not None
        told = ""
        for line in self._demo.stdout:
            told += line
            if "Ctrl+C ends it" in line:
                found = re.search(r"(http://\S+)/n/", told)
                assert found, told
                return found[1]
        raise SystemExit(f"The demo did not come to its end:\n{told}")

    def close(self) -> None:
        self.house.close()
        self._demo.terminate()
        self._demo.wait(15)

    def routes(self) -> list[str]:
        """The patterns of everything that answers GET."""
        return sorted(
            {path for path, methods in _routes(self.house.web_app(development=True).routes) if "GET" in methods}
        )

    def paths(self, pattern: str) -> list[str]:
        """The addresses that stand for a pattern; none where a part of it is not known here."""
        filled = [pattern.replace("{slug}", setting.SLUG).replace("{number}", "1")]
        if "{language}" in pattern:
            filled = [path.replace("{language}", language) for path in filled for language in setting.EDITIONS]
        filled = [re.sub(r"/(\w+)/\{(?:\w*id|reader)(?::int)?\}", self._row, path) for path in filled]
        asked = ASKED.get(pattern, ("",))
        return [path + query for path in filled for query in asked if "{" not in path]

    def _row(self, found: re.Match[str]) -> str:
        """`/deliveries/{id}`: the newest row of the table of this name."""
        table = metadata.tables.get(TABLES.get(found[1], found[1]))
        if table is None:
            return found[0]
        with self.house.database.read() as session:
            newest = session.scalar(select(func.max(table.c.id)))
        return found[0] if newest is None else f"/{found[1]}/{newest}"

    def _appoint(self) -> None:
        new = appoint.NewMember(address=OWNER, address_key=OWNER, name="Hanar Aziz", role=Role.OWNER)
        with self.house.database.write() as session:
            if not members.anybody(session):
                appoint.appoint(session, new, by=OWNER, now=clock.now())

    def sign_in_link(self) -> str:
        """A one-time link for an owner of the sample newsroom."""
        with self.house.database.write() as session:
            owner = session.scalars(select(Member).where(Member.role == Role.OWNER)).one()
            return "/sign-in/" + links.make(session, owner, Use.SIGN_IN, keys=self.house.keys, now=clock.now())

    def question_link(self) -> str:
        """Where a letter asks whether it was useful, for a reader of an edition that has sent one."""
        sent = (
            select(Subscription.id, Issue.number)
            .join(Issue, Issue.edition_id == Subscription.edition_id)
            .where(Issue.sealed_at.is_not(None))
        )
        with self.house.database.read() as session:
            row = session.execute(sent.order_by(Subscription.id, Issue.number).limit(1)).one()
        return f"/f/{self.house.keys.sign(Purpose.FEEDBACK, str(row.id))}?issue={row.number}&answer=yes"

    def link(self, to: str, path: str) -> str | None:
        """The newest link to `path` in a mail to this reader; waits until there is a mail with one."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for mail in sorted((self._folder / "mailbox").glob("*.eml"), key=lambda each: -int(each.stem)):
                message = message_from_bytes(mail.read_bytes(), policy=policy.default)
                body = message.get_body(("plain",))
                found = re.search(rf"{self.base_url}({path}\S+)", body.get_content() if body else "")
                if found and to in str(message["To"]):
                    return found[1]
            time.sleep(0.2)
        return None


def _routes(routes: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, set[str]]]:
    """FastAPI keeps a router that was included as one route."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from _routes(included.routes, prefix + route.include_context.prefix)
        else:
            yield prefix + route.path, getattr(route, "methods", None) or set()


def visit(sheet: Sheet, newsroom: Newsroom, tab: Page, complaints: list[str], pattern: str) -> None:
    if sheet.only not in pattern and not any(sheet.only in path for path in newsroom.paths(pattern)):
        sheet.routes.add(pattern)
        return
    for path in newsroom.paths(pattern):
        answer = tab.request.get(newsroom.base_url + path, max_redirects=0)
        sheet.routes.add(pattern)
        if not answer.headers.get("content-type", "").startswith("text/html") or "<html" not in answer.text():
            continue  # a redirect, a feed, a style sheet, a piece of a page
        tab.goto(newsroom.base_url + path, wait_until="load")
        sheet.add(tab, path, complaints=complaints, mirrored=path.startswith(INSIDE))


def question(sheet: Sheet, newsroom: Newsroom, tab: Page, complaints: list[str]) -> None:
    tab.goto(newsroom.base_url + newsroom.question_link())
    sheet.routes.add("/f/{token}")
    sheet.add(tab, "was it useful", complaints=complaints)
    with tab.expect_navigation():
        tab.locator("main form[method=post] button[type=submit]").first.click()
    sheet.add(tab, "it was useful", complaints=complaints)


def journey(sheet: Sheet, newsroom: Newsroom, tab: Page, complaints: list[str], language: str) -> None:
    """One reader from the sign-up box to the way back: what only a press or a mail leads to."""
    address = f"new.reader.{language}@post.example"
    home = f"{newsroom.base_url}/n/{setting.SLUG}/{language}"

    def seen(what: str) -> None:
        sheet.add(tab, f"{language}: {what}", complaints=complaints)

    def press() -> None:
        with tab.expect_navigation():
            tab.locator("main form[method=post] button[type=submit]").first.click()

    def follow(path: str) -> None:
        found = newsroom.link(address, path)
        assert found, f"no mail to {address} leads to {path}"
        tab.goto(newsroom.base_url + found)
        sheet.routes.add(f"{path}{{token}}")

    tab.goto(home)
    tab.fill("#email", "reader at example.org")
    press()
    seen("not an address")
    tab.goto(home)
    tab.fill("#email", address)
    press()
    seen("check your inbox")
    follow("/confirm/")
    seen("one press to confirm")
    press()
    seen("confirmed")
    follow("/confirm/")
    seen("confirmed before")
    if "/p/{token}" in newsroom.routes():
        follow("/p/")
        seen("preferences")
    follow("/u/")
    seen("unsubscribe")
    press()
    seen("left")
    way_back = tab.locator("main form").first.get_attribute("action")
    assert way_back
    tab.goto(newsroom.base_url + way_back)
    sheet.routes.add("/back/{token}")
    seen("the way back")
    press()
    seen("back again")


def console(sheet: Sheet, newsroom: Newsroom, tab: Page, complaints: list[str]) -> None:
    tab.goto(newsroom.base_url + newsroom.sign_in_link())
    sheet.routes |= {"/sign-in/{token}", "/static"}
    sheet.add(tab, "/sign-in/{token}", complaints=complaints)
    with tab.expect_navigation():
        tab.locator("main form button[type=submit]").first.click()
    for pattern in newsroom.routes():
        if pattern.startswith(INSIDE):
            visit(sheet, newsroom, tab, complaints, pattern)


def open_tab(context: BrowserContext) -> tuple[Page, list[str]]:
    tab, complaints = context.new_page(), []
    tab.on("console", lambda message: complaints.append(message.text) if _is_complaint(message) else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    return tab, complaints


def _is_complaint(message: ConsoleMessage) -> bool:
    """An error; but not the browser's line about a page that is itself answered with 4xx."""
    about_page = message.text.startswith("Failed to load resource") and "/static/" not in message.location["url"]
    return message.type == "error" and not about_page


def take(browser: Browser, newsroom: Newsroom, sheet: Sheet) -> None:
    reader, complaints = open_tab(browser.new_context(java_script_enabled=True))
    for pattern in newsroom.routes():
        if not pattern.startswith(INSIDE):
            visit(sheet, newsroom, reader, complaints, pattern)
    reader.goto(f"{newsroom.base_url}/nothing")
    sheet.add(reader, "an address that leads nowhere", complaints=complaints)
    question(sheet, newsroom, reader, complaints)
    for language in setting.EDITIONS:
        journey(sheet, newsroom, reader, complaints, language)
    console(sheet, newsroom, *open_tab(browser.new_context()))


def main() -> int:
    parser = argparse.ArgumentParser(description="A sheet of every page there is.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "build" / "pictures")
    parser.add_argument("--only", default="", help="a part of the addresses to take")
    asked = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        print("No Chromium on this machine. On Debian and Ubuntu: apt install chromium")
        return 1
    asked.folder.mkdir(parents=True, exist_ok=True)
    sheet = Sheet(asked.folder, asked.only)
    newsroom = Newsroom(asked.folder / "newsroom")
    try:
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--hide-scrollbars"])
            take(browser, newsroom, sheet)
            browser.close()
        forgotten = sorted(set(newsroom.routes()) - sheet.routes)
    finally:
        newsroom.close()
    print(f"\n{sheet.write()}")
    for each in sheet.wrong:
        print(f"Wrong: {each}")
    for pattern in forgotten:
        print(f"Not seen: {pattern}. Say in tools/pages.py what its address stands for.")
    return 1 if sheet.wrong or forgotten else 0


if __name__ == "__main__":
    sys.exit(main())
