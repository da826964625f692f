"""The way back in by mail: one answer for every address, one letter for those who work here."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from httpx2 import Response
from sqlalchemy import delete, select

from ground.tokens import Purpose
from mailer.deliveries import Delivery
from mailer.letter import Kind
from mailer.letters import Letter
from mailer.suppressions import Cause, suppress
from newsletters.newsletters import Edition, Newsletter
from staff.members import AuditEntry, Member, Role
from tests.web.conftest import PASSWORD, House

LOST = "/sign-in/lost"
NEW = {"password": "four words in a row", "password_again": "four words in a row"}


def ask(house: House, email: str) -> Response:
    return house.client.post(LOST, data={"email": email})


def link_of(house: House, letter: Delivery, name: str) -> str:
    token = house.keys.sign(Purpose.SIGN_IN, letter.fields[name], expires_at=house.now + timedelta(hours=1))
    return f"/sign-in/{token}"


def test_a_member_is_mailed_a_link_and_chooses_a_new_password(house: House) -> None:
    member = house.member(Role.EDITOR)
    assert "Lost your password?" in house.client.get("/sign-in").text
    assert house.client.get(LOST).status_code == 200
    assert "a link is on its way there" in ask(house, member.address).text
    [letter] = house.letters()
    assert (letter.address, letter.recipient_id) == (member.address, 0)
    assert house.engine.submitted[-1][0] == "send_batch"
    assert house.compiler.jobs[-1].kind is Kind.STAFF
    link = link_of(house, letter, "reset_url")
    assert house.client.post(link, data=NEW, follow_redirects=False).status_code == 303
    assert house.client.post(link, data=NEW).status_code == 410, "it works once"
    words = {"email": member.address, "password": NEW["password"]}
    assert house.client.post("/sign-in", data=words, follow_redirects=False).status_code == 303
    with house.database.read() as session:
        line = session.scalars(select(AuditEntry).where(AuditEntry.act == "staff.link")).one()
    assert line.actor == "sign-in page"


def test_the_answer_tells_nobody_who_works_here(house: House) -> None:
    member, gone = house.member(Role.EDITOR), house.member(Role.OPS)
    with house.database.write() as session:
        session.get_one(Member, gone.id).disabled_at = house.now
    pages = {
        re.sub(re.escape(email), "SOMEBODY", ask(house, email).text)
        for email in (member.address, gone.address, "stranger@example.org")
    }
    assert len(pages) == 1
    assert [letter.address for letter in house.letters()] == [member.address]


def test_until_the_link_is_used_the_password_stays_and_nobody_is_signed_out(house: House) -> None:
    editor = house.sign_in(Role.EDITOR)
    ask(house, editor.member.address)
    assert editor.get("/console/me").status_code == 200
    words = {"email": editor.member.address, "password": PASSWORD}
    assert house.client.post("/sign-in", data=words, follow_redirects=False).status_code == 303


def test_the_row_of_the_letter_is_no_way_in(house: House) -> None:
    member = house.member(Role.OWNER)
    ask(house, member.address)
    [letter] = house.letters()
    assert letter.fields["reset_url"] == f"{member.id}-1-password"
    assert house.client.get(f"/sign-in/{letter.fields['reset_url']}").status_code == 404


def test_an_address_is_mailed_three_times_an_hour_and_a_network_is_told(house: House) -> None:
    member = house.member(Role.EDITOR)
    for _ in range(5):
        assert ask(house, member.address).status_code == 200
    assert len(house.letters()) == 3
    for number in range(15):
        assert ask(house, f"somebody{number}@example.org").status_code == 200
    page = ask(house, "one.more@example.org")
    assert page.status_code == 429
    assert "nothing was sent" in page.text


def test_what_is_no_address_and_who_may_not_be_mailed(house: House) -> None:
    member = house.member(Role.EDITOR)
    page = ask(house, "<b>nobody")
    assert page.status_code == 422
    assert "no email address" in page.text
    assert "<b>nobody" not in page.text
    with house.database.write() as session:
        suppress(session, member.address_key, Cause.HARD_BOUNCE, now=house.now)
    assert ask(house, member.address).status_code == 200
    assert house.letters() == []
    with house.database.read() as session:
        assert session.get_one(Member, member.id).link_generation == 0, "a link that goes nowhere kills no other"


def test_another_site_cannot_ask(house: House) -> None:
    member = house.member(Role.EDITOR)
    answer = house.client.post(LOST, data={"email": member.address}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert house.letters() == []


@pytest.mark.parametrize("path", [LOST, "/sign-in"])
def test_the_way_back_in_is_linked_and_kept_by_no_cache(house: House, path: str) -> None:
    house.member(Role.OWNER)
    assert house.client.get(path).headers["cache-control"] == "no-store"


def test_an_invitation_goes_by_mail_and_is_the_same_link_that_the_owner_sees(house: House) -> None:
    owner = house.sign_in(Role.OWNER)
    page = owner.post("/console/people", {"name": "Hanar Aziz", "email": "hanar@news.example.org", "role": "ops"})
    assert "on its way to" in page.text
    [letter] = house.letters()
    assert letter.address == "hanar@news.example.org"
    assert letter.fields["by"] == "The owner"
    assert "suppressions" in letter.fields["role"]
    assert house.compiler.jobs[-1].context["why"] == "invited"
    [shown] = re.findall(r"https://news\.example\.org(/sign-in/[^<\s]+)", page.text)
    assert house.client.post(shown, data=NEW, follow_redirects=False).status_code == 303
    assert house.client.post(link_of(house, letter, "invite_url"), data=NEW).status_code == 410
    with house.database.read() as session:
        assert session.scalars(select(Letter.kind)).all() == [Kind.STAFF]


def test_before_there_is_a_newsletter_the_link_is_only_shown(house: House) -> None:
    with house.database.write() as session:
        session.execute(delete(Edition))
        session.execute(delete(Newsletter))
    owner = house.sign_in(Role.OWNER)
    page = owner.post("/console/people", {"name": "Hanar Aziz", "email": "hanar@news.example.org", "role": "ops"})
    assert "No email was sent" in page.text
    assert house.letters() == []
    assert ask(house, owner.member.address).status_code == 200
