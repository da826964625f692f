"""Ops after a morning's issue: finding who bounced and why, lifting a suppression, pausing and resuming all sending."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import queue
from mailer.letters import Lane
from mailer.suppressions import Suppression
from staff.members import AuditEntry, Role
from tests.browser import axe
from tests.browser.live import Live
from tests.browser.newsroom import (
    DESK,
    PHONE,
    REFUSAL,
    REFUSED,
    RETURNED,
    Morning,
    Tab,
    a_morning,
    a_tab,
    address_of,
    appoint_everybody,
    go_to,
)

NEWEST = select(AuditEntry.act, AuditEntry.actor).order_by(AuditEntry.id.desc()).limit(2)

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def morning(live: Live) -> Morning:
    appoint_everybody(live)
    return a_morning(live)


@pytest.mark.parametrize(("width", "reader"), [(DESK, REFUSED), (PHONE, RETURNED)])
def test_ops_finds_a_bounced_reader_and_lets_them_be_mailed_again(
    browser: Browser, live: Live, morning: Morning, width: int, reader: str
) -> None:
    with a_tab(browser, live, width=width) as tab:
        tab.sign_in_by_password(Role.OPS)
        go_to(tab, "Now")
        tab.press(f"a[href='/ops/issues/{morning.sent}']")
        assert "matches" in tab.page.inner_text("#sums")
        tab.press("a[href$='&show=bounced']")
        _is_sound(tab)
        found = tab.page.locator("tr", has_text=reader)
        assert found.count() == 1
        with tab.page.expect_navigation():
            found.locator("a[href^='/ops/deliveries/']").click()
        _reads_what_was_said(tab, reader)
        tab.press("a[href^='/ops/suppressions?address=']")
        _lift(tab, live, reader)


def _reads_what_was_said(tab: Tab, reader: str) -> None:
    """The raw words of the other side, and beside them what they mean and whose it is to act."""
    _is_sound(tab)
    page = tab.page
    told = page.locator(".timeline li.stop").first
    raw = told.locator("pre.raw")
    assert raw.evaluate("each => getComputedStyle(each).direction") == "ltr"
    assert (REFUSAL if reader == REFUSED else "5.1.1") in raw.inner_text()
    assert (
        "no such address" in f"{told.locator('.title').inner_text()} {told.locator('.detail').inner_text()}".casefold()
    )
    assert "suppressed" in page.inner_text("aside")


def _lift(tab: Tab, live: Live, reader: str) -> None:
    _is_sound(tab)
    page = tab.page

    def standing(session: Session) -> list[str]:
        wanted = select(Suppression.address_key).where(Suppression.lifted_at.is_(None))
        return list(session.scalars(wanted))

    assert reader in live.do(live.service.read(standing))
    page.fill("#reason", "The mailbox is back.")
    page.locator(".hold summary").click()
    tab.press(".hold button.sure")
    _is_sound(tab)
    assert f"{reader} may be mailed again" in page.inner_text(".toast")
    assert reader not in live.do(live.service.read(standing))


@pytest.mark.usefixtures("morning")
@pytest.mark.parametrize(("width", "script"), [(DESK, True), (PHONE, True), (PHONE, False)])
def test_ops_pauses_all_sending_and_lets_it_go_on(
    browser: Browser,
    live: Live,
    width: int,
    script: bool,  # noqa: FBT001 - a case of the table
) -> None:
    with a_tab(browser, live, width=width, script=script) as tab:
        page = tab.page
        tab.sign_in_by_password(Role.OPS)
        go_to(tab, "Now")
        page.fill("#reason", "The relay is full.")
        page.locator(".hold summary").click()
        tab.press(".hold button.sure")
        _is_sound(tab, script=script)
        told = page.inner_text("main")
        assert "All sending is paused." in told
        assert "The relay is full." in told
        assert address_of(Role.OPS) in told
        assert _is_held(live)
        tab.press("form[action='/ops/free'] button")
        assert "Sending goes on." in page.inner_text(".toast")
        assert not _is_held(live)

        def newest(session: Session) -> list[tuple[str, str]]:
            return [(row.act, row.actor) for row in session.execute(NEWEST)]

        by = address_of(Role.OPS)
        assert live.do(live.service.read(newest)) == [("sending.free", by), ("sending.hold", by)]


def _is_held(live: Live) -> bool:
    def ask(session: Session) -> bool:
        return queue.lanes(session, now=live.service.clock())[Lane.BULK].hold is not None

    return live.do(live.service.read(ask))


def _is_sound(tab: Tab, *, script: bool = True) -> None:
    assert tab.complaints == []
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if script:
        assert axe.findings(tab.page) == []
