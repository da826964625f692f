"""The console's script in a real browser, on the page that shows every part; and the same page without script."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import parse_qs

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, Request, Route

from ground.tokens import Purpose
from tests.web.conftest import House
from tests.web.conftest import house as house  # noqa: PLC0414 - a fixture of the pages' tests
from tests.web.conftest import viewer as viewer  # noqa: PLC0414 - what that one needs
from web.app import create_app
from web.browser import Cookies

pytestmark = pytest.mark.browser

FOCUSED = "document.activeElement.textContent.trim()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """The app on a port of its own, and the cookie of somebody who is signed in."""

    url: str
    cookie: tuple[str, str]


@pytest.fixture
def console(house: House) -> Iterator[Console]:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        parts = replace(house.parts, base_url=url, development=True)
        server = uvicorn.Server(uvicorn.Config(create_app(parts), log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        signed = house.keys.sign(Purpose.SESSION, house.sign_in().token, expires_at=house.now + parts.lifetimes.idle)
        yield Console(url=url, cookie=(Cookies(house.keys, url, parts.lifetimes.idle).session, signed))
        server.should_exit = True
        thread.join()


class Parts:
    """The page in one tab; what it posts is noted and answered with nothing."""

    def __init__(self, browser: Browser, console: Console, *, script: bool = True, width: int = 1280) -> None:
        context = browser.new_context(java_script_enabled=script, viewport={"width": width, "height": 900})
        context.add_cookies([{"name": console.cookie[0], "value": console.cookie[1], "url": console.url}])
        self.posted: list[Request] = []
        self.complaints: list[str] = []
        self.is_slow = False
        self.waiting: list[Route] = []
        self.tab: Page = context.new_page()
        self.tab.route("**/*", self._answer)
        self.tab.on("console", lambda message: self.complaints.append(message.text))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.goto(f"{console.url}/console/_parts", wait_until="load")

    def _answer(self, route: Route) -> None:
        if route.request.method == "GET":
            route.continue_()
        else:
            self.posted.append(route.request)
            self.waiting.append(route)
            if not self.is_slow:
                self.answer_all()

    def answer_all(self) -> None:
        while self.waiting:
            self.waiting.pop().fulfill(status=204)

    def has_posted(self, number: int) -> bool:
        """Whether so many forms arrive, soon, and no more of them."""
        for _ in range(100):
            if len(self.posted) >= number:
                break
            self.tab.wait_for_timeout(50)
        self.tab.wait_for_timeout(50)
        return len(self.posted) == number

    def titles(self) -> list[str]:
        return [text.strip() for text in self.tab.locator("[data-reorder]").first.locator("bdi").all_inner_texts()]


@pytest.fixture
def parts(browser: Browser, console: Console) -> Iterator[Parts]:
    made = Parts(browser, console)
    yield made
    made.tab.context.close()
    assert made.complaints == []  # among them, every violation of the Content-Security-Policy


def test_a_press_on_a_dangerous_button_asks_and_the_second_does_it(parts: Parts) -> None:
    parts.tab.locator(".hold summary").first.click()
    assert parts.posted == []
    assert parts.tab.evaluate(FOCUSED) == "Yes: Send now"
    parts.tab.keyboard.press("Enter")
    assert parts.has_posted(1)


@pytest.mark.parametrize("by", ["mouse", "Enter"])
def test_holding_a_dangerous_button_does_it_and_letting_go_early_does_not(parts: Parts, by: str) -> None:
    summary = parts.tab.locator(".hold summary").first
    summary.scroll_into_view_if_needed()
    keyboard, mouse = parts.tab.keyboard, parts.tab.mouse
    press: Callable[[], None] = mouse.down
    release: Callable[[], None] = mouse.up
    if by == "mouse":
        summary.hover()
    else:
        summary.focus()
        press, release = partial(keyboard.down, by), partial(keyboard.up, by)
    press()
    parts.tab.wait_for_timeout(300)
    assert parts.posted == []
    parts.tab.wait_for_timeout(1000)
    release()
    assert parts.has_posted(1)
    assert parts.tab.locator(".hold details[open]").count() == 0


def test_an_item_is_moved_by_keys_keeps_the_focus_and_is_announced(parts: Parts) -> None:
    first, second, third = parts.titles()
    item = parts.tab.locator("[data-item]").first
    item.focus()
    parts.tab.keyboard.press("Alt+ArrowUp")  # it is the first already
    parts.tab.keyboard.press("Alt+ArrowDown")
    assert parts.titles() == [second, first, third]
    parts.tab.keyboard.press("Alt+ArrowDown")
    assert parts.titles() == [second, third, first]
    assert first in parts.tab.evaluate(FOCUSED)
    assert parts.tab.locator("#announcements").inner_text() == f"{first} is now number 3 of 3."
    assert parts.has_posted(2)
    bodies = [parse_qs(request.post_data or "") for request in parts.posted]
    assert [body["position"] for body in bodies] == [["2"], ["3"]]
    assert all("form" in body for body in bodies)


def test_what_is_done_after_a_move_is_sent_after_it(parts: Parts) -> None:
    parts.is_slow = True
    parts.tab.locator("[data-item]").first.focus()
    parts.tab.keyboard.press("Alt+ArrowDown")
    parts.tab.keyboard.press("Alt+ArrowDown")
    parts.tab.locator(".hold summary").first.click()
    parts.tab.keyboard.press("Enter")
    assert parts.has_posted(1)
    parts.is_slow = False
    parts.answer_all()
    assert parts.has_posted(3)
    bodies = [parse_qs(request.post_data or "") for request in parts.posted]
    assert [body.get("position") for body in bodies] == [["2"], ["3"], None]


def test_an_item_is_dragged(parts: Parts) -> None:
    first, second, third = parts.titles()
    handles = parts.tab.locator("[data-reorder]").first.locator("[data-handle]")
    handles.first.scroll_into_view_if_needed()
    start, end = handles.first.bounding_box(), handles.nth(2).bounding_box()
    assert start is not None
    assert end is not None
    parts.tab.mouse.move(start["x"] + 4, start["y"] + 8)
    parts.tab.mouse.down()
    parts.tab.mouse.move(end["x"] + 4, end["y"] + 20, steps=12)
    parts.tab.wait_for_timeout(200)
    parts.tab.mouse.up()
    assert parts.has_posted(1)
    assert parts.titles() == [second, third, first]
    assert [parse_qs(request.post_data or "")["position"] for request in parts.posted] == [["3"]]


def test_a_dialog_opens_closes_and_gives_the_focus_back(parts: Parts) -> None:
    parts.tab.locator("[data-opens]").first.click()
    assert parts.tab.locator("dialog[open]").count() == 1
    parts.tab.keyboard.press("Escape")
    assert parts.tab.locator("dialog[open]").count() == 0
    assert parts.tab.evaluate(FOCUSED) == "Rewrite the headline"
    parts.tab.locator("[data-opens]").first.click()
    parts.tab.locator("dialog[open] [data-closes]").click()
    assert parts.tab.locator("dialog[open]").count() == 0


def test_j_and_k_walk_through_the_items(parts: Parts) -> None:
    first, second, _ = parts.titles()
    parts.tab.keyboard.press("j")
    assert first in parts.tab.evaluate(FOCUSED)
    parts.tab.keyboard.press("j")
    assert second in parts.tab.evaluate(FOCUSED)
    parts.tab.keyboard.press("k")
    assert first in parts.tab.evaluate(FOCUSED)
    parts.tab.locator("#ltr-title").focus()
    parts.tab.keyboard.type("jk")
    assert parts.tab.evaluate("document.activeElement.id") == "ltr-title"


def test_a_letter_is_shown_in_its_frame(parts: Parts) -> None:
    frame = parts.tab.locator("iframe.preview").first
    frame.scroll_into_view_if_needed()
    assert parts.tab.frame_locator("iframe.preview").first.locator("h1").inner_text() == "Bridge at Zeryan reopens"


@pytest.mark.parametrize("width", [320, 360, 700, 1023, 1280])
def test_no_part_scrolls_the_page_sideways(browser: Browser, console: Console, width: int) -> None:
    parts = Parts(browser, console, width=width)
    assert parts.tab.evaluate("document.documentElement.scrollWidth") <= width
    parts.tab.context.close()


def test_without_script_every_act_is_still_there(browser: Browser, console: Console) -> None:
    parts = Parts(browser, console, script=False, width=360)
    parts.tab.locator(".hold summary").first.click()
    parts.tab.locator(".hold button.sure").first.click()
    assert len(parts.posted) == 1
    parts.tab.locator("[data-opens]").first.click()
    assert parts.tab.locator("#ltr-dialog").is_visible()
    parts.tab.locator("#ltr-dialog .close").click()
    assert not parts.tab.locator("#ltr-dialog").is_visible()
    parts.tab.locator(".menu summary").click()
    assert parts.tab.locator(".menu a", has_text="Suppressions").is_visible()
    assert not parts.tab.locator("[data-handle]").first.is_visible()
    parts.tab.context.close()
