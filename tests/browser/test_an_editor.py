"""An editor's whole morning in a browser: a schedule, its draft, the order, the words, the proofs, and letting it go.

On a desk and on a phone, in a left-to-right and a right-to-left edition; once without script, by plain forms alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from broadsheet.demo import setting
from newsletters.issues import Issue, IssueState
from newsletters.schedules import Autonomy
from staff.members import Role
from tests.browser import axe
from tests.browser.live import Live
from tests.browser.newsroom import DESK, PHONE, Tab, a_tab, address_of, appoint_everybody, go_to

pytestmark = pytest.mark.browser

SCREENS = ("desktop", "phone", "dark", "text")
FOCUSED = "document.activeElement.dataset.name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """One editor at one browser, with an edition of their own."""

    tab: Tab
    language: str
    script: bool

    @property
    def live(self) -> Live:
        return self.tab.live

    @property
    def page(self) -> Page:
        return self.tab.page

    @property
    def reader(self) -> str:
        return f"{self.language}@readers.example"

    def titles(self) -> list[str]:
        return [str(each.get_attribute("data-name")) for each in self.page.locator("li.story").all()]

    def is_sound(self) -> None:
        assert self.tab.complaints == []
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if self.script:
            assert axe.findings(self.page) == []


@pytest.fixture(scope="module")
def newsroom(live: Live) -> Live:
    """Every edition has a reader, and its feeds are collected."""
    appoint_everybody(live)
    for language in setting.EDITIONS:
        live.do(live.service.add_readers(language, [f"{language}@readers.example"]))
    live.do(live.service.collect())
    return live


@pytest.fixture(
    params=[("en", DESK, True), ("ckb", PHONE, True), ("ar", PHONE, False)],
    ids=["en, a desk", "ckb, a phone", "ar, a phone without script"],
)
def morning(request: pytest.FixtureRequest, browser: Browser, newsroom: Live) -> Iterator[Morning]:
    language, width, script = request.param
    with a_tab(browser, newsroom, width=width, script=script) as tab:
        if width == DESK:
            tab.sign_in_by_password(Role.EDITOR)
        else:
            tab.sign_in_by_link(Role.EDITOR)
        yield Morning(tab=tab, language=language, script=script)


def test_an_editor_plans_edits_proves_sends_takes_back_and_sends(morning: Morning) -> None:
    _plan(morning)
    issue_id = _the_draft(morning)
    _put_in_order(morning)
    _drop_and_undo(morning)
    headline = _rewrite(morning)
    subject = _change_the_subject(morning)
    _look_at_every_screen(morning, headline)
    _send_a_test(morning, subject)
    _approve_and_send(morning, issue_id)
    _watch_it_go(morning, issue_id)
    digest = morning.live.service.digest_to(morning.reader)
    assert digest.subject == subject
    body = digest.parsed().get_body(("plain",))
    assert body is not None
    assert headline in body.get_content()


def _plan(morning: Morning) -> None:
    """A schedule whose first slot is twenty minutes away: its draft is due at once."""
    page, live = morning.page, morning.live
    soon = live.service.clock().astimezone(ZoneInfo(setting.ZONE)) + timedelta(minutes=20)
    go_to(morning.tab, "Schedules")
    morning.tab.press(f"a[href='/console/schedules/new?edition={live.service.editions[morning.language]}']")
    for box in page.locator("input[name=days]").all():
        box.check()
    page.fill("#fewest", "3")
    page.fill("#most", "3")
    page.select_option("#autonomy", Autonomy.APPROVED)
    page.fill("#times", f"{soon:%H:%M}")
    if not morning.script:
        morning.tab.press("button[value=show]")
    rows = page.locator("#dates tbody tr", has_text=f"{soon:%H:%M}")
    expect(rows).to_have_count(5)
    morning.is_sound()
    morning.tab.press("#schedule-form .acts button")
    assert page.locator(".toast").count() == 1
    morning.is_sound()


def _the_draft(morning: Morning) -> int:
    live = morning.live
    live.do(live.service.compose())
    issue_id = live.do(live.service.issue_ids())[-1]
    go_to(morning.tab, "Issues")
    morning.tab.press(f"a[href='/console/issues/{issue_id}']")
    morning.is_sound()
    assert len(morning.titles()) == 3
    return issue_id


def _put_in_order(morning: Morning) -> None:
    page = morning.page
    first, second, third = morning.titles()
    if morning.script:
        page.locator("li.story").first.focus()
        page.keyboard.press("Alt+ArrowDown")
        page.keyboard.press("Alt+ArrowDown")
        assert page.evaluate(FOCUSED) == first
        assert page.inner_text("#announcements") == f"{first} is now number 3 of 3."
        expect(page.locator("#beside")).to_be_visible()
    else:
        for _ in range(2):
            with page.expect_navigation():
                page.locator("li.story", has=page.locator(f'button[aria-label="Move down: {first}"]')).locator(
                    "button[value=down]"
                ).click()
    assert morning.titles() == [second, third, first]


def _drop_and_undo(morning: Morning) -> None:
    page, before = morning.page, morning.titles()
    if morning.script:
        page.locator("li.story").nth(1).focus()
        with page.expect_navigation():
            page.keyboard.press("x")
    else:
        morning.tab.press("li.story:nth-child(2) form[action$='/drop'] button")
    assert morning.titles() == [before[0], *before[2:]]
    assert before[1] in page.inner_text("#beside")
    morning.tab.press(".toast button")
    assert morning.titles() == before


def _rewrite(morning: Morning) -> str:
    page = morning.page
    lead = page.locator("li.story").first
    lead.locator("summary").click()
    headline = f"{lead.get_attribute('data-name')} *"
    lead.locator("input[name=title]").fill(headline)
    with page.expect_navigation():
        lead.locator("form[action$='/rewrite'] button").first.click()
    assert morning.titles()[0] == headline
    morning.is_sound()
    return headline


def _change_the_subject(morning: Morning) -> str:
    page, subject = morning.page, f"What {morning.language} readers should know this morning"
    page.click("summary[data-key=s]")
    page.fill("#subject", subject)
    morning.tab.press("form[action$='/subject'] .acts button")
    assert subject in page.inner_text("#inboxes")
    return subject


def _look_at_every_screen(morning: Morning, headline: str) -> None:
    page = morning.page
    morning.tab.press("#beside a[data-key=v]")
    for place, screen in enumerate(SCREENS):
        if place:
            morning.tab.press(f"nav.tabs a[href$='screen={screen}']")
        morning.is_sound()
        if screen == "text":
            assert headline in page.inner_text("pre.plain-letter")
        else:
            letter = page.frame_locator(".screen iframe")
            expect(letter.locator("body")).to_contain_text(headline)


def _send_a_test(morning: Morning, subject: str) -> None:
    morning.tab.press("form[action$='/test'] button")
    assert address_of(Role.EDITOR) in morning.page.inner_text(".toast")
    mailbox = morning.live.service.mailbox
    mail = morning.live.do(mailbox.wait_for(to=address_of(Role.EDITOR), timeout=30))
    assert subject in {each.subject.removeprefix("[TEST] ") for each in mailbox.messages(address_of(Role.EDITOR))}
    assert mail.subject.startswith("[TEST] ")


def _approve_and_send(morning: Morning, issue_id: int) -> None:
    """Approved for its slot; then sent at once after all, taken back, and sent again."""
    page, tab = morning.page, morning.tab
    tab.open(f"/console/issues/{issue_id}")
    tab.press("form[action$='/approve'] button")
    assert "Approved" in page.inner_text("#flight")
    for is_meant in (False, True):
        tab.press("a[href*='/send-now']")
        morning.is_sound()
        page.click(".hold summary")
        tab.press(".hold button.sure")
        assert "Leaves in" in page.inner_text("#flight")
        morning.is_sound()
        if not is_meant:
            tab.press("#flight form[action$='/take-back'] button")
            assert "Waits for approval" in page.inner_text("#flight")


def _watch_it_go(morning: Morning, issue_id: int) -> None:
    """With script the page follows by itself; without it, it is loaded again."""
    service = morning.live.service
    service.clock.put_forward(service.house.settings.undo_for)
    morning.live.do(service.publish())
    morning.live.do(service.finished(issue_id))
    if not morning.script:
        morning.page.reload()
    expect(morning.page.locator("#flight-live .chip")).to_have_text("Sent")
    assert morning.live.do(service.read(lambda session: session.get_one(Issue, issue_id).state)) is IssueState.FINISHED
    morning.is_sound()
