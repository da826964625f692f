"""The people of a live newsroom at their browsers, and a morning's work for them to look at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page
from sqlalchemy import select
from sqlalchemy.orm import Session

from broadsheet.mailbox.rules import Action, Rule
from newsletters import compose
from newsletters.issues import Issue
from newsletters.schedules import Terms
from staff import appoint, links
from staff.appoint import NewMember
from staff.links import Use
from staff.members import Member, Role
from staff.passwords import Passwords
from tests.browser.live import Live

PASSWORD = "four words in a row"
NAMES = {Role.OWNER: "Hanar Aziz", Role.EDITOR: "Rebin Salih", Role.OPS: "Dilan Omer"}
READER, REFUSED, RETURNED = "reader@readers.example", "refused@readers.example", "returned@readers.example"
REFUSAL = "550 5.1.1 No such user here"
TERMS = Terms(lead=timedelta(0), max_articles=4, late_limit=timedelta(hours=25), window=timedelta(hours=72))
#: The screens that everything is looked at on, by their width.
PHONE, DESK = 360, 1280


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """An issue that went out, and the draft of the next one."""

    sent: int
    draft: int


def address_of(role: Role) -> str:
    return f"{role}@zagroscourier.example"


def appoint_everybody(live: Live) -> None:
    """One of each role, who have chosen their password."""
    password_hash = Passwords().hash(PASSWORD)

    def story(session: Session) -> None:
        now = live.service.clock()
        for role, name in NAMES.items():
            new = NewMember(address=address_of(role), address_key=address_of(role), name=name, role=role)
            made = appoint.appoint(session, new, by="command line", now=now)
            assert isinstance(made, Member)
            appoint.set_password(session, made, password_hash, by=made.address, now=now)

    live.do(live.service.write(story))


def a_morning(live: Live) -> Morning:
    """Three readers get this morning's issue: one has it, one is refused at the door, one's mail comes back."""
    service = live.service
    live.do(service.add_readers("en", [READER, REFUSED, RETURNED]))
    assert service.mailbox.tell(Rule(action=Action.REFUSE, address=REFUSED, reply=REFUSAL)) is None
    assert service.mailbox.tell(Rule(action=Action.BOUNCE, address=RETURNED, status="5.1.1")) is None
    live.do(service.collect())
    live.do(service.schedule("en", terms=TERMS))
    [sent] = live.do(service.todays_issues())
    live.do(service.read_bounces(reports=1))

    def story(session: Session) -> int:
        made = compose.one_off(session, service.editions["en"], now=service.clock())
        assert isinstance(made, Issue)
        return made.id

    return Morning(sent=sent, draft=live.do(service.write(story)))


def one_time_link(live: Live, role: Role) -> str:
    """The path of a link that signs somebody of this role in."""

    def story(session: Session) -> str:
        member = session.scalars(select(Member).where(Member.address_key == address_of(role))).one()
        return links.make(session, member, Use.SIGN_IN, keys=live.service.house.keys, now=live.service.clock())

    return "/sign-in/" + live.do(live.service.write(story))


class Tab:
    """A tab that notes what the browser complains of: errors of scripts, and every breach of a page's policy."""

    def __init__(self, context: BrowserContext, live: Live) -> None:
        context.set_default_timeout(20_000)
        self.live = live
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        # A page that is itself answered with 4xx is told of as well; that is no complaint about it.
        of_page = message.text.startswith("Failed to load resource") and message.location["url"] == self.page.url
        if message.type in {"error", "warning"} and not of_page:
            self.complaints.append(message.text)

    def open(self, path: str) -> None:
        self.page.goto(self.live.url(path), wait_until="load")

    def press(self, selector: str) -> None:
        """Press what leads to another page, and wait for it."""
        with self.page.expect_navigation():
            self.page.locator(selector).first.click()

    def sign_in_by_password(self, role: Role) -> None:
        self.open("/sign-in")
        self.page.fill("#email", address_of(role))
        self.page.fill("#password", PASSWORD)
        self.press("main button[type=submit]")

    def sign_in_by_link(self, role: Role) -> None:
        self.open(one_time_link(self.live, role))
        self.press("main form button[type=submit]")


@contextmanager
def a_tab(browser: Browser, live: Live, *, width: int = DESK, script: bool = True) -> Iterator[Tab]:
    context = browser.new_context(viewport={"width": width, "height": 800}, java_script_enabled=script)
    yield Tab(context, live)
    context.close()


def go_to(tab: Tab, page: str) -> None:
    """By the navigation: in the rail on a desk, in the menu on a phone."""
    menu = tab.page.locator("details.menu summary")
    if menu.is_visible():
        menu.click()
    with tab.page.expect_navigation():
        tab.page.locator("nav a:visible", has_text=page).first.click()
