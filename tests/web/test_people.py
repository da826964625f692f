"""People, one's own page and the audit trail."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from staff.members import AuditEntry, Member, Role, audit
from tests.web.conftest import PASSWORD, House
from web.browser import called

PEOPLE = "/console/people"


def named(house: House, address: str) -> Member:
    with house.database.read() as session:
        return session.scalars(select(Member).where(Member.address_key == address)).one()


def test_an_owner_invites_somebody_who_chooses_a_password_and_works(house: House) -> None:
    owner = house.sign_in(Role.OWNER)
    page = owner.post(PEOPLE, {"name": "Hanar <b>Aziz</b>", "email": "Hanar@news.example.org", "role": "editor"})
    assert page.status_code == 200
    assert "Hanar &lt;b&gt;Aziz" in page.text
    assert "shown only this once" in page.text
    [link] = re.findall(r"https://news\.example\.org(/sign-in/[^<\s]+)", page.text)
    assert "/sign-in/a." not in owner.get(PEOPLE).text
    words = {"password": "four words in a row", "password_again": "four words in a row"}
    assert house.client.post(link, data=words, follow_redirects=False).status_code == 303
    assert house.client.get(PEOPLE).status_code == 200
    with house.database.read() as session:
        lines = session.execute(select(AuditEntry.act, AuditEntry.actor).order_by(AuditEntry.id)).all()
    assert lines == [
        ("staff.appoint", "owner@news.example.org"),
        ("staff.password", "Hanar@news.example.org"),
        ("staff.sign-in", "Hanar@news.example.org"),
    ]


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"name": "X", "email": "no address", "role": "editor"}, 422, "no email address"),
        ({"name": "X", "email": "x@news.example.org", "role": "king"}, 422, "no email address"),
        ({"name": "X", "email": "OWNER@news.example.org", "role": "ops"}, 409, "works here already"),
        ({"name": "", "email": "x@news.example.org", "role": "ops"}, 409, "one to 120 characters"),
    ],
)
def test_an_invitation_that_cannot_be_made_says_why_and_keeps_what_was_typed(
    house: House, fields: dict[str, str], status: int, words: str
) -> None:
    page = house.sign_in(Role.OWNER).post(PEOPLE, fields)
    assert page.status_code == status
    assert words in page.text
    assert f'value="{fields["email"]}"' in page.text
    assert "/sign-in/a." not in page.text


def test_an_owner_gives_a_role_and_takes_it_and_the_toast_says_so(house: House) -> None:
    owner, editor = house.sign_in(Role.OWNER), house.sign_in(Role.EDITOR)
    at = f"{PEOPLE}/{editor.member.id}"
    assert owner.get(at).status_code == 200
    assert owner.post(f"{at}/role", {"role": "ops"}).status_code == 303
    assert named(house, editor.member.address).role is Role.OPS
    assert "has another role now" in owner.get(PEOPLE).text
    assert editor.get(PEOPLE).status_code == 303
    assert owner.post(f"{at}/role", {"role": "king"}).status_code == 400


def test_disabling_signs_out_at_once_and_enabling_lets_in_again(house: House) -> None:
    owner, editor = house.sign_in(Role.OWNER), house.sign_in(Role.EDITOR)
    at = f"{PEOPLE}/{editor.member.id}"
    assert owner.post(f"{at}/disable").status_code == 303
    assert editor.get(PEOPLE).status_code == 303
    login = {"email": editor.member.address, "password": PASSWORD}
    assert house.client.post("/sign-in", data=login).status_code == 401
    assert "disabled, so a link" in owner.post(f"{at}/link").text
    assert owner.post(f"{at}/enable").status_code == 303
    assert house.client.post("/sign-in", data=login, follow_redirects=False).status_code == 303
    assert "shown only this once" in owner.post(f"{at}/link").text


def test_the_last_owner_is_told_why_they_must_stay(house: House) -> None:
    owner = house.sign_in(Role.OWNER)
    for act, fields in (("disable", {}), ("role", {"role": "editor"})):
        page = owner.post(f"{PEOPLE}/{owner.member.id}/{act}", fields)
        assert page.status_code == 409
        assert "This is the last owner" in page.text
    assert owner.get(PEOPLE).status_code == 200


def test_signing_somebody_out_everywhere_and_unknown_people_and_acts(house: House) -> None:
    owner, editor = house.sign_in(Role.OWNER), house.sign_in(Role.EDITOR)
    assert owner.post(f"{PEOPLE}/{editor.member.id}/sign-out").status_code == 303
    assert editor.get(PEOPLE).status_code == 303
    for path in ("/999/role", "/x/disable", "/1/promote", "/99999999999999999999/disable"):
        assert owner.post(PEOPLE + path, {"role": "ops"}).status_code == 404


def test_everybody_changes_their_own_password_and_stays_signed_in_there_only(house: House) -> None:
    ops, elsewhere = house.sign_in(Role.OPS), house.sign_in(Role.OPS)
    new = {"password": "four words in a row", "password_again": "four words in a row"}
    wrong = ops.post("/console/me/password", {"current_password": "wrong one, sorry", **new})
    assert wrong.status_code == 422
    assert "This is not your password" in wrong.text
    short = ops.post("/console/me/password", {"current_password": PASSWORD, "password": "x", "password_again": "x"})
    assert "fewer than 12" in short.text
    assert ops.post("/console/me/password", {"current_password": PASSWORD, **new}).status_code == 303
    assert ops.get("/console/me").status_code == 200
    assert elsewhere.get("/console/me").status_code == 303


def test_who_came_by_a_link_is_told_how_to_choose_a_password(house: House) -> None:
    ops = house.sign_in(Role.OPS)
    with house.database.write() as session:
        session.get_one(Member, ops.member.id).password_hash = None
    page = ops.get("/console/me").text
    assert "broadsheet user link ops@news.example.org --password" in page
    assert "current_password" not in page


def test_guessing_at_the_password_from_a_stolen_browser_is_limited(house: House) -> None:
    ops = house.sign_in(Role.OPS)
    new = {"password": "four words in a row", "password_again": "four words in a row"}
    for _ in range(8):
        assert ops.post("/console/me/password", {"current_password": "wrong", **new}).status_code == 422
    assert ops.post("/console/me/password", {"current_password": PASSWORD, **new}).status_code == 429


def test_a_browser_is_signed_out_from_another_by_its_own_member_only(house: House) -> None:
    here, there, other = house.sign_in(Role.OPS), house.sign_in(Role.OPS), house.sign_in(Role.EDITOR)
    end = f"/console/me/browsers/{there.sign_in_id}/end"
    assert other.post(end).status_code == 404
    assert there.get("/console/me").status_code == 200
    assert end in here.get("/console/me").text
    assert here.post(end).status_code == 303
    assert there.get("/console/me").status_code == 303


def test_the_trail_is_told_in_plain_words_and_nothing_in_it_is_html(house: House) -> None:
    ops = house.sign_in(Role.OPS)
    assert "Nothing yet" in ops.get("/console/audit").text
    with house.database.write() as session:
        audit(session, "issue.approve", "issue:12", actor=ops.member.address, now=house.now, revision=3)
        audit(session, "suppression.lift", "<b>x@example.org", actor="command line", now=house.now, note="<i>evil")
        audit(session, "unknown.new-act", "thing:7", actor="somebody", now=house.now)
    page = ops.get("/console/audit").text
    assert 'approved <a href="/console/issues/12"><bdi>issue 12</bdi></a>' in page
    assert "revision: <bdi>3</bdi>" in page
    assert "&lt;b&gt;x@example.org" in page
    assert "&lt;i&gt;evil" in page
    assert "unknown: new act" in page
    assert "approved" not in ops.get("/console/audit?kind=suppression").text
    assert "approved" in ops.get("/console/audit?subject=issue:12").text


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Windows"),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge, Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Safari/604",
            "Safari, iPhone",
        ),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "Chrome, Android"),
        ("curl/8.0", None),
        (None, None),
    ],
)
def test_a_browser_is_called_as_people_call_it(user_agent: str | None, name: str | None) -> None:
    assert called(user_agent) == name


def test_the_trail_is_paged_without_a_gap_or_a_line_twice(house: House) -> None:
    ops = house.sign_in(Role.OPS)
    with house.database.write() as session:
        for number in range(1, 121):
            at = house.now + timedelta(seconds=number)
            audit(session, "issue.drop", f"issue:{number}", actor="a", now=at)
    seen: list[str] = []
    path: str | None = "/console/audit?kind=issue"
    while path:
        page = ops.get(path).text
        seen += re.findall(r">issue (\d+)<", page)
        [*older] = re.findall(r'href="([^"]*)" rel="next"', page)
        path = older[0].replace("&amp;", "&") if older else None
    assert seen == [str(number) for number in range(120, 0, -1)]


@pytest.mark.parametrize("query", ["?before=x", "?before=-1", "?before=" + "9" * 30, "?kind=%25", "?subject=%01"])
def test_a_wrong_question_to_the_trail_is_no_accident(house: House, query: str) -> None:
    assert house.sign_in().get("/console/audit" + query).status_code == 200
