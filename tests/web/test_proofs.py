"""Proofs of an issue: previews that are the letter itself, its size, and tests that go to the desk."""

from __future__ import annotations

import asyncio
import email
import email.policy
import html
import re

import pytest
from sqlalchemy import select

from ground.engine import WorkLane
from ground.tokens import Purpose
from mailer import message
from mailer.deliveries import Delivery
from mailer.letter import Kind
from mailer.letters import Letter
from mailer.message import Mint, Recipient
from mailer.suppressions import Cause, suppress
from newsletters import digest
from newsletters.issues import Issue
from staff.members import AuditEntry
from tests.web.conftest import BASE, House
from tests.web.test_desk import AR, EN, an_issue, issue


def as_sent(house: House, issue_id: int) -> bytes:
    """The HTML part of the message that a reader gets."""
    with house.database.read() as session:
        job = digest.job(session, session.get_one(Issue, issue_id), base_url=BASE)
    compiled = asyncio.run(house.compiler.compiled(job))
    row = Recipient(
        delivery_id=1, letter_id=1, recipient_id=7, address="r@x.org", fields={"unsubscribe_url": "7"}, due_at=house.now
    )
    mint = Mint(keys=house.keys, base_url=BASE, message_domain="n.example", bounce_domain="b.example")
    return message.build(compiled, row, mint)


@pytest.mark.parametrize("edition_id", [EN, AR])
def test_a_preview_is_the_letter_that_is_sent_but_for_its_readers_links(house: House, edition_id: int) -> None:
    issue_id = an_issue(house, edition_id)
    sent = email.message_from_bytes(as_sent(house, issue_id), policy=email.policy.default)
    part = sent.get_body(("html",))
    assert part is not None
    expected = re.sub(rf"{BASE}/u/[\w.~-]+", "https://preview.invalid/unsubscribe", part.get_content())
    expected = re.sub(rf"{BASE}/p/[\w.~-]+", "https://preview.invalid/preferences", expected)
    page = house.sign_in().get(f"/console/issues/{issue_id}/preview/letter")
    undressed = page.text.replace('<head><base target="_blank">', "<head>", 1)
    undressed = undressed.replace("@media not all", "@media (prefers-color-scheme: dark)")
    undressed = undressed.replace("color-scheme: light;", "color-scheme: light dark;")
    assert undressed == expected.replace("\r\n", "\n")
    assert "preview.invalid" in page.text
    assert not re.search(rf"{BASE}/u/", page.text)


def test_a_preview_has_a_letters_policy_and_no_way_into_the_console(house: House) -> None:
    issue_id = an_issue(house)
    page = house.sign_in().get(f"/console/issues/{issue_id}/preview/letter")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "sandbox" in policy
    assert "script" not in policy
    assert "allow-same-origin" not in policy
    frame = house.sign_in().get(f"/console/issues/{issue_id}/preview?screen=phone").text
    assert re.search(r'<iframe class="preview" src="[^"]+/preview/letter" [^>]*width="360"[^>]* sandbox="', frame)


def test_the_dark_preview_answers_the_letters_own_question_for_a_dark_screen(house: House) -> None:
    issue_id = an_issue(house)
    editor = house.sign_in()
    light = editor.get(f"/console/issues/{issue_id}/preview/letter").text
    dark = editor.get(f"/console/issues/{issue_id}/preview/letter?dark=true").text
    assert "prefers-color-scheme" not in light + dark
    assert "@media all {" in dark
    assert "@media not all {" in light
    assert "color-scheme: dark;" in dark
    assert dark.replace("@media all", "@media not all").replace("color-scheme: dark;", "color-scheme: light;") == light


def test_the_size_is_told_against_what_gmail_shows(house: House) -> None:
    page = house.sign_in().get(f"/console/issues/{an_issue(house)}/preview").text
    assert re.search(r"\d+ of 102", page)


def test_the_plain_text_is_shown_as_text(house: House) -> None:
    page = house.sign_in().get(f"/console/issues/{an_issue(house)}/preview?screen=text").text
    assert "<pre" in page
    assert "https://preview.invalid/unsubscribe" in page


def test_a_test_goes_to_the_desk_marked_and_with_nobodys_links(house: House) -> None:
    issue_id = an_issue(house)
    home = f"/console/issues/{issue_id}"
    editor = house.sign_in()
    assert "editor@news.example.org</textarea>" in editor.get(f"{home}/preview").text
    answer = editor.post(f"{home}/test", {"to": "editor@news.example.org, Desk@example.org\n"})
    assert answer.headers["location"] == f"{home}/preview"
    assert "On its way to editor@news.example.org, Desk@example.org." in editor.get(f"{home}/preview").text
    with house.database.read() as session:
        copies = list(session.scalars(select(Delivery).order_by(Delivery.id)))
        letters = list(session.scalars(select(Letter).order_by(Letter.id)))
        trail = session.scalars(select(AuditEntry).where(AuditEntry.act == "issue.test")).one()
    assert [(copy.address, copy.recipient_id, copy.fields) for copy in copies] == [
        ("editor@news.example.org", 0, {"unsubscribe_url": "0"}),
        ("Desk@example.org", 0, {"unsubscribe_url": "0"}),
    ]
    assert {letter.kind for letter in letters} == {Kind.STAFF}
    assert (trail.actor, trail.subject) == ("editor@news.example.org", f"issue:{issue_id}")
    assert [lane for _, _, lane in house.engine.submitted] == [WorkLane.TX, WorkLane.TX]
    job = house.compiler.jobs[-1]
    assert (job.kind, job.context["issue"]["subject"]) == (Kind.STAFF, "[TEST] Story 2 of 1")
    assert issue(house, issue_id).revision == 1


def test_the_links_of_a_test_are_nobodys(house: House) -> None:
    token = house.keys.sign(Purpose.UNSUBSCRIBE, "0")
    before = house.dump()
    assert house.client.post(f"/u/{token}").status_code == 200
    assert house.dump() == before


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("", "at least one address"),
        ("nobody", "is no email address"),
        ("a@x.org b@x.org c@x.org d@x.org e@x.org f@x.org", "at most 5"),
        ("a@x.org\r\nBcc: all@example.org", "is no email address"),
        ("dead@example.org", "suppressed"),
    ],
)
def test_a_test_to_what_is_no_address_is_refused_and_kept(house: House, to: str, why: str) -> None:
    issue_id = an_issue(house)
    with house.database.write() as session:
        suppress(session, "dead@example.org", Cause.HARD_BOUNCE, now=house.now)
    refused = house.sign_in().post(f"/console/issues/{issue_id}/test", {"to": to})
    assert refused.status_code == 422
    assert why in refused.text
    assert html.escape(to.rsplit(maxsplit=1)[-1] if to else "", quote=False) in refused.text
    assert house.letters() == []


def test_twenty_tests_an_hour_are_enough(house: House) -> None:
    issue_id = an_issue(house)
    editor = house.sign_in()
    answers = [editor.post(f"/console/issues/{issue_id}/test", {"to": "a@x.org"}).status_code for _ in range(21)]
    assert answers == [303] * 20 + [422]
