"""The correction box at the desk: shown, taken out, told all the same."""

from __future__ import annotations

from sqlalchemy import select

from articles.articles import Article
from newsletters.errata import Erratum
from newsletters.issues import Issue
from staff.members import Role
from tests.web.conftest import House
from tests.web.test_desk import an_issue


def test_a_correction_is_seen_taken_out_and_told_again(house: House) -> None:
    issue_id = an_issue(house)
    with house.database.write() as session:
        created_at = session.get_one(Issue, issue_id).created_at
        article = session.scalars(select(Article).limit(1)).one()
        words = "It is <b>40</b> metres."
        found = Erratum(
            issue_id=issue_id, article_id=article.id, title="A bridge", words=words, corrected_at=created_at
        )
        session.add(found)
        session.flush()
        erratum = {"erratum": found.id}
    home, editor = f"/console/issues/{issue_id}", house.sign_in(Role.EDITOR)
    for path in (home, f"{home}/preview/letter"):
        assert "It is &lt;b&gt;40&lt;/b&gt; metres." in editor.get(path).text
    editor.post(f"{home}/leave-out", erratum)
    assert "taken out by" in editor.get(home).text
    assert "A bridge" not in editor.get(f"{home}/preview/letter").text
    assert "took a correction out" in editor.get(home).text
    editor.post(f"{home}/put-back", erratum)
    assert "A bridge" in editor.get(f"{home}/preview/letter").text
