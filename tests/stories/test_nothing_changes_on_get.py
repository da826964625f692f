"""A link scanner opens every link of every mail and page, as mail gateways do before the reader: nothing may change.

Browsers look ahead in the same way, with the cookies of whoever is signed in; so do the crawlers of monitoring tools.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from email.message import EmailMessage
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx2
import pytest
import pytest_asyncio
from sqlalchemy.orm import Session

from broadsheet.demo import desk, setting
from broadsheet.demo.people import Person
from broadsheet.demo.visitor import Visitor
from newsletters.schedules import Terms
from tests.stories.service import Service

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

TERMS = Terms(lead=timedelta(0), max_articles=3, late_limit=timedelta(hours=25), window=timedelta(hours=72))
NEW, CONFIRMED = Person("new@readers.example", "en"), Person("confirmed@readers.example", "ckb")
#: What the running service writes by itself while the pages are looked at: that it works, and when it last made a round.
ITS_OWN = {"heartbeats"}
#: Where a look around inside begins: a reader is found by a search only, and nobody was left out of these issues.
DOORS = ("/console", "/ops", "/console/readers/1", "/ops/issues/1/left-out", "/console/issues/1/findings")
#: Some of what an owner gets to by links alone.
INSIDE = {
    "/console/audit",
    "/console/issues/{}",
    "/console/issues/{}/beside",
    "/console/issues/{}/findings",
    "/console/issues/{}/preview",
    "/console/issues/{}/preview/letter",
    "/console/people/{}",
    "/console/readers/export",
    "/console/readers/{}",
    "/console/schedules/{}",
    "/console/sources/{}",
    "/ops/deliveries/{}",
    "/ops/issues/{}",
    "/ops/issues/{}/left-out",
    "/ops/queue",
    "/ops/suppressions",
}
READERS = {language: f"reader-{language}@readers.example" for language in ("en", "ar", "ckb")}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mails(service: Service) -> list[EmailMessage]:
    """One of every kind a reader gets: to confirm, welcome, goodbye, already in, and a digest of each edition."""
    for language, reader in READERS.items():
        await service.add_readers(language, [reader])
    await service.add_readers("en", ["leaves@readers.example"])
    await service.collect()
    await service.schedule(*READERS, terms=TERMS)
    await service.todays_issues()
    await service.visitor.unsubscribe_with_one_click(service.digest_to("leaves@readers.example").parsed())
    for person in (NEW, CONFIRMED, Person(READERS["ar"], "ar")):
        await service.visitor.sign_up(f"/n/{setting.SLUG}/{person.language}", person)
    to_confirm = await service.mailbox.wait_for(to=CONFIRMED.address, timeout=30)
    await service.visitor.confirm(to_confirm.parsed())
    await service.mailbox.wait_for(to=CONFIRMED.address, after=to_confirm.id, timeout=30)
    await service.mailbox.wait_for(to=NEW.address, timeout=30)
    await service.quiet_everywhere()
    return [mail.parsed() for mail in service.mailbox.messages()]


async def test_a_scanner_that_opens_every_link_of_every_mail_changes_nothing(
    service: Service, mails: list[EmailMessage]
) -> None:
    links = {link for mail in mails for link in links_of_mail(mail) if _is_ours(service, link)}
    kinds = {urlsplit(link).path.split("/")[1] for link in links}
    assert {"confirm", "u", "archive"} <= kinds, kinds
    await _opened_without_a_trace(service, links)


async def test_a_scanner_that_goes_on_from_page_to_page_changes_nothing(
    service: Service, mails: list[EmailMessage]
) -> None:
    """It follows links, pictures and, as a bad one does, the addresses of forms."""
    begin = {link for mail in mails for link in links_of_mail(mail)} | {f"{service.client.base_url}"}
    seen = await _crawl(service, {link for link in begin if _is_ours(service, link)})
    assert len(seen) > 20
    await _opened_without_a_trace(service, seen)


async def test_a_reader_can_still_confirm_and_leave_after_the_scanner_was_there(
    service: Service, mails: list[EmailMessage]
) -> None:
    """The proof that the links were good ones, and that no token was used up."""
    await _open({link for mail in mails for link in links_of_mail(mail) if _is_ours(service, link)})
    visitor = Visitor(service.client)
    await visitor.confirm(service.mailbox.messages(NEW.address)[0].parsed())
    before = await service.dump()
    await visitor.unsubscribe_with_one_click(service.digest_to(READERS["en"]).parsed())
    after = await service.dump()
    assert before["subscriptions"] != after["subscriptions"]


async def test_a_browser_that_looks_ahead_for_an_owner_changes_nothing(
    service: Service, mails: list[EmailMessage]
) -> None:
    """Every page inside that a link, a picture or a form's address leads to, with an owner's cookies."""
    del mails  # what there is to see
    cookies = await _signed_in(service)
    seen = await _crawl(service, {str(service.client.base_url.join(path)) for path in DOORS}, cookies)
    inside = {_pattern(link) for link in seen if urlsplit(link).path.startswith(("/console", "/ops"))}
    assert inside >= INSIDE, INSIDE - inside
    await _opened_without_a_trace(service, seen, cookies)


async def _signed_in(service: Service) -> dict[str, str]:
    """The cookies of an owner who has pressed the button of a one-time link."""

    def appointed(session: Session) -> str:
        desk.appoint_owner(session, now=service.clock())
        return desk.way_in(service.house, session)

    link = await service.write(appointed)
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as browser:
        assert (await browser.post(link)).status_code == 303
        return dict(browser.cookies)


def _pattern(link: str) -> str:
    return re.sub(r"\d+", "{}", urlsplit(link).path)


async def _opened_without_a_trace(
    service: Service, links: Iterable[str], cookies: Mapping[str, str] | None = None
) -> None:
    await service.quiet_everywhere()
    before = await service.dump()
    statuses = await _open(set(links), cookies)
    assert statuses.isdisjoint({500, 501, 502, 503}), statuses
    await service.quiet_everywhere()
    after = await service.dump()
    assert [table for table in before if before[table] != after[table] and table not in ITS_OWN] == []


async def _open(links: set[str], cookies: Mapping[str, str] | None = None) -> set[int]:
    """GET and HEAD, twice each, in parallel, with these cookies and none besides."""
    limit = asyncio.Semaphore(16)
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as scanner:

        async def visit(method: str, link: str) -> int:
            async with limit:
                scanner.cookies.clear()
                return (await scanner.request(method, link, headers=_cookie(cookies))).status_code

        visits = [visit(method, link) for link in sorted(links) for method in ("GET", "HEAD", "GET", "HEAD")]
        return set(await asyncio.gather(*visits))


def _cookie(cookies: Mapping[str, str] | None) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}


async def _crawl(service: Service, begin: set[str], cookies: Mapping[str, str] | None = None) -> set[str]:
    seen: set[str] = set()
    waiting = set(begin)
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as scanner:
        while waiting:
            link = waiting.pop()
            seen.add(link)
            scanner.cookies.clear()
            answer = await scanner.get(link, headers=_cookie(cookies))
            if answer.headers.get("content-type", "").startswith("text/html"):
                found = {link for link in links_of_page(answer.text, link) if _is_ours(service, link)}
                waiting |= found - seen
    return seen


def _is_ours(service: Service, link: str) -> bool:
    return urlsplit(link).netloc == urlsplit(str(service.client.base_url)).netloc


def links_of_mail(mail: EmailMessage) -> set[str]:
    """Every web address in a mail: of its parts and of its headers."""
    html, text = mail.get_body(("html",)), mail.get_body(("plain",))
    found = links_of_page(html.get_content(), "") if html else set()
    found |= set(re.findall(r"https?://[^\s<>\"]+", text.get_content() if text else ""))
    for name, value in mail.items():
        if name.startswith("List-"):
            found |= set(re.findall(r"<(https?://[^>]+)>", str(value)))
    return found


def links_of_page(html: str, url: str) -> set[str]:
    links = _Links(url)
    links.feed(html)
    return links.found


class _Links(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - any tag's
        for name, value in attrs:
            if name in ("href", "src", "action", "formaction", "poster", "hx-get") and value:
                self.found.add(urldefrag(urljoin(self._url, value))[0])
