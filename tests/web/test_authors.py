"""Authors in the console: found, and told about in one line."""

from __future__ import annotations

from sqlalchemy import select

from articles.articles import Author
from staff.members import AuditEntry, Role
from tests.web.conftest import House


def authors(house: House, *names: str) -> list[int]:
    with house.database.write() as session:
        added = [Author(name=name) for name in names]
        session.add_all(added)
        session.flush()
        return [author.id for author in added]


def test_an_author_is_found_and_gets_a_line_and_a_face(house: House) -> None:
    hanar, _ = authors(house, "Hanar <Dolan>", "Karo Zozan")
    editor = house.sign_in(Role.EDITOR)
    found = editor.get("/console/authors?text=dolan").text
    assert "Hanar &lt;Dolan&gt;" in found
    assert "Karo Zozan" not in found
    said = {"bio": " Covers  the river. ", "url": "https://example.org/h", "avatar_url": "https://example.org/h.png"}
    assert editor.post(f"/console/authors/{hanar}", said).status_code == 303
    assert 'value="Covers the river."' in editor.get(f"/console/authors/{hanar}").text
    with house.database.read() as session:
        line = session.scalars(select(AuditEntry).where(AuditEntry.act == "author.change")).one()
        assert line.detail["bio"] == "Covers the river."


def test_what_cannot_be_shown_comes_back_with_the_reason(house: House) -> None:
    (hanar,) = authors(house, "Hanar Dolan")
    editor = house.sign_in(Role.EDITOR)
    refused = editor.post(f"/console/authors/{hanar}", {"bio": "x" * 201, "url": "javascript:alert(1)"})
    assert refused.status_code == 422
    assert "201 characters" in refused.text
    assert "no web address" in refused.text
    with house.database.read() as session:
        assert session.get_one(Author, hanar).bio is None


def test_names_are_paged_by_name(house: House) -> None:
    authors(house, *(f"Author {number:03}" for number in range(60)))
    page = house.sign_in().get("/console/authors").text
    assert "Author 049" in page
    assert "Author 050" not in page
    assert "after=Author+049" in page
    assert "Author 050" in house.sign_in().get("/console/authors?after=Author+049").text
