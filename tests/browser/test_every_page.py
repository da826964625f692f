"""Every page that the app has, as an owner and a reader see it: accessible, under its policy, as wide as its screen.

Which pages there are is asked of the app, so that none can be forgotten: an address whose parts are not known here is a
failure. Each is looked at on a desk and on a phone, in light and in dark.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Response as PlaywrightResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from broadsheet.demo import setting
from broadsheet.demo.people import Person
from broadsheet.demo.visitor import link_in
from ground.tokens import Purpose
from newsletters.issues import Issue
from staff.members import Role
from subscribers.subscriptions import Subscription
from tests.browser import axe
from tests.browser.live import Live
from tests.browser.newsroom import DESK, PHONE, REFUSED, Tab, a_morning, a_tab, appoint_everybody, one_time_link

pytestmark = pytest.mark.browser

Scheme = Literal["light", "dark"]

#: No pages: pieces that a page fetches, files, and what only machines ask for.
NO_PAGES = {
    "/archive/{slug}/{language}/feed.json",
    "/archive/{slug}/{language}/feed.xml",
    "/archive/{slug}/{language}/{number}",  # a letter in its sandbox, where axe cannot run: test_letters_fit
    "/console/_parts/letter",
    "/console/issues/{issue_id:int}/beside",
    "/console/issues/{issue_id:int}/preview/letter",
    "/console/look",  # leads to the first edition's
    "/console/look/{edition_id:int}/letter",
    "/console/readers/export",
    "/console/readers/import/{number}/errors.csv",
    "/console/readers/{reader}/record.json",
    "/console/schedules/dates",
    "/console/sources/feeds.opml",
    "/console/sources/{feed_id}/state",
    "/healthz",
    "/images/{name}",
    "/logos/{name}",
    "/metrics",
    "/n/{slug}/{language}/brand.css",
    "/ops/now",
    "/readyz",
    "/static",
}
INSIDE = ("/console", "/ops")
LIST = "email,name\nnew.one@readers.example,New One\nnot an address,Nobody\n"


@dataclass(frozen=True, slots=True)
class House:
    """What the parts of the addresses stand for, by pattern; {language} is each of the three."""

    live: Live
    addresses: Mapping[str, list[str]]
    draft: int


@pytest.fixture(scope="module")
def house(live: Live, browser: Browser) -> House:
    appoint_everybody(live)
    morning = a_morning(live)
    of_reader = _links_of_a_reader(live)
    with a_tab(browser, live) as tab:
        tab.sign_in_by_link(Role.OWNER)
        imported = _import_a_list(tab)
        author, feed, delivery, reader, member, schedule = 1, 1, 1, 1, 1, 1
    addresses = {
        "/console/authors/{author_id:int}": [f"/console/authors/{author}"],
        "/f/{token}": [_question(live, morning.sent)],
        "/console/look/{edition_id:int}": [f"/console/look/{each}" for each in live.service.editions.values()],
        "/console/people/{number}": [f"/console/people/{member}"],
        "/console/readers/import/{number}": [imported],
        "/console/readers/{reader}": [f"/console/readers/{reader}"],
        "/console/schedules/new": [f"/console/schedules/new?edition={live.service.editions['ckb']}"],
        "/console/schedules/{schedule_id}": [f"/console/schedules/{schedule}"],
        "/console/sources/{feed_id}": [f"/console/sources/{feed}"],
        "/ops/deliveries/{delivery_id:int}": [f"/ops/deliveries/{delivery}"],
        "/ops/suppressions": ["/ops/suppressions", f"/ops/suppressions?address={REFUSED}"],
        "/sign-in/{token}": [one_time_link(live, Role.EDITOR)],
        **of_reader,
    }
    for name in ("/ops/issues/{issue_id:int}", "/ops/issues/{issue_id:int}/left-out"):
        addresses[name] = [name.replace("{issue_id:int}", str(morning.sent))]
    for pattern in _patterns(live):
        issues = [morning.sent, morning.draft] if pattern.endswith(("}", "/flight", "/correction")) else [morning.draft]
        if pattern.startswith("/console/issues/{"):
            addresses[pattern] = [re.sub(r"\{issue_id(:int)?\}", str(number), pattern) for number in issues]
    addresses["/console/issues/{issue_id:int}/preview"] += [
        f"/console/issues/{morning.draft}/preview?screen={screen}" for screen in ("phone", "dark", "text")
    ]
    return House(live, addresses, morning.draft)


def _question(live: Live, issue_id: int) -> str:
    """Where a letter asks one of its readers whether it was useful."""

    def story(session: Session) -> str:
        issue = session.get_one(Issue, issue_id)
        of_edition = select(Subscription.id).where(Subscription.edition_id == issue.edition_id).limit(1)
        number = session.scalars(of_edition).one()
        token = live.service.house.keys.sign(Purpose.FEEDBACK, str(number))
        return f"/f/{token}?issue={issue.number}&answer=yes"

    return live.do(live.service.write(story))


def _links_of_a_reader(live: Live) -> dict[str, list[str]]:
    """The pages that only a mail leads to: of a reader who is in, of one who has left, of one who has yet to confirm."""
    stays, leaves, waits = (Person(f"{word}@readers.example", "ar") for word in ("stays", "leaves", "waits"))
    service = live.service
    mails = {}
    for person in (stays, leaves, waits):
        live.do(service.visitor.sign_up(f"/n/{setting.SLUG}/{person.language}", person))
        asked = live.do(service.mailbox.wait_for(to=person.address, timeout=30))
        mails[person] = asked.parsed()
        if person is not waits:
            live.do(service.visitor.confirm(mails[person]))
            mails[person] = live.do(service.mailbox.wait_for(to=person.address, after=asked.id, timeout=30)).parsed()
    leave = link_in(mails[leaves], "/u/")
    left = live.do(service.client.post(leave))
    assert left.status_code == 200
    back = re.search(r'"(/back/[^"]+)"', left.text)
    assert back
    choices = urlsplit(link_in(mails[stays], "/p/")).path
    assert (
        live.do(service.client.post(f"{choices}/address", data={"email": "moved@readers.example"})).status_code == 200
    )
    asked = live.do(service.mailbox.wait_for(to="moved@readers.example", timeout=30))
    return {
        "/move/{token}": [urlsplit(link_in(asked.parsed(), "/move/")).path],
        "/confirm/{token}": [urlsplit(link_in(mails[waits], "/confirm/")).path],
        "/u/{token}": [urlsplit(link_in(mails[stays], "/u/")).path, urlsplit(leave).path],
        "/p/{token}": [choices],
        "/back/{token}": [back[1]],
    }


def _import_a_list(tab: Tab) -> str:
    """Hand in a list with one address that is none; the path of its dry run."""
    tab.open("/console/readers/import")
    page = tab.page
    page.set_input_files("#file", {"name": "list.csv", "mimeType": "text/csv", "buffer": LIST.encode()})
    page.select_option("#edition", str(tab.live.service.editions["en"]))
    page.check("input[name=mode][value=confirmed]")
    page.fill("#source", "The old site’s form, 2019 to 2025")
    tab.press("main form button[type=submit]")
    page.wait_for_selector("a[href$='errors.csv']")
    assert tab.complaints == []
    return urlsplit(page.url).path


def _patterns(live: Live) -> list[str]:
    """Everything that answers GET."""
    app = live.service.house.web_app(development=True)
    return sorted({path for path, methods in _routes(app.routes) if "GET" in methods} - NO_PAGES)


def _routes(routes: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, set[str]]]:
    """FastAPI keeps a router that was included as one route."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from _routes(included.routes, prefix + route.include_context.prefix)
        else:
            yield prefix + route.path, getattr(route, "methods", None) or set()


def paths(house: House) -> list[str]:
    """Every address that the tests look at; one with a part that nobody knows keeps its brackets."""
    found = []
    for pattern in _patterns(house.live):
        for language in setting.EDITIONS if "{language}" in pattern else [""]:
            plain = pattern.replace("{slug}", setting.SLUG).replace("{language}", language)
            found += house.addresses.get(pattern, [plain])
    return sorted(dict.fromkeys(found), key=lambda path: path.startswith(INSIDE))  # the sign-in page before signing in


def language_of(path: str) -> str:
    named = re.match(r"/(?:n|archive)/[^/]+/(\w+)", path)
    if named:
        return named[1]
    return "ar" if path.startswith(("/p/", "/u/", "/confirm/", "/back/", "/move/")) else "en"


def test_every_address_is_known(house: House) -> None:
    """A new page's address must be filled in above, or stand among what is no page."""
    assert [path for path in paths(house) if "{" in path] == []


@pytest.mark.parametrize(("width", "scheme"), [(DESK, "light"), (PHONE, "dark")])
def test_every_page_is_sound(browser: Browser, house: House, width: int, scheme: Scheme) -> None:
    wrong: dict[str, list[str]] = {}
    titles: dict[str, set[str]] = defaultdict(set)
    with a_tab(browser, house.live, width=width) as tab:
        tab.page.emulate_media(color_scheme=scheme)
        for path in paths(house):
            if path == "/console":  # the first page inside
                tab.sign_in_by_link(Role.OWNER)
            answer = tab.page.goto(house.live.url(path), wait_until="load")
            assert answer is not None
            found = [*faults(tab, language_of(path)), *([f"status {answer.status}"] if answer.status != 200 else [])]
            titles[tab.page.title()].add(path.partition("?")[0])
            if found:
                wrong[path] = found
    assert wrong == {}, "\n".join(f"{path}: {each}" for path, found in wrong.items() for each in found)
    assert {title: found for title, found in titles.items() if len(found) > 1} == {}


@pytest.mark.parametrize(("width", "scheme"), [(DESK, "light"), (PHONE, "dark")])
def test_every_refusal_is_a_sound_page(browser: Browser, house: House, width: int, scheme: Scheme) -> None:
    wrong: dict[int | str, list[str]] = {}
    with a_tab(browser, house.live, width=width) as tab:
        tab.page.emulate_media(color_scheme=scheme)
        tab.sign_in_by_link(Role.EDITOR)
        for name, (status, provoke) in REFUSALS.items():
            answers: list[int] = []
            tab.page.on("response", partial(_note_status, answers))
            provoke(tab, house)
            found = faults(tab, "en")
            if answers[-1] != status:
                found.append(f"status {answers[-1]}, not {status}")
            if found:
                wrong[name] = found
    assert wrong == {}


def _note_status(answers: list[int], answer: PlaywrightResponse) -> None:
    if answer.request.is_navigation_request() and answer.frame.parent_frame is None:
        answers.append(answer.status)


def _go(path: str) -> Callable[[Tab, House], None]:
    return lambda tab, _: tab.open(path)


def _nonsense(tab: Tab, house: House) -> None:
    """A schedule at no time: the form comes back with what is wrong and what was typed."""
    tab.open(f"/console/schedules/new?edition={house.live.service.editions['ckb']}")
    tab.page.fill("#times", "25:99")
    tab.press("main form .acts button")


def _stale(tab: Tab, house: House) -> None:
    """Two tabs write one subject; the second is shown both."""
    desk = f"/console/issues/{house.draft}"
    other = tab.page.context.new_page()
    other.goto(house.live.url(desk))
    tab.open(desk)
    for page, subject in ((other, "Theirs"), (tab.page, "Mine")):
        page.click("summary[data-key=s]")
        page.fill("#subject", f"{subject}, at {house.live.service.clock():%H:%M:%S}")
        with page.expect_navigation():
            page.locator("form[action$='/subject'] button").first.click()
    other.close()


def _signed_out(tab: Tab, house: House) -> None:
    """The sign-in runs out in the middle of an edit."""
    desk = f"/console/issues/{house.draft}"
    tab.open(desk)
    tab.page.click("summary[data-key=s]")
    tab.page.fill("#subject", "Typed for long")
    tab.page.context.clear_cookies()
    tab.press("form[action$='/subject'] button")


#: What leads to a refusal; the last of them signs out.
REFUSALS: dict[str, tuple[int, Callable[[Tab, House], None]]] = {
    "nothing there": (404, _go("/nothing")),
    "nothing there, inside": (404, _go("/console/issues/99999")),
    "another's role": (403, _go("/console/readers/import")),
    "a number that is none": (400, _go("/console/issues/99999999999999999999/flight")),
    "a search for nothing": (422, _go("/ops/deliveries?issue=99999")),
    "a form of nonsense": (422, _nonsense),
    "two at one issue": (409, _stale),
    "signed out meanwhile": (401, _signed_out),
}


def faults(tab: Tab, language: str) -> list[str]:
    """What is wrong with the page in this tab."""
    page = tab.page
    html = page.locator("html")
    found, tab.complaints[:] = list(tab.complaints), []
    if (html.get_attribute("lang"), html.get_attribute("dir")) != (language, "ltr" if language == "en" else "rtl"):
        found.append(f"lang {html.get_attribute('lang')}, dir {html.get_attribute('dir')}")
    if page.locator("h1").count() != 1:
        found.append(f"{page.locator('h1').count()} h1")
    if page.locator("script:not([src]), [style], style, [onclick], [onload]").count():
        found.append("a script or a style inside the page")
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append(f"scrolls sideways: {page.evaluate(WIDEST)}")
    return found + axe.findings(page)


#: The elements that stick out, the smallest last.
WIDEST = """() => [...document.querySelectorAll("body *")]
  .filter(each => { const box = each.getBoundingClientRect(); return box.right > innerWidth + 1 || box.left < -1; })
  .slice(-3).map(each => each.outerHTML.slice(0, 100))"""
