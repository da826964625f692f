"""The page of sponsors: booked with a picture, shown at the desk, taken back."""

from __future__ import annotations

import io

from PIL import Image
from sqlalchemy import select

from newsletters.sponsors import Sponsor
from staff.members import Role
from tests.web.conftest import House
from tests.web.test_desk import an_issue

PAGE = "/console/sponsors"
TYPED = {
    "name": "<b>Zeryan Bank</b>",
    "headline": "An account that costs nothing",
    "text": "",
    "url": "https://bank.example/current",
    "image_alt": "A branch",
    "first": "2026-03-09",
    "last": "",
}


def a_picture() -> bytes:
    body = io.BytesIO()
    Image.new("RGB", (400, 300), "#336699").save(body, "PNG")
    return body.getvalue()


def test_a_sponsor_is_booked_with_a_picture_shown_and_removed(house: House) -> None:
    issue_id, editor = an_issue(house), house.sign_in(Role.EDITOR)
    typed = {**TYPED, "edition": 1, "form": editor.form(PAGE)}
    file = {"file": ("bank.png", a_picture(), "image/png")}
    assert editor.client.post(PAGE, data=typed, files=file, follow_redirects=False).status_code == 303
    listed = editor.get(PAGE).text
    assert "&lt;b&gt;Zeryan Bank&lt;/b&gt;" in listed
    assert "<b>Zeryan Bank" not in listed
    with house.database.read() as session:
        booked = session.scalars(select(Sponsor)).one()
        assert booked.image is not None
    assert editor.get(f"/logos/{booked.image}").headers["content-type"].startswith("image/")
    desk = editor.get(f"/console/issues/{issue_id}").text
    assert "Sponsored by &lt;b&gt;Zeryan Bank" in desk
    assert f"/logos/{booked.image}" in editor.get(f"/console/issues/{issue_id}/preview/letter").text
    editor.post(f"{PAGE}/{booked.id}/remove", {})
    assert "No day is booked" in editor.get(PAGE).text


def test_what_was_typed_comes_back_when_it_is_refused(house: House) -> None:
    editor = house.sign_in(Role.EDITOR)
    for over, why in (({"url": "mailto:x"}, "is no address of the web"), ({"first": "soon"}, "needs a first day")):
        refused = editor.post(PAGE, {**TYPED, **over, "edition": 1})
        assert refused.status_code == 422
        assert why in refused.text
        assert 'value="An account that costs nothing"' in refused.text
