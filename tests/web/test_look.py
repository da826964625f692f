"""The page of a look: what is typed is tried on a letter in a frame, saved in one act, and refused with what would do."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image
from sqlalchemy import select

from newsletters import look, newsletters
from newsletters.newsletters import Edition
from staff.members import AuditEntry, Role
from tests.web.conftest import BASE, House

_FORM = {"latin": "georgia", "arabic": "naskh", "postal_address": "12 Citadel Road, Erbil, Iraq", "act": "save"}


def place(house: House, language: str = "en") -> str:
    with house.database.read() as session:
        edition = session.scalars(select(Edition).where(Edition.language == language)).one()
        return f"/console/look/{edition.id}"


def seen(page: str) -> str:
    return str(re.findall(r'name="seen" value="(\w+)"', page)[0])


def picture(width: int = 600, height: int = 120) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (width, height), "#8b1a1a").save(held, "PNG")
    return held.getvalue()


def test_the_page_of_the_first_edition_comes_first(house: House) -> None:
    answer = house.sign_in().get("/console/look")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/console/look/")


@pytest.mark.parametrize("language", ["en", "ar", "ckb"])
def test_a_look_is_saved_and_its_letters_wear_it(house: House, language: str) -> None:
    at, editor = place(house, language), house.sign_in()
    page = editor.get(at)
    assert page.status_code == 200
    saved = editor.post(at, {**_FORM, "brand": "#8b1a1a", "masthead": "Since 1924", "seen": seen(page.text)})
    assert saved.status_code == 303
    frame = editor.get(f"{at}/letter")
    assert "Since 1924" in frame.text
    assert "#8b1a1a" in frame.text
    assert "sandbox" in frame.headers["content-security-policy"]
    assert "frame-ancestors 'self'" in frame.headers["content-security-policy"]
    with house.database.read() as session:
        line = session.scalars(select(AuditEntry).where(AuditEntry.act == "edition.look")).one()
        assert line.detail["masthead"] == "Since 1924"


def test_what_is_typed_is_tried_on_and_not_stored(house: House) -> None:
    at, editor = place(house), house.sign_in()
    before = house.dump()
    frame = editor.get(f"{at}/letter?brand=%23105e62&masthead=%3Cscript%3Ex")
    assert frame.status_code == 200
    assert "#105e62" in frame.text
    assert "&lt;script&gt;x" in frame.text
    tried = editor.post(at, {**_FORM, "brand": "#105e62", "act": "try"})
    assert tried.status_code == 200
    assert "brand=%23105e62" in tried.text
    after = house.dump()
    assert (before["newsletters"], before["editions"]) == (after["newsletters"], after["editions"])


def test_a_colour_that_cannot_be_read_is_refused_with_one_that_can(house: House) -> None:
    at, editor = place(house), house.sign_in()
    answer = editor.post(at, {**_FORM, "brand": "#ffcc00", "footer": "kept as typed"})
    assert answer.status_code == 422
    assert "contrast of 1.4:1" in answer.text
    assert "kept as typed" in answer.text
    assert re.search(r"nearest shade that can is #[0-9a-f]{6}", answer.text)
    frame = editor.get(f"{at}/letter?brand=%23ffcc00")
    assert frame.status_code == 422
    assert "contrast of 1.4:1" in frame.text


def test_the_second_of_two_editors_sees_that_they_would_overwrite(house: House) -> None:
    at, editor = place(house), house.sign_in()
    old = seen(editor.get(at).text)
    assert editor.post(at, {**_FORM, "brand": "#8b1a1a", "seen": old}).status_code == 303
    late = house.sign_in(Role.OWNER).post(at, {**_FORM, "brand": "#105e62", "seen": old})
    assert late.status_code == 409
    assert "editor@news.example.org changed this" in late.text
    assert 'value="#105e62"' in late.text


def test_a_logo_is_handed_in_shown_from_our_host_and_taken_out_again(house: House) -> None:
    at, editor = place(house), house.sign_in()
    number = at.rpartition("/")[2]
    data = {"form": editor.form("/console/look/logo"), "edition": number, "paper": "light"}
    answer = editor.client.post("/console/look/logo", data=data, files={"file": ("logo.png", picture(), "image/png")})
    assert answer.headers["location"] == at
    (address,) = set(re.findall(rf"{BASE}(/logos/\w+\.\w+)", editor.get(f"{at}/letter").text))
    logo = house.client.get(address)
    assert logo.status_code == 200
    assert logo.headers["content-type"] in {"image/png", "image/jpeg"}
    assert "immutable" in logo.headers["cache-control"]
    editor.client.post("/console/look/logo", data=data | {"act": "remove"})
    assert "/logos/" not in editor.get(f"{at}/letter").text
    assert house.client.get(address).status_code == 200  # letters in inboxes show it


def test_what_is_no_picture_is_not_taken(house: House) -> None:
    at, editor = place(house), house.sign_in()
    data = {"form": editor.form("/console/look/logo"), "edition": at.rpartition("/")[2], "paper": "light"}
    answer = editor.client.post("/console/look/logo", data=data, files={"file": ("x.svg", b"<svg/>", "image/svg+xml")})
    assert answer.status_code == 303
    assert "It is no JPEG, PNG, WebP or GIF." in editor.get(at).text
    with house.database.read() as session:
        found = newsletters.edition_by_id(session, int(at.rpartition("/")[2]))
        assert found is not None
        assert found[0].theme.get("logo_url") is None
        assert look.of(*found).brand == "#7a1f1f"


@pytest.mark.parametrize("path", ["/logos/x", f"/logos/{'0' * 32}.png", "/logos/../x", "/console/look/99999"])
def test_what_is_not_there_is_not_found(house: House, path: str) -> None:
    assert house.sign_in().get(path).status_code == 404


def test_what_stands_beside_the_stories_is_ticked_and_unticked(house: House) -> None:
    at, editor = place(house), house.sign_in()
    assert 'value="other-editions" checked' not in editor.get(at).text
    assert editor.post(f"{at}/besides", {"besides": ["other-editions", "a horse"]}).status_code == 303
    assert 'value="other-editions" checked' in editor.get(at).text
    editor.post(f"{at}/besides", {})
    assert 'value="other-editions" checked' not in editor.get(at).text
    with house.database.read() as session:
        lines = session.scalars(select(AuditEntry).where(AuditEntry.act == "edition.besides")).all()
        assert [line.detail["besides"] for line in lines] == [["other-editions"], []]
