"""The checks at the desk: what the lint says of the letter, in words, held apart from what would hold the issue."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from articles.articles import Article, ArticleStatus
from newsletters.issues import Issue
from staff.members import Role
from tests.web.conftest import House
from tests.web.test_desk import an_issue

pytestmark = pytest.mark.pages


def test_the_desk_fetches_the_checks_of_a_draft(house: House) -> None:
    home = f"/console/issues/{an_issue(house)}"
    desk = house.sign_in(Role.EDITOR).get(home).text
    assert f'hx-get="{home}/findings"' in desk
    assert f'<a href="{home}/findings">' in desk


def test_a_sound_letter_has_nothing_that_would_hold_it(house: House) -> None:
    page = house.sign_in(Role.EDITOR).get(f"/console/issues/{an_issue(house)}/findings")
    assert page.status_code == 200
    assert 'id="findings"' in page.text
    assert "holds it" not in page.text


def test_what_would_hold_the_issue_is_shown_with_what_to_do(house: House) -> None:
    issue_id = an_issue(house)
    with house.database.write() as session:
        session.get_one(Issue, issue_id).subject = ""
    page = house.sign_in(Role.EDITOR).get(f"/console/issues/{issue_id}/findings").text
    assert "holds it" in page
    assert "The subject is empty." in page
    assert "Say the news in 60 characters" in page


def test_what_a_story_says_is_shown_as_text(house: House) -> None:
    issue_id = an_issue(house)
    with house.database.write() as session:
        session.execute(update(Article).values(title="<b>Bold</b> {{ name }}"))
    page = house.sign_in(Role.EDITOR).get(f"/console/issues/{issue_id}/findings").text
    assert "{{ name }} was not filled." in page
    assert "<b>Bold" not in page
    assert "holds it" not in page  # the story's own words


def test_an_issue_whose_stories_are_all_withdrawn_has_a_page_of_checks_all_the_same(house: House) -> None:
    issue_id = an_issue(house)
    with house.database.write() as session:
        session.execute(update(Article).values(status=ArticleStatus.WITHDRAWN))
    page = house.sign_in(Role.EDITOR).get(f"/console/issues/{issue_id}/findings")
    assert page.status_code == 200
    assert 'id="findings"' in page.text


def test_there_are_no_checks_of_what_is_not_there(house: House) -> None:
    assert house.sign_in(Role.EDITOR).get("/console/issues/999/findings").status_code == 404
