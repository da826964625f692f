"""The gate: who comes in, what a form must bring, and that nothing typed is lost."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from starlette.testclient import TestClient

from ground.tokens import Purpose
from staff import appoint, sign_ins
from staff.members import Role
from staff.sign_ins import SignIn
from tests.web.conftest import BASE, PASSWORD, House
from web import forms
from web.app import create_app
from web.gate import Gate, Insider
from web.pages import Pages

NOTES = "/console/notes"
LONG_TEXT = 'Bridge reopens.\r\nکردنەوەی پرد <script>"it\'s"</script> & more'


@pytest.fixture
def desk(house: House) -> House:
    """The app with one page and one form behind the gate."""
    gate = _gate(house)
    reader, editor = Depends(gate.may()), Depends(gate.may(Role.EDITOR))
    router = APIRouter()
    saved: list[str] = []

    @router.get(NOTES)
    async def look(request: Request, insider: Insider = reader) -> HTMLResponse:
        return gate.page(request, insider, "console/refused.html", roles=(Role.EDITOR,))

    @router.post(NOTES)
    async def save(request: Request, insider: Insider = editor) -> Response:
        saved.append((await forms.read(request)).get("note", ""))
        return gate.go(NOTES, toast=f"Saved for <{insider.name}>.", undo="/console/notes/undo")

    app = create_app(house.parts)
    app.include_router(router)
    gate.watch(app)
    app.state.saved = saved
    house.client = TestClient(app, base_url=BASE, follow_redirects=False)
    return house


def _gate(house: House) -> Gate:
    return Gate(house.parts, Pages(house.parts.templates, house.parts.languages, BASE, house.parts.clock))


def saved(house: House) -> list[str]:
    app = house.client.app
    assert isinstance(app, FastAPI)
    found: list[str] = app.state.saved
    return found


def hidden(page: str) -> dict[str, str]:
    """The fields that a page's forms carry unseen."""
    inputs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    areas = re.findall(r'<textarea hidden name="([^"]+)">\n(.*?)</textarea>', page, re.DOTALL)
    return {name: html.unescape(value) for name, value in [*inputs, *areas]}


# --- coming in --------------------------------------------------------------------------------------------------------
def test_somebody_signed_in_comes_in(desk: House) -> None:
    page = desk.sign_in(Role.OPS).get(NOTES)
    assert page.status_code == 200
    assert "Your role is ops" in page.text
    assert page.headers["cache-control"] == "no-store"


def test_a_stranger_is_led_to_the_sign_in_page_and_then_back(desk: House) -> None:
    desk.member()
    answer = desk.client.get(NOTES + "?page=2")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=/console/notes%3Fpage%3D2"
    page = desk.client.get(answer.headers["location"])
    assert 'name="next" value="/console/notes?page=2"' in page.text


def test_before_anybody_works_here_the_page_names_the_command_that_makes_the_first_owner(desk: House) -> None:
    for path in (NOTES, "/sign-in"):
        page = desk.client.get(path)
        assert page.status_code == 503
        assert "broadsheet user create you@example.org" in page.text


def test_a_piece_of_a_page_is_never_the_sign_in_page(desk: House) -> None:
    desk.member()
    headers = {"HX-Request": "true", "HX-Current-URL": f"{BASE}/console/issues/3?view=order"}
    answer = desk.client.get(NOTES, headers=headers)
    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["hx-redirect"] == "/sign-in?next=/console/issues/3%3Fview%3Dorder"


@pytest.mark.parametrize(
    "cookie", ["", "x", "a.token.mac", "a.x~99999999999.AAAAAAAAAAAAAAAAAAAAAA", "é", "a" * 500, "revoked", "expired"]
)
def test_a_cookie_that_is_not_a_standing_sign_in_is_nobody(desk: House, cookie: str) -> None:
    editor = desk.sign_in()
    if cookie == "revoked":
        with desk.database.write() as session:
            sign_ins.end_all(session, editor.member.id, now=desk.now)
    elif cookie == "expired":
        desk.now += desk.parts.lifetimes.longest
    else:
        editor.client.cookies.clear()
        given = [(b"cookie", f"__Host-broadsheet={cookie}".encode())]
        assert editor.client.get(NOTES, headers=given).status_code == 303
    assert editor.get(NOTES).status_code == 303


def test_a_browser_that_rests_too_long_signs_in_again_and_looking_around_keeps_it_awake(desk: House) -> None:
    editor = desk.sign_in()
    before = desk.dump()
    for _ in range(5):
        desk.now += timedelta(hours=23)
        assert editor.get(NOTES).status_code == 200
    desk.now += timedelta(hours=24)
    assert editor.get(NOTES).status_code == 303
    assert desk.dump() == before  # and none of it was written


def test_a_page_that_refreshes_itself_keeps_nobody_awake(desk: House) -> None:
    editor = desk.sign_in()
    answer = editor.get(NOTES, **{"HX-Request": "true"})
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


def test_however_awake_a_sign_in_ends_after_its_longest_time(desk: House) -> None:
    editor = desk.sign_in()
    for _ in range(13):
        desk.now += timedelta(hours=23)
        editor.get(NOTES)
    assert editor.get(NOTES).status_code == 200
    desk.now += timedelta(hours=23)
    editor.get(NOTES)
    desk.now += timedelta(hours=23)
    assert editor.get(NOTES).status_code == 303


# --- doing ------------------------------------------------------------------------------------------------------------
def test_a_post_with_its_form_is_done_and_its_toast_is_said_once(desk: House) -> None:
    editor = desk.sign_in()
    answer = editor.post(NOTES, {"note": "hello"})
    assert (answer.status_code, answer.headers["location"]) == (303, NOTES)
    assert saved(desk) == ["hello"]
    cookie = answer.headers["set-cookie"]
    for attribute in ("__Host-broadsheet-toast=", "HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert attribute in cookie
    first, second = editor.get(NOTES), editor.get(NOTES)
    assert "Saved for &lt;The editor&gt;." in first.text
    assert f'name="form" value="{editor.form("/console/notes/undo")}"' in first.text
    assert "Saved for" not in second.text


def test_a_toast_that_we_did_not_make_is_not_said(desk: House) -> None:
    editor = desk.sign_in()
    for cookie in ("YWJj", "%%%", "eHg6WyJ0b2FzdCIsMTk5OTk5OTk5OSwiZXZpbCIsbnVsbF0="):
        editor.client.cookies.set("__Host-broadsheet-toast", cookie)
        page = editor.get(NOTES)
        assert page.status_code == 200
        assert 'class="toast"' not in page.text


def test_the_wrong_role_reads_what_it_takes_and_an_owner_may_all(desk: House) -> None:
    answer = desk.sign_in(Role.OPS).post(NOTES, {"note": "hello"})
    assert answer.status_code == 403
    assert "This takes the role of an editor" in answer.text
    assert saved(desk) == []
    assert desk.sign_in(Role.OWNER).post(NOTES).status_code == 303


@pytest.mark.parametrize("form", ["", "x", "other path", "other sign-in", "sign-up"])
def test_a_form_that_is_not_of_this_sign_in_and_this_path_is_refused(desk: House, form: str) -> None:
    editor, other = desk.sign_in(), desk.sign_in(Role.OWNER)
    tokens = {
        "other path": editor.form("/console/other"),
        "other sign-in": other.form(NOTES),
        "sign-up": desk.keys.sign(Purpose.FORM, f"{editor.sign_in_id}-x"),
    }
    answer = editor.post(NOTES, {"form": tokens.get(form, form), "note": "hello"})
    assert answer.status_code == 403
    assert "Nothing was changed" in answer.text
    assert saved(desk) == []


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, True),
        ({"Origin": BASE}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": BASE}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "https://evil.example.org"}, False),
        ({"Origin": "http://news.example.org"}, False),
        ({"Origin": "https://news.example.org.evil.org"}, False),
        ({"Origin": "http://127.0.0.1"}, False),
        ({"Origin": "http://["}, False),
        ({"Origin": ""}, False),
    ],
)
def test_a_post_from_another_site_is_refused_whatever_it_brings(
    desk: House, headers: dict[str, str], *, passes: bool
) -> None:
    answer = desk.sign_in().post(NOTES, {"note": "hello"}, **headers)
    assert answer.status_code == (303 if passes else 403)
    assert bool(saved(desk)) is passes


def test_a_deed_is_noted_as_the_last_now_and_then_and_a_look_never(desk: House) -> None:
    editor = desk.sign_in()

    def seen() -> object:
        with desk.database.read() as session:
            found = session.get(SignIn, editor.sign_in_id)
            assert found
            return found.seen_at

    begun = desk.now
    desk.now += timedelta(minutes=4)
    editor.post(NOTES)
    assert seen() == begun
    desk.now += timedelta(minutes=4)
    editor.get(NOTES)
    assert seen() == begun
    editor.post(NOTES)
    assert seen() == desk.now


# --- nothing typed is lost --------------------------------------------------------------------------------------------
def test_what_was_typed_when_the_sign_in_ran_out_is_saved_after_signing_in(desk: House) -> None:
    editor = desk.sign_in()
    form = editor.form(NOTES)
    desk.now += timedelta(days=2)
    typed = {"form": form, "note": LONG_TEXT, "empty": "", "new_password": "never kept"}
    turned_away = editor.client.post(NOTES, data=typed, headers={"Referer": f"{BASE}/console/notes?view=1"})
    assert turned_away.status_code == 401
    assert "What you typed is kept" in turned_away.text
    assert "never kept" not in turned_away.text
    assert saved(desk) == []

    wrong = {"email": editor.member.address, "password": "not the right one", **hidden(turned_away.text)}
    again = editor.client.post("/sign-in", data=wrong)
    assert again.status_code == 401
    right = {"email": editor.member.address, "password": PASSWORD, **hidden(again.text)}
    offered = editor.client.post("/sign-in", data=right)
    assert offered.status_code == 200
    assert "You are signed in again" in offered.text
    assert "&lt;script&gt;" in offered.text
    assert '<script>"' not in offered.text
    assert 'href="/console/notes?view=1"' in offered.text  # Discard leads back to where it was typed
    assert saved(desk) == []

    fields = hidden(offered.text.split(f'action="{NOTES}"')[1])
    assert set(fields) == {"form", "note", "empty"}
    assert editor.client.post(NOTES, data=fields).status_code == 303
    assert saved(desk) == [LONG_TEXT]


def test_what_somebody_else_typed_is_not_shown_to_the_next_who_signs_in(desk: House) -> None:
    editor = desk.sign_in()
    form = editor.form(NOTES)
    desk.now += timedelta(days=2)
    page = editor.client.post(NOTES, data={"form": form, "note": "my secret draft"})
    owner = desk.member(Role.OWNER)
    answer = editor.client.post("/sign-in", data={"email": owner.address, "password": PASSWORD, **hidden(page.text)})
    assert answer.status_code == 303
    assert "my secret draft" not in answer.text


def test_only_our_own_form_for_that_path_is_kept(desk: House) -> None:
    editor = desk.sign_in()
    desk.now += timedelta(days=2)
    for token in ("", "x", editor.form("/console/other")):
        page = editor.client.post(NOTES, data={"form": token, "note": "planted"})
        assert page.status_code == 401
        assert "planted" not in page.text
        assert 'name="packed"' not in page.text


def test_what_was_kept_cannot_be_changed_on_its_way(desk: House) -> None:
    editor = desk.sign_in()
    form = editor.form(NOTES)
    desk.now += timedelta(days=2)
    fields = hidden(editor.client.post(NOTES, data={"form": form, "note": "one"}).text)
    fields["packed"] = fields["packed"].replace("one", "two")
    answer = editor.client.post("/sign-in", data={"email": editor.member.address, "password": PASSWORD, **fields})
    assert answer.status_code == 303
    answer = editor.client.post(
        "/sign-in", data={"email": editor.member.address, "password": PASSWORD, "packed": "é:x"}
    )
    assert answer.status_code == 303


def test_a_page_from_before_signing_in_anew_is_asked_about_once_more(desk: House) -> None:
    before = desk.sign_in()
    now = desk.sign_in()
    answer = now.post(NOTES, {"form": before.form(NOTES), "note": "typed before"})
    assert answer.status_code == 409
    assert "typed before" in answer.text
    assert saved(desk) == []
    assert now.client.post(NOTES, data=hidden(answer.text.split(f'action="{NOTES}"')[1])).status_code == 303
    assert saved(desk) == ["typed before"]


def test_what_is_too_long_to_keep_is_said_to_be_lost(desk: House) -> None:
    editor = desk.sign_in()
    form = editor.form(NOTES)
    desk.now += timedelta(days=2)
    page = editor.client.post(NOTES, data={"form": form, "note": "a" * 60_500})
    assert page.status_code == 401
    assert "too long to keep" in page.text
    long = "ئ" * 9_000  # six bytes each on the way here, two on the way on
    page = editor.client.post(NOTES, data={"form": form, "note": long})
    assert long in hidden(page.text)["packed"]


@pytest.mark.parametrize("headers", [{"content-length": str(48 * 1024 * 1024)}, {}])
def test_a_file_that_nobody_signed_in_hands_in_is_not_read(house: House, headers: dict[str, str]) -> None:
    house.member(Role.OWNER)
    taken: list[int] = []

    def file() -> Iterator[bytes]:
        for number in range(48):
            taken.append(number)
            yield b"a" * 1024 * 1024

    page = house.client.post("/console/readers/import", content=file(), headers=headers)
    assert page.status_code == 401
    assert "too long to keep" in page.text
    assert len(taken) <= 1


def test_a_short_form_without_its_file_is_kept_there_too(house: House) -> None:
    keeper = house.sign_in(Role.OPS)
    house.now += timedelta(days=2)
    page = keeper.post("/console/readers/import", {"source": "Sign-up box of 2024"})
    assert "Sign-up box of 2024" in hidden(page.text)["packed"]


def test_a_null_character_is_refused_before_a_database_sees_it(desk: House) -> None:
    editor = desk.sign_in()
    assert editor.post(NOTES, {"note": "a\0b"}).status_code == 400
    assert saved(desk) == []
    assert editor.get("/console/readers?address=a%00b").status_code == 400


def test_a_role_taken_away_in_between_ends_the_sign_in_and_keeps_what_was_typed(desk: House) -> None:
    editor = desk.sign_in()
    with desk.database.write() as session:
        appoint.set_role(session, editor.member.id, Role.OPS, by="x", now=desk.now)
    page = editor.post(NOTES, {"note": "typed"})
    assert page.status_code == 401
    assert "typed" in hidden(page.text)["packed"]


# --- deny by default --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/console/x", "/ops/x", "/console", "/ops"])
def test_an_app_with_a_route_inside_that_does_not_ask_the_gate_does_not_start(house: House, path: str) -> None:
    router = APIRouter()

    @router.get(path)
    async def forgotten() -> str:
        return "secret"

    app = FastAPI()
    app.include_router(router)
    with pytest.raises(RuntimeError, match="does not ask the gate"):
        _gate(house).watch(app)


def test_a_prefix_does_not_hide_a_route_from_the_gate(house: House) -> None:
    router, app = APIRouter(), FastAPI()

    @router.get("/x")
    async def forgotten() -> str:
        return "secret"

    app.include_router(router, prefix="/ops")
    with pytest.raises(RuntimeError, match="does not ask the gate"):
        _gate(house).watch(app)
