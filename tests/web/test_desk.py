"""The issue desk through HTTP: editing without losing a word, two editors at once, the wire, proofs."""

from __future__ import annotations

import asyncio
import email
import email.policy
import html
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from articles.articles import Article, ArticleStatus
from ground.engine import WorkLane
from ground.tokens import Purpose
from mailer import message
from mailer.deliveries import Delivery
from mailer.letter import Kind
from mailer.letters import Letter
from mailer.message import Mint, Recipient
from mailer.suppressions import Cause, suppress
from newsletters import compose, digest, issues, newsletters
from newsletters.issues import Issue, IssueState, Item
from staff.members import AuditEntry, Role
from tests.newsletters.builders import a_feed, an_article
from tests.web.conftest import BASE, House

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


# --- proofs -------------------------------------------------------------------------------------------------------------


def as_sent(house: House, issue_id: int) -> bytes:
    """The HTML part of the message that a reader gets."""
    with house.database.read() as session:
        job = digest.job(session, session.get_one(Issue, issue_id), base_url=BASE)
    compiled = asyncio.run(house.compiler.compiled(job))
    row = Recipient(
        delivery_id=1, letter_id=1, recipient_id=7, address="r@x.org", fields={"unsubscribe_url": "7"}, due_at=house.now
    )
    mint = Mint(keys=house.keys, base_url=BASE, message_domain="n.example", bounce_domain="b.example")
    return message.build(compiled, row, mint)


@pytest.mark.parametrize("edition_id", [EN, AR])
def test_a_preview_is_the_letter_that_is_sent_but_for_its_readers_links(house: House, edition_id: int) -> None:
    issue_id = an_issue(house, edition_id)
    sent = email.message_from_bytes(as_sent(house, issue_id), policy=email.policy.default)
    part = sent.get_body(("html",))
    assert part is not None
    expected = re.sub(rf"{BASE}/u/[\w.~-]+", "https://preview.invalid/unsubscribe", part.get_content())
    expected = re.sub(rf"{BASE}/p/[\w.~-]+", "https://preview.invalid/preferences", expected)
    page = house.sign_in().get(f"/console/issues/{issue_id}/preview/letter")
    undressed = page.text.replace('<head><base target="_blank">', "<head>", 1)
    undressed = undressed.replace("@media not all", "@media (prefers-color-scheme: dark)")
    undressed = undressed.replace("color-scheme: light;", "color-scheme: light dark;")
    assert undressed == expected.replace("\r\n", "\n")
    assert "preview.invalid" in page.text
    assert not re.search(rf"{BASE}/u/", page.text)


def test_a_preview_has_a_letters_policy_and_no_way_into_the_console(house: House) -> None:
    issue_id = an_issue(house)
    page = house.sign_in().get(f"/console/issues/{issue_id}/preview/letter")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "sandbox" in policy
    assert "script" not in policy
    assert "allow-same-origin" not in policy
    frame = house.sign_in().get(f"/console/issues/{issue_id}/preview?screen=phone").text
    assert re.search(r'<iframe class="preview" src="[^"]+/preview/letter" [^>]*width="360"[^>]* sandbox="', frame)


def test_the_dark_preview_answers_the_letters_own_question_for_a_dark_screen(house: House) -> None:
    issue_id = an_issue(house)
    editor = house.sign_in()
    light = editor.get(f"/console/issues/{issue_id}/preview/letter").text
    dark = editor.get(f"/console/issues/{issue_id}/preview/letter?dark=true").text
    assert "prefers-color-scheme" not in light + dark
    assert "@media all {" in dark
    assert "@media not all {" in light
    assert "color-scheme: dark;" in dark
    assert dark.replace("@media all", "@media not all").replace("color-scheme: dark;", "color-scheme: light;") == light


def test_the_size_is_told_against_what_gmail_shows(house: House) -> None:
    page = house.sign_in().get(f"/console/issues/{an_issue(house)}/preview").text
    assert re.search(r"\d+ of 102", page)


def test_the_plain_text_is_shown_as_text(house: House) -> None:
    page = house.sign_in().get(f"/console/issues/{an_issue(house)}/preview?screen=text").text
    assert "<pre" in page
    assert "https://preview.invalid/unsubscribe" in page


def test_a_test_goes_to_the_desk_marked_and_with_nobodys_links(house: House) -> None:
    issue_id = an_issue(house)
    home = f"/console/issues/{issue_id}"
    editor = house.sign_in()
    assert "editor@news.example.org</textarea>" in editor.get(f"{home}/preview").text
    answer = editor.post(f"{home}/test", {"to": "editor@news.example.org, Desk@example.org\n"})
    assert answer.headers["location"] == f"{home}/preview"
    assert "On its way to editor@news.example.org, Desk@example.org." in editor.get(f"{home}/preview").text
    with house.database.read() as session:
        copies = list(session.scalars(select(Delivery).order_by(Delivery.id)))
        letters = list(session.scalars(select(Letter).order_by(Letter.id)))
        trail = session.scalars(select(AuditEntry).where(AuditEntry.act == "issue.test")).one()
    assert [(copy.address, copy.recipient_id, copy.fields) for copy in copies] == [
        ("editor@news.example.org", 0, {"unsubscribe_url": "0"}),
        ("Desk@example.org", 0, {"unsubscribe_url": "0"}),
    ]
    assert {letter.kind for letter in letters} == {Kind.STAFF}
    assert (trail.actor, trail.subject) == ("editor@news.example.org", f"issue:{issue_id}")
    assert [lane for _, _, lane in house.engine.submitted] == [WorkLane.TX, WorkLane.TX]
    job = house.compiler.jobs[-1]
    assert (job.kind, job.context["issue"]["subject"]) == (Kind.STAFF, "[TEST] Story 2 of 1")
    assert issue(house, issue_id).revision == 1


def test_the_links_of_a_test_are_nobodys(house: House) -> None:
    token = house.keys.sign(Purpose.UNSUBSCRIBE, "0")
    before = house.dump()
    assert house.client.post(f"/u/{token}").status_code == 200
    assert house.dump() == before


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("", "at least one address"),
        ("nobody", "is no email address"),
        ("a@x.org b@x.org c@x.org d@x.org e@x.org f@x.org", "at most 5"),
        ("a@x.org\r\nBcc: all@example.org", "is no email address"),
        ("dead@example.org", "suppressed"),
    ],
)
def test_a_test_to_what_is_no_address_is_refused_and_kept(house: House, to: str, why: str) -> None:
    issue_id = an_issue(house)
    with house.database.write() as session:
        suppress(session, "dead@example.org", Cause.HARD_BOUNCE, now=house.now)
    refused = house.sign_in().post(f"/console/issues/{issue_id}/test", {"to": to})
    assert refused.status_code == 422
    assert why in refused.text
    assert html.escape(to.rsplit(maxsplit=1)[-1] if to else "", quote=False) in refused.text
    assert house.letters() == []


def test_twenty_tests_an_hour_are_enough(house: House) -> None:
    issue_id = an_issue(house)
    editor = house.sign_in()
    answers = [editor.post(f"/console/issues/{issue_id}/test", {"to": "a@x.org"}).status_code for _ in range(21)]
    assert answers == [303] * 20 + [422]


# --- by hand ------------------------------------------------------------------------------------------------------------


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
