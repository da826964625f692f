"""A look is seen while it is chosen, with a script and without one."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from staff.members import Role
from tests.browser.live import Live
from tests.browser.newsroom import PHONE, a_tab, appoint_everybody

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def newsroom(live: Live) -> Live:
    appoint_everybody(live)
    return live


@pytest.mark.parametrize("script", [True, False])
def test_the_letter_beside_the_form_wears_what_is_typed(browser: Browser, newsroom: Live, *, script: bool) -> None:
    live = newsroom
    path = f"/console/look/{live.service.editions['en']}"
    with a_tab(browser, live, width=PHONE, script=script) as tab:
        tab.sign_in_by_link(Role.EDITOR)
        tab.open(path)
        tab.page.fill("#brand", "#105e62")
        tab.page.fill("#masthead", "Independent since 1924")
        if not script:
            tab.press("button[value=try]")
        letter = tab.page.frame_locator("#light")
        expect(letter.get_by_text("Independent since 1924")).to_be_attached()
        expect(letter.locator(".edition")).to_have_css("color", "rgb(16, 94, 98)")
        tab.press("button[value=save]")
        expect(tab.page.locator("#brand")).to_have_value("#105e62")
        assert [each for each in tab.complaints if "sandboxed" not in each] == []
