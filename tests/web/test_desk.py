"""The issue desk through HTTP: editing without losing a word, two editors at once, the wire, proofs."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from articles.articles import Article, ArticleStatus
from newsletters import compose, issues, newsletters
from newsletters.issues import Issue, IssueState, Item
from staff.members import AuditEntry, Role
from tests.newsletters.builders import a_feed, an_article
from tests.web.conftest import House

HOUR = timedelta(hours=1)
EN, AR = 1, 2
KURDISH = "پردی ڕووبار کرایەوە"


def an_issue(house: House, edition_id: int = EN, *, stories: int = 3) -> int:
    """A draft with stories an hour apart; the second has a picture and leads."""
    now = house.now
    with house.database.write() as session:
        feed = a_feed(session, now, url=f"https://example.org/{edition_id}.xml")
        newsletters.draw_from(session, edition_id, [feed])
        for number in range(1, stories + 1):
            an_article(session, feed, f"Story {number} of {edition_id}", now - number * HOUR, image=number == 2)
        issue = compose.one_off(session, edition_id, now=now)
        assert isinstance(issue, Issue)
        return issue.id


def item_ids(house: House, issue_id: int) -> list[int]:
    with house.database.read() as session:
        return [item.id for item in issues.list_items(session, issue_id)]


def item(house: House, item_id: int) -> Item:
    with house.database.read() as session:
        return session.get_one(Item, item_id)


def issue(house: House, issue_id: int) -> Issue:
    with house.database.read() as session:
        return session.get_one(Issue, issue_id)


def acts(session: Session) -> list[str]:
    return list(
        session.scalars(select(AuditEntry.act).where(AuditEntry.act.startswith("issue.")).order_by(AuditEntry.id))
    )


def test_the_desk_shows_the_stories_in_order_with_their_reasons(house: House) -> None:
    home = f"/console/issues/{an_issue(house)}"
    page = house.sign_in().get(home)
    assert page.status_code == 200
    found = re.findall(r'data-name="([^"]+)"', page.text)
    assert found == ["Story 2 of 1", "Story 1 of 1", "Story 3 of 1"]
    assert "lead: the newest with an image, 2 h old" in page.text
    assert "The picture of “Story 2 of 1” has no description." in html.unescape(page.text)
    assert f'hx-get="{home}/flight?seen=1.' in page.text


def test_a_story_is_moved_dropped_brought_back_and_the_toast_undoes(house: House) -> None:
    issue_id = an_issue(house)
    home = f"/console/issues/{issue_id}"
    editor = house.sign_in()
    first, second, third = item_ids(house, issue_id)
    answer = editor.post(f"{home}/items/{third}/move", {"position": 1, "seen": 1})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{home}#story-{third}")
    assert item_ids(house, issue_id) == [third, first, second]
    editor.post(f"{home}/items/{third}/move", {"way": "down", "position": 1, "seen": 2})
    assert item_ids(house, issue_id) == [first, third, second]
    editor.post(f"{home}/items/{first}/drop")
    page = editor.get(home)
    assert "Taken out. It lies in the tray." in page.text
    assert "taken out by <bdi>The editor</bdi>" in page.text
    assert f'action="{home}/undo-edit"' in page.text
    editor.post(f"{home}/undo-edit")
    assert item_ids(house, issue_id) == [first, third, second]
    editor.post(f"{home}/items/{first}/drop")
    editor.post(f"{home}/items/{first}/restore")
    assert item_ids(house, issue_id) == [third, second, first]
    editor.post(f"{home}/items/{first}/pin")
    assert item(house, first).pinned
    editor.post(f"{home}/items/{first}/unpin")
    assert not item(house, first).pinned


def test_a_headline_is_rewritten_and_given_back(house: House) -> None:
    issue_id = an_issue(house)
    home = f"/console/issues/{issue_id}"
    editor = house.sign_in()
    lead = item_ids(house, issue_id)[0]
    typed = {"title": "The <dam> opens", "summary": "About: Story 2 of 1", "seen": 1, "article": 1}
    editor.post(f"{home}/items/{lead}/rewrite", typed)
    assert (item(house, lead).title, item(house, lead).summary) == ("The <dam> opens", None)
    page = editor.get(home).text
    assert "The &lt;dam&gt; opens" in page
    assert "<dam>" not in page
    assert "Take the original back" in page
    editor.post(f"{home}/items/{lead}/original", {"seen": 2})
    assert item(house, lead).title is None


def test_two_editors_of_one_headline_see_both_and_take_either(house: House) -> None:
    issue_id = an_issue(house)
    home = f"/console/issues/{issue_id}"
    nasrin, dara = house.sign_in(address="nasrin@news.example.org"), house.sign_in(address="dara@news.example.org")
    lead = item_ids(house, issue_id)[0]
    path = f"{home}/items/{lead}/rewrite"
    nasrin.post(path, {"title": "Bridge opens at dawn", "summary": "", "seen": 1, "article": 1})
    stale = dara.post(path, {"title": "Bridge opens at noon", "summary": "Typed with care", "seen": 1, "article": 1})
    assert stale.status_code == 409
    assert "Somebody was faster" in stale.text
    assert "rewrote this story" in stale.text
    assert "<del>dawn</del><ins>noon</ins>" in stale.text
    assert 'value="Bridge opens at noon"' in stale.text
    assert "Typed with care</textarea>" in stale.text
    assert item(house, lead).title == "Bridge opens at dawn"
    seen = re.search(r'name="seen" value="(\d+)"', stale.text)
    assert seen
    mine = {"title": "Bridge opens at noon", "summary": "Typed with care", "seen": seen[1], "article": 1}
    assert dara.post(path, mine).status_code == 303
    assert (item(house, lead).title, item(house, lead).summary) == ("Bridge opens at noon", "Typed with care")


def test_a_forestalled_subject_and_a_forestalled_move_overwrite_nothing(house: House) -> None:
    issue_id = an_issue(house)
    home = f"/console/issues/{issue_id}"
    nasrin, dara = house.sign_in(address="nasrin@news.example.org"), house.sign_in(address="dara@news.example.org")
    lead = item_ids(house, issue_id)[0]
    nasrin.post(f"{home}/subject", {"subject": "Nasrin’s morning", "preheader": "", "seen": 1})
    stale = dara.post(f"{home}/subject", {"subject": "Dara’s morning", "preheader": "and more", "seen": 1})
    assert stale.status_code == 409
    assert "Dara’s morning" in stale.text
    assert issue(house, issue_id).subject == "Nasrin’s morning"
    nasrin.post(f"{home}/items/{lead}/move", {"position": 3, "seen": 2})
    moved = dara.post(f"{home}/items/{lead}/move", {"position": 2, "seen": 1})
    assert moved.status_code == 409
    assert "moved a story" in moved.text
    assert item_ids(house, issue_id)[2] == lead


def test_what_was_typed_comes_back_when_it_is_refused(house: House) -> None:
    issue_id = an_issue(house)
    home = f"/console/issues/{issue_id}"
    editor = house.sign_in()
    lead = item_ids(house, issue_id)[0]
    refused = editor.post(f"{home}/items/{lead}/rewrite", {"title": " ", "summary": "Two hours of work", "seen": 1})
    assert refused.status_code == 422
    assert "A story needs a headline." in refused.text
    assert "Two hours of work</textarea>" in refused.text
    empty = editor.post(f"{home}/subject", {"subject": "", "preheader": "Kept", "seen": 1})
    assert empty.status_code == 422
    assert 'value="Kept"' in empty.text


def test_a_suggestion_becomes_the_subject_and_the_preheader_stays(house: House) -> None:
    issue_id = an_issue(house)
    editor = house.sign_in()
    page = editor.get(f"/console/issues/{issue_id}").text
    offered = re.findall(r'name="suggestion" value="([^"]+)"', page)
    assert offered[:2] == ["Story 2 of 1", "Story 1 of 1"]
    editor.post(
        f"/console/issues/{issue_id}/subject",
        {"suggestion": offered[1], "subject": "unsaved", "preheader": "Below", "seen": 1},
    )
    assert (issue(house, issue_id).subject, issue(house, issue_id).preheader) == ("Story 1 of 1", "Below")


def test_a_story_is_added_from_the_wire_which_stays_open(house: House) -> None:
    issue_id = an_issue(house)
    home = f"/console/issues/{issue_id}"
    editor = house.sign_in()
    with house.database.write() as session:
        fresh = an_article(session, 1, "Fresh & new", house.now - HOUR / 2, section="Sport")
        an_article(session, 1, "Locked", house.now - HOUR / 2, section="Sport", status=ArticleStatus.EMBARGOED)
    page = editor.get(f"{home}/wire?section=Sport&text=fresh")
    assert "Fresh &amp; new" in page.text
    assert "no room: others came before it" in page.text
    answer = editor.post(f"{home}/add", {"article": fresh, "section": "Sport", "text": "a&b"})
    location = urlsplit(answer.headers["location"])
    assert (location.path, parse_qs(location.query)) == (f"{home}/wire", {"section": ["Sport"], "text": ["a&b"]})
    assert len(item_ids(house, issue_id)) == 4
    assert "embargo" in editor.get(f"{home}/wire").text
    assert editor.get(f"{home}/wire?before=x&section=%25").status_code == 200
    assert editor.get(f"{home}/wire?section=%00").status_code == 400


def test_what_lies_beside_the_stories_is_told_again_after_a_move_by_script(house: House) -> None:
    home = f"/console/issues/{an_issue(house)}"
    piece = house.sign_in().get(f"{home}/beside", **{"HX-Request": "true"}).text
    assert '<div id="remarks" hx-swap-oob="true">' in piece
    assert '<div id="inboxes" hx-swap-oob="true">' in piece
    assert 'hx-trigger="reordered from:body"' in piece
    assert "<html" not in piece


def test_composing_again_is_an_act_like_any_other(house: House) -> None:
    issue_id = an_issue(house)
    editor = house.sign_in()
    assert editor.post(f"/console/issues/{issue_id}/recompose").status_code == 303
    with house.database.read() as session:
        assert acts(session) == ["issue.compose", "issue.recompose"]


def test_who_is_no_editor_reads_the_desk_and_changes_nothing(house: House) -> None:
    issue_id = an_issue(house)
    home = f"/console/issues/{issue_id}"
    lead = item_ids(house, issue_id)[0]
    ops = house.sign_in(Role.OPS)
    page = ops.get(home)
    assert page.status_code == 200
    assert "/drop" not in page.text
    before = house.dump()
    assert ops.post(f"{home}/items/{lead}/drop").status_code == 403
    assert ops.post(f"{home}/test", {"to": "a@example.org"}).status_code == 403
    assert house.client.get(home, follow_redirects=False).status_code == 303
    assert house.dump() == before


def test_an_issue_on_its_way_is_shown_and_no_longer_edited(house: House) -> None:
    issue_id = an_issue(house)
    home = f"/console/issues/{issue_id}"
    lead = item_ids(house, issue_id)[0]
    with house.database.write() as session:
        session.get_one(Issue, issue_id).state = IssueState.SENDING
    editor = house.sign_in()
    assert f"{home}/items/{lead}/drop" not in editor.get(home).text
    refused = editor.post(f"{home}/items/{lead}/drop")
    assert refused.status_code == 422
    assert "Issue 1 is sending" in refused.text


@pytest.mark.parametrize("path", ["999", "0", "99999999999999999999", "1/wire", "999/preview", "999/beside"])
def test_an_issue_that_is_not_there_is_a_page_of_ours(house: House, path: str) -> None:
    assert house.sign_in().get(f"/console/issues/{path}").status_code in (400, 404)


def test_looking_changes_nothing(house: House) -> None:
    issue_id = an_issue(house)
    home = f"/console/issues/{issue_id}"
    editor = house.sign_in()
    before = house.dump()
    for path in (
        "",
        "/beside",
        "/wire",
        "/preview",
        "/preview?screen=phone",
        "/preview?screen=text",
        "/preview/letter",
    ):
        assert editor.get(home + path).status_code == 200, path
    assert house.dump() == before


def test_the_fields_of_an_arabic_edition_are_written_from_the_right_on_an_english_page(house: House) -> None:
    issue_id = an_issue(house, AR)
    with house.database.write() as session:
        for article in session.scalars(select(Article)):
            article.language = "ar"
    page = house.sign_in().get(f"/console/issues/{issue_id}").text
    assert '<html lang="en" dir="ltr">' in page
    assert re.search(r'<input class="input" id="subject"[^>]* dir="rtl"[^>]* lang="ar"', page)
    assert re.search(r'<textarea class="input" id="summary-\d+"[^>]* dir="rtl"[^>]* lang="ar"', page)
    assert '<h3><span class="serif" lang="ar" dir="rtl">' in page
