"""The sign-in page, one-time links and signing out, as a browser sees them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from ground.tokens import Purpose
from staff import appoint, links
from staff.links import Use
from staff.members import Role
from staff.sign_ins import SignIn
from tests.web.conftest import BASE, PASSWORD, House
from web.app import create_app
from web.browser import local

EDITOR = "editor@news.example.org"


@pytest.fixture
def desk(house: House) -> House:
    house.member(Role.EDITOR)
    house.client = TestClient(house.client.app, base_url=BASE, follow_redirects=False)
    return house


def sign_in(house: House, email: str = EDITOR, password: str = PASSWORD, **fields: str) -> tuple[int, str]:
    answer = house.client.post("/sign-in", data={"email": email, "password": password, **fields})
    return answer.status_code, answer.text


def count(house: House) -> int:
    with house.database.read() as session:
        return len(session.scalars(select(SignIn.id).where(SignIn.revoked_at.is_(None))).all())


def a_link(house: House, use: Use, role: Role = Role.EDITOR) -> str:
    member = house.member(role)
    with house.database.write() as session:
        return "/sign-in/" + links.make(session, member, use, keys=house.keys, now=house.now)


# --- the page ---------------------------------------------------------------------------------------------------------
def test_the_page_works_without_script_and_helps_a_password_manager(desk: House) -> None:
    page = desk.client.get("/sign-in")
    assert "<script" not in page.text
    assert 'autocomplete="username"' in page.text
    assert 'autocomplete="current-password"' in page.text
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "same-origin"


def test_the_right_password_signs_in_and_leads_on(desk: House) -> None:
    data = {"email": " Editor@NEWS.example.org ", "password": PASSWORD, "next": "/console/people?x=1"}
    answer = desk.client.post("/sign-in", data=data)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/people?x=1")
    cookie = answer.headers["set-cookie"]
    for attribute in ("__Host-broadsheet=", "HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert attribute in cookie
    assert "Domain" not in cookie
    assert desk.client.get("/console/people").status_code == 200
    assert desk.client.get("/sign-in?next=/console/me").headers["location"] == "/console/me"


def test_over_plain_http_the_cookie_has_neither_prefix_nor_secure(house: House) -> None:
    house.member()
    base = "http://127.0.0.1:8000"
    client = TestClient(create_app(replace(house.parts, base_url=base)), base_url=base, follow_redirects=False)
    answer = client.post("/sign-in", data={"email": EDITOR, "password": PASSWORD}, headers={"Origin": base})
    assert answer.headers["set-cookie"].startswith("broadsheet=")
    assert "Secure" not in answer.headers["set-cookie"]
    assert client.get("/console/people").status_code == 200


def test_wrong_unknown_and_disabled_are_one_page(desk: House) -> None:
    owner = desk.member(Role.OWNER)
    disabled = desk.member(Role.OPS)
    with desk.database.write() as session:
        appoint.disable(session, disabled.id, by=owner.address, now=desk.now)
    answers = {
        sign_in(desk, email, password)[1].replace(email, "WHO")
        for email, password in (
            (EDITOR, "wrong"),
            ("nobody@news.example.org", PASSWORD),
            (disabled.address, PASSWORD),
            ("no address", "wrong"),
        )
    }
    assert len(answers) == 1
    assert "Nobody was signed in" in answers.pop()
    assert count(desk) == 0


def test_what_was_typed_comes_back_escaped_and_the_password_never(desk: House) -> None:
    status, page = sign_in(desk, '"><b>x', "my secret password")
    assert status == 401
    assert "&gt;&lt;b&gt;x" in page
    assert "my secret password" not in page


def test_who_brings_a_planted_cookie_gets_a_new_one(desk: House) -> None:
    planted = desk.sign_in(Role.OPS)
    cookie = planted.client.cookies["__Host-broadsheet"]
    answer = planted.client.post("/sign-in", data={"email": EDITOR, "password": PASSWORD})
    fresh = answer.cookies["__Host-broadsheet"]
    assert fresh.split(".")[1] != cookie.split(".")[1]
    assert count(desk) == 1
    planted.client.cookies.clear()
    planted.client.cookies.set("__Host-broadsheet", cookie)
    assert planted.get("/console/people").status_code == 303


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example.org",
        "/\\evil.example.org",
        "\\\\evil.example.org",
        "https://evil.example.org/console",
        "javascript:alert(1)",
        "/console\r\nSet-Cookie: x=1",
        "/console\t/x",
        "/consolex",
        "/console@evil.example.org",
        "/console/../u/token",
        "/sign-out",
        "",
        "/console/é",
        "/console/" + "a" * 1000,
        "//[",
    ],
)
def test_a_way_on_that_is_not_inside_leads_to_the_console(path: str) -> None:
    assert local(path) == "/console"


@pytest.mark.parametrize("path", ["/console", "/ops", "/console/issues/3?view=a%20b", "/ops/deliveries?before=9&x=y"])
def test_a_way_on_that_is_inside_is_taken(path: str) -> None:
    assert local(path) == path


def test_another_site_cannot_sign_anybody_in(desk: House) -> None:
    data = {"email": EDITOR, "password": PASSWORD}
    answer = desk.client.post("/sign-in", data=data, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    link = a_link(desk, Use.SIGN_IN)
    answer = desk.client.post(link, headers={"Origin": "https://evil.example.org"})
    assert answer.status_code == 403
    assert count(desk) == 0


# --- limits -----------------------------------------------------------------------------------------------------------
def test_too_many_wrong_passwords_close_one_address_known_or_not_and_say_when_to_come_back(desk: House) -> None:
    for email in (EDITOR, "nobody@news.example.org"):
        statuses = [sign_in(desk, email, "wrong")[0] for _ in range(9)]
        assert statuses == [401] * 8 + [429]
        status, page = sign_in(desk, email.upper(), PASSWORD)
        assert status == 429
        assert "Try again in 15 minutes" in page
    answer = desk.client.post("/sign-in", data={"email": EDITOR, "password": PASSWORD})
    assert answer.headers["retry-after"] == "900"
    desk.member(Role.OWNER)
    assert sign_in(desk, "owner@news.example.org")[0] == 303


def test_the_right_password_counts_from_nothing_again(desk: House) -> None:
    for _ in range(3):
        assert [sign_in(desk, password="wrong")[0] for _ in range(7)] == [401] * 7
        assert sign_in(desk)[0] == 303


def test_a_network_that_guesses_at_many_addresses_is_closed(desk: House) -> None:
    statuses = [sign_in(desk, f"person{number}@news.example.org", "wrong")[0] for number in range(42)]
    assert statuses == [401] * 40 + [429] * 2
    other = TestClient(desk.client.app, base_url=BASE, client=("2001:db8::1", 1), follow_redirects=False)
    assert other.post("/sign-in", data={"email": EDITOR, "password": PASSWORD}).status_code == 303


def test_a_limit_that_is_reached_costs_no_check(desk: House) -> None:
    for _ in range(8):
        sign_in(desk, password="wrong")
    before = desk.dump()
    assert sign_in(desk)[0] == 429
    assert desk.dump() == before


# --- one-time links ---------------------------------------------------------------------------------------------------
def test_a_link_shows_whose_it_is_and_a_button_and_looking_uses_nothing_up(desk: House) -> None:
    link = a_link(desk, Use.SIGN_IN)
    before = desk.dump()
    for _ in range(3):
        page = desk.client.get(link)
        assert page.status_code == 200
        assert "Welcome, The editor" in page.text
        assert "e***@news.example.org" in page.text
        assert "<script" not in page.text
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in page.headers
    assert desk.dump() == before
    answer = desk.client.post(link, headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")
    assert desk.client.get("/console/people").status_code == 200


def test_who_comes_in_by_a_link_ends_whoever_was_signed_in_with_this_browser(desk: House) -> None:
    before = desk.sign_in(Role.OWNER)
    assert before.client.post(a_link(desk, Use.SIGN_IN)).status_code == 303
    with desk.database.read() as session:
        assert session.get_one(SignIn, before.sign_in_id).revoked_at == desk.now


def test_a_link_that_was_used_or_is_too_old_says_so(desk: House) -> None:
    link = a_link(desk, Use.SIGN_IN)
    assert desk.client.post(link).status_code == 303
    for answer in (desk.client.get(link), desk.client.post(link)):
        assert answer.status_code == 410
        assert "It was used already" in answer.text
    link = a_link(desk, Use.SIGN_IN)
    desk.now += timedelta(hours=1)
    for answer in (desk.client.get(link), desk.client.post(link)):
        assert answer.status_code == 410
        assert "Its time is over" in answer.text
    assert count(desk) == 1


@pytest.mark.parametrize("token", ["x", "a.1-1-in.AAAA", "a.1-1-in~99.AAAAAAAAAAAAAAAAAAAAAA", "%00", "a" * 300])
def test_a_link_that_we_did_not_make_is_nothing(desk: House, token: str) -> None:
    assert desk.client.get(f"/sign-in/{token}").status_code == 404
    assert desk.client.post(f"/sign-in/{token}").status_code == 404


def test_a_token_of_another_purpose_signs_nobody_in(desk: House) -> None:
    for purpose in Purpose:
        if purpose is not Purpose.SIGN_IN:
            token = desk.keys.sign(purpose, "1-1-in", expires_at=desk.now + timedelta(hours=1))
            assert desk.client.post(f"/sign-in/{token}").status_code == 404


def test_an_invited_member_chooses_a_password_and_is_in(desk: House) -> None:
    link = a_link(desk, Use.PASSWORD)
    assert 'autocomplete="new-password"' in desk.client.get(link).text
    for data, words in (
        ({}, "fewer than 12"),
        ({"password": "short", "password_again": "short"}, "fewer than 12"),
        ({"password": EDITOR, "password_again": EDITOR}, "your email address"),
        ({"password": "four words in row", "password_again": "four words in a row"}, "do not match"),
    ):
        answer = desk.client.post(link, data=data)
        assert answer.status_code == 422
        assert words in answer.text
    chosen = {"password": "four words in a row", "password_again": "four words in a row"}
    assert desk.client.post(link, data=chosen).status_code == 303
    assert desk.client.get("/console/people").status_code == 200
    assert desk.client.post(link, data=chosen).status_code == 410
    desk.client.cookies.clear()
    assert sign_in(desk)[0] == 401
    assert sign_in(desk, password="four words in a row")[0] == 303


# --- signing out ------------------------------------------------------------------------------------------------------
def test_signing_out_ends_the_sign_in_for_certain(desk: House) -> None:
    editor = desk.sign_in()
    cookie = editor.client.cookies["__Host-broadsheet"]
    answer = editor.post("/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    editor.client.cookies.set("__Host-broadsheet", cookie)
    assert editor.get("/console/people").status_code == 303
    assert editor.post("/sign-out").status_code == 303


def test_nobody_is_signed_out_by_a_link_or_by_another_site(desk: House) -> None:
    editor = desk.sign_in()
    assert editor.get("/sign-out").status_code == 405
    assert editor.post("/sign-out", {}, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert editor.post("/sign-out", {"form": editor.form("/console")}).status_code == 403
    assert editor.get("/console/people").status_code == 200
