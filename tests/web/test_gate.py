"""The gate: who comes in, what a form must bring, and that nothing typed is lost."""

from __future__ import annotations

import pytest
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from starlette.testclient import TestClient

from staff.members import Role
from tests.web.conftest import BASE, House
from web import forms
from web.app import create_app
from web.gate import Gate, Insider
from web.pages import Pages


@pytest.fixture
def desk(house: House) -> House:
    """The app with one page and one form behind the gate."""
    pages = Pages(house.parts.templates, house.parts.languages, BASE)
    gate = Gate(house.parts, pages)
    reader, editor = Depends(gate.may()), Depends(gate.may(Role.EDITOR))
    router = APIRouter()

    @router.get("/console/notes")
    async def look(request: Request, insider: Insider = reader) -> HTMLResponse:
        return gate.page(request, insider, "console/refused.html", roles=(Role.EDITOR,))

    @router.post("/console/notes")
    async def save(request: Request, insider: Insider = editor) -> Response:
        posted = await forms.read(request)
        return gate.go("/console/notes", toast=f"Saved for {insider.name}: {posted.get('note', '')}", undo="/console/x")

    app = create_app(house.parts)
    app.include_router(router)
    gate.watch(app)
    house.client = TestClient(app, base_url=BASE, follow_redirects=False)
    return house


def test_somebody_signed_in_comes_in(desk: House) -> None:
    page = desk.sign_in(Role.OPS).get("/console/notes")
    assert page.status_code == 200
    assert "Your role is ops" in page.text


def test_a_stranger_is_led_to_the_sign_in_page_and_then_back(desk: House) -> None:
    desk.sign_in()
    answer = desk.client.get("/console/notes?page=2")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=/console/notes%3Fpage%3D2"
    assert TestClient(desk.client.app, base_url=BASE).get("/console/notes").status_code in {200, 404}


def test_before_anybody_works_here_the_page_names_the_command_that_makes_the_first_owner(desk: House) -> None:
    page = desk.client.get("/console/notes")
    assert page.status_code == 503
    assert "broadsheet user create" in page.text


def test_a_post_with_its_form_is_done_and_its_toast_is_said_once(desk: House) -> None:
    editor = desk.sign_in()
    answer = editor.post("/console/notes", {"note": "hello"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/notes")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "Secure" in cookie
    assert cookie.startswith("__Host-")
    assert "toast" in editor.get("/console/notes").headers["set-cookie"]


def test_the_wrong_role_reads_what_it_takes(desk: House) -> None:
    answer = desk.sign_in(Role.OPS).post("/console/notes", {"note": "hello"})
    assert answer.status_code == 403
    assert "This takes the role of an editor" in answer.text
    assert desk.sign_in(Role.OWNER).post("/console/notes").status_code == 303
