"""A reader's whole way in a browser: sign-up, mail, confirmation, digest, one click. On a desk and on a phone, with and
without script, in each language; every page on it is checked by axe and under its strict policy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from broadsheet.demo import setting
from newsletters.schedules import Terms
from tests.browser import axe
from tests.browser.live import Live

pytestmark = pytest.mark.browser

TERMS = Terms(lead=timedelta(0), max_articles=4, late_limit=timedelta(hours=25), window=timedelta(hours=72))
VISITS = [
    ("en", 1280, True),
    ("en", 360, False),
    ("ar", 1280, True),
    ("ar", 360, False),
    ("ckb", 1280, False),
    ("ckb", 360, True),
]
WITHOUT_SCRIPT = {(language, width) for language, width, script in VISITS if not script}


def reader_of(language: str, width: int) -> str:
    return f"{language}-{width}@readers.example"


@pytest.fixture(scope="module")
def visits(live: Live, browser: Browser) -> Iterator[dict[str, BrowserContext]]:
    """Every reader's browser, after sign-up and confirmation; then the morning's digest goes out to all of them."""
    open_browsers = {}
    for language, width, script in VISITS:
        reader = reader_of(language, width)
        context = browser.new_context(viewport={"width": width, "height": 800}, java_script_enabled=script)
        context.set_default_timeout(20_000)
        open_browsers[reader] = context
        _sign_up(live, context, language, reader)
        _confirm(live, context, reader)
    live.do(live.service.collect())
    live.do(live.service.schedule("en", "ar", "ckb", terms=TERMS))
    live.do(live.service.todays_issues())
    yield open_browsers
    for context in open_browsers.values():
        context.close()


@pytest.mark.parametrize(("language", "width"), [visit[:2] for visit in VISITS])
def test_a_reader_signs_up_confirms_reads_and_leaves(
    live: Live,
    visits: dict[str, BrowserContext],
    language: str,
    width: int,
) -> None:
    reader = reader_of(language, width)
    context = visits[reader]
    digest = live.service.digest_to(reader)
    tab = _visit(context, f"{live.service.mailbox_url}/m/{digest.id}/html")
    frame = tab.frame_locator("iframe")
    assert frame.locator("html").get_attribute("dir") == ("ltr" if language == "en" else "rtl")
    assert frame.locator("h1, h2, h3").count() >= 4

    with context.expect_page() as opened:
        frame.locator('a[href*="/u/"]').first.click()
    page = opened.value
    _is_sound(page, language)
    with page.expect_navigation():
        page.locator("form[action^='/u/'] button").click()
    _is_sound(page, language)
    assert page.locator("form[action^='/back/'], a[href^='/back/']").count() == 1  # the way back stays open


def _sign_up(live: Live, context: BrowserContext, language: str, reader: str) -> None:
    page = _visit(context, live.url(f"/n/{setting.SLUG}/{language}"))
    _is_sound(page, language)
    page.fill("#email", "this is no address")
    with page.expect_navigation():
        page.press("#email", "Enter")
    assert page.locator("#email[aria-invalid=true]").evaluate("field => field === document.activeElement")
    _is_sound(page, language)
    page.fill("#email", reader)
    with page.expect_navigation():
        page.press("#email", "Enter")
    _is_sound(page, language)
    assert reader.split("@")[1] in page.inner_text("main")
    page.close()


def _confirm(live: Live, context: BrowserContext, reader: str) -> None:
    language = reader.partition("-")[0]
    mail = live.do(live.service.mailbox.wait_for(to=reader, timeout=30))
    tab = _visit(context, f"{live.service.mailbox_url}/m/{mail.id}/html")
    with context.expect_page() as opened:
        tab.frame_locator("iframe").locator('a[href*="/confirm/"]').first.click()
    page = opened.value
    _is_sound(page, language)
    with page.expect_navigation():
        page.locator("form[action^='/confirm/'] button").click()
    _is_sound(page, language)
    live.do(live.service.mailbox.wait_for(to=reader, after=mail.id, timeout=30))
    page.close()
    tab.close()


def _visit(context: BrowserContext, url: str) -> Page:
    page = context.new_page()
    answer = page.goto(url)
    assert answer is not None
    assert answer.status == 200
    return page


def _is_sound(page: Page, language: str) -> None:
    """In the reader's language and direction, as wide as the screen, accessible, and under a policy without script."""
    page.wait_for_load_state()
    html = page.locator("html")
    assert (html.get_attribute("lang"), html.get_attribute("dir")) == (language, "ltr" if language == "en" else "rtl")
    assert page.locator("script").count() == 0
    assert page.locator("[style], style").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if (language, page.evaluate("innerWidth")) not in WITHOUT_SCRIPT:  # there, axe's promises would never come true
        assert axe.findings(page) == []
