"""The digest: what of an issue and its articles reaches the templates."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from articles import profiles
from articles.articles import Author
from ground.database import Database
from newsletters import besides, compose, digest
from newsletters.besides import Beside
from newsletters.issues import Issue
from tests.newsletters.builders import BASE_URL, a_desk, an_article


def test_a_story_comes_with_the_face_of_its_first_author_where_it_is_a_picture_of_the_web(
    database: Database, now: datetime
) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        for title, author in (("One", "Hanar Dolan"), ("Two", "Karo Zozan"), ("Three", "Shilan Ahmad")):
            an_article(session, desk.feed, title, now, authors=[author])
        an_article(session, desk.feed, "Four", now)
        faces = {"Hanar Dolan": "https://example.org/hanar.png", "Karo Zozan": "data:image/png;base64,AA"}
        for author_row in session.scalars(select(Author)):
            author_row.avatar_url = faces.get(author_row.name)
        issue = compose.one_off(session, desk.edition, now=now)
        assert isinstance(issue, Issue)
        before = digest.content_hash(session, issue)
        items = digest.job(session, issue, base_url=BASE_URL).context["items"]
        found = {item["title"]: item["face"] for item in items}
        assert found == {"One": "https://example.org/hanar.png", "Two": None, "Three": None, "Four": None}
        session.scalars(select(Author)).first().avatar_url = None  # type: ignore[union-attr]  # there are three
        assert digest.content_hash(session, issue) == before  # a new portrait asks nobody's approval


def test_who_wrote_is_told_in_one_line_where_the_edition_wants_it_and_there_is_one(
    database: Database, now: datetime
) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        for title, author in (("One", "Hanar Dolan"), ("Two", "Karo Zozan")):
            an_article(session, desk.feed, title, now, authors=[author])
        hanar = session.scalars(select(Author).where(Author.name == "Hanar Dolan")).one()
        hanar.bio, hanar.url = "Covers the river. " * 40, "javascript:alert(1)"
        issue = compose.one_off(session, desk.edition, now=now)
        assert isinstance(issue, Issue)
        items = digest.job(session, issue, base_url=BASE_URL).context["items"]
        assert [item for item in items if "profile" in item] == []
        besides.choose(session, desk.edition, [Beside.AUTHORS], by="desk", now=now)
        items = digest.job(session, issue, base_url=BASE_URL).context["items"]
        found = {item["title"]: item["profile"] for item in items}
        assert found["Two"] is None
        assert found["One"]["url"] == ""
        assert found["One"]["bio"].startswith("Covers the river.")
        assert len(found["One"]["bio"]) <= profiles.LONGEST_BIO
