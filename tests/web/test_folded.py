"""A letter that was too long, at the desk: what was left out of it is told beside its size."""

from __future__ import annotations

from articles.articles import Article
from newsletters import issues
from tests.web.conftest import House
from tests.web.test_desk import an_issue, item_ids


def test_the_preview_says_what_a_letter_that_was_too_long_leaves_to_the_web(house: House) -> None:
    issue_id = an_issue(house, stories=12)
    with house.database.write() as session:
        for number, item_id in enumerate(item_ids(house, issue_id)):
            found = session.get_one(issues.Item, item_id)
            found.summary = "It rained all day. " * 20
            session.get_one(Article, found.article_id).title = f"{number} " + "A headline without an end " * 19
    page = house.sign_in().get(f"/console/issues/{issue_id}/preview")
    assert page.status_code == 200
    assert "It was too long" not in page.text
    with house.database.write() as session:
        for item_id in item_ids(house, issue_id):
            session.get_one(issues.Item, item_id).summary = "A summary of one sentence only " * 1_000
    page = house.sign_in().get(f"/console/issues/{issue_id}/preview")
    assert page.status_code == 200
    assert "It was too long, so each summary ends after its first sentence." in page.text
    assert "stories stand on the issue’s page alone" in page.text
