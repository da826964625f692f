"""Issues made by hand, outside any schedule: of the newest stories, or an alert of one."""

from __future__ import annotations

import pytest

from newsletters.issues import IssueState
from tests.newsletters.builders import an_article
from tests.web.conftest import House
from tests.web.test_desk import EN, HOUR, an_issue, issue


def test_an_issue_is_composed_by_hand_and_waits_for_a_person(house: House) -> None:
    an_issue(house)  # so that the edition has stories; a second draft may be made of them
    editor = house.sign_in()
    answer = editor.post("/console/issues", {"edition": str(EN)})
    page = editor.get(answer.headers["location"])
    assert answer.status_code == 303
    assert "It goes only when somebody approves it" in page.text


def test_where_there_is_nothing_new_it_is_said_and_nothing_is_made(house: House) -> None:
    before = house.dump()
    page = house.sign_in().post("/console/issues", {"edition": str(EN)})
    assert page.status_code == 422
    assert "There is no article that this edition has not sent yet" in page.text
    assert house.dump()["issues"] == before["issues"]


def test_what_is_not_there_inside_leads_back_to_the_console(house: House) -> None:
    page = house.sign_in().get("/console/issues/999999")
    assert page.status_code == 404
    assert 'href="/console"' in page.text


def test_an_alert_is_made_on_the_wire_and_sent_with_two_words(house: House) -> None:
    home = f"/console/issues/{an_issue(house)}"
    editor = house.sign_in()
    with house.database.write() as session:
        fresh = an_article(session, 1, "The dam holds", house.now - HOUR / 2)
    assert "Make an alert of: The dam holds" in editor.get(f"{home}/wire").text
    made = editor.post("/console/alerts", {"edition": str(EN), "article": str(fresh)}).headers["location"]
    page = editor.get(made).text
    assert "An alert takes two words" in page
    assert f'href="{made}/send-now' not in page
    editor.post(f"{made}/approve", {"seen": ""})
    page = editor.get(made).text
    assert "Now the second word" in page
    assert f'href="{made}/send-now' in page
    assert "The dam holds" in editor.get(f"{made}/send-now").text
    editor.post(f"{made}/send-now", {"seen": ""})
    assert issue(house, int(made.rpartition("/")[2])).state is IssueState.HELD


@pytest.mark.parametrize("posted", [{}, {"edition": "1", "article": "x"}, {"edition": "9", "article": "1"}])
def test_what_names_no_story_makes_no_alert(house: House, posted: dict[str, str]) -> None:
    an_issue(house)
    before = house.dump()["issues"]
    assert house.sign_in().post("/console/alerts", posted).headers["location"] == "/console/issues"
    assert house.dump()["issues"] == before
