"""From approval to the last reader, as the console shows it and lets it be done."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from articles.articles import Article
from mailer.batches import Batch, BatchState
from mailer.deliveries import Delivery, State
from mailer.letters import Letter, LetterState
from newsletters.issues import Issue, IssueState, Item
from newsletters.schedules import Autonomy, Schedule
from staff.members import AuditEntry, Role
from tests.mailer import builders as letters
from tests.newsletters.builders import a_feed, a_reader, an_article
from tests.web.conftest import House, SignedIn, add_issue

AT = "/console/issues/1"


@pytest.fixture
def draft(house: House) -> House:
    """Issue 1: a draft of two stories that goes in 42 minutes when somebody approves it."""
    later = house.now + timedelta(minutes=42)
    add_issue(house.database, 1, 12, IssueState.DRAFT, house.now, scheduled_for=later, subject="Bridge <b>reopens</b>")
    with house.database.write() as session:
        feed = a_feed(session, house.now)
        for position in (1, 2):
            article = an_article(session, feed, f"Story {position}", house.now)
            session.add(
                Item(issue_id=1, article_id=article, article_revision=1, position=position, reason="the newest")
            )
    return house


@pytest.fixture
def sending(draft: House) -> House:
    """Issue 1 on its way to 1,000 readers for a minute: the first 500 have it, but for three."""
    with draft.database.write() as session:
        letter_id = letters.letter(session, 1000, now=draft.now)
        issue = session.get_one(Issue, 1)
        issue.state, issue.letter_id, issue.sealed_at = IssueState.SENDING, letter_id, draft.now - timedelta(minutes=1)
        issue.recipient_count = issue.audience_count = 1000
        first = session.scalars(select(Batch).order_by(Batch.id)).first()
        assert first is not None
        first.accepted, first.deferred, first.failed = 497, 2, 1
    return draft


def editor(house: House) -> SignedIn:
    return house.sign_in(Role.EDITOR)


def state(house: House) -> IssueState:
    with house.database.read() as session:
        return session.get_one(Issue, 1).state


def seen(browser: SignedIn) -> str:
    """What the desk's page says that it shows."""
    return str(re.findall(r'name="seen" value="(1\.[0-9a-f]{16})"', browser.get(AT).text)[0])


def follow(browser: SignedIn, path: str, data: dict[str, object] | None = None) -> str:
    """Press a button, and look at what is said afterwards."""
    answer = browser.post(path, data)
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == AT
    return browser.get(f"{AT}/flight").text


def test_a_draft_says_when_it_goes_and_that_nobody_sends_it_alone(draft: House) -> None:
    page = editor(draft).get(f"{AT}/flight").text
    assert "Bridge &lt;b&gt;reopens&lt;/b&gt;" in page
    assert "Waits for approval" in page
    assert "07:42 Baghdad" in page
    assert "in 42 min" in page
    assert "It goes only when somebody approves it." in page
    assert "every 2s" not in page


@pytest.mark.parametrize(
    ("autonomy", "words"),
    [
        (Autonomy.AUTOMATIC, "If nobody touches it, it goes by itself at this time."),
        (Autonomy.UNLESS_STOPPED, "It goes by itself at this time, unless somebody stops it."),
    ],
)
def test_a_draft_that_goes_by_itself_says_so_and_can_be_kept_from_it(
    draft: House, autonomy: Autonomy, words: str
) -> None:
    with draft.database.write() as session:
        schedule = Schedule(
            edition_id=1, name="daily", rule="sun-thu 07:00 Asia/Baghdad", starts_at=draft.now, changed_at=draft.now
        )
        schedule.autonomy = autonomy
        session.add(schedule)
        session.flush()
        session.get_one(Issue, 1).schedule_id = schedule.id
    browser = editor(draft)
    page = browser.get(f"{AT}/flight").text
    assert words in page
    assert "Do not send by itself" in page
    told = follow(browser, f"{AT}/take-back")
    assert "Taken back by editor@news.example.org: waits for a person." in told


def test_an_approved_issue_can_be_taken_back_from_the_toast(draft: House) -> None:
    browser = editor(draft)
    told = follow(browser, f"{AT}/approve", {"seen": "1"})
    assert "Approved. It goes at its time." in told
    assert f'action="{AT}/take-back"' in told
    assert "Approved by editor@news.example.org." in told
    assert state(draft) is IssueState.APPROVED
    assert "goes only when somebody approves it" in follow(browser, f"{AT}/take-back")
    assert state(draft) is IssueState.DRAFT


def test_an_approval_of_what_has_changed_since_is_refused_with_what_changed(draft: House) -> None:
    with draft.database.write() as session:
        session.get_one(Issue, 1).revision = 2
        detail = {"revision": 2}
        session.add(AuditEntry(at=draft.now, actor="o@x", act="issue.subject", subject="issue:1", detail=detail))
    answer = editor(draft).post(f"{AT}/approve", {"seen": "1"})
    assert answer.status_code == 409
    assert "The issue has changed since you looked: o@x changed the subject." in answer.text
    assert state(draft) is IssueState.DRAFT


def test_what_a_page_has_not_shown_is_not_approved_by_the_live_part_that_comes_later(draft: House) -> None:
    browser = editor(draft)
    shown = seen(browser)
    with draft.database.write() as session:
        session.get_one(Issue, 1).revision = 2
        detail = {"revision": 2}
        session.add(AuditEntry(at=draft.now, actor="o@x", act="issue.drop", subject="issue:1", detail=detail))
    piece = browser.get(f"{AT}/flight?state=held-on&seen={shown}", **{"HX-Request": "true"}).text
    asked = browser.get(f"{AT}/send-now?seen={shown}").text
    for later in (piece, asked):
        assert f'name="seen" value="{shown}"' in later
    assert browser.post(f"{AT}/send-now", {"seen": shown}).status_code == 409
    assert browser.post(f"{AT}/approve", {"seen": shown}).status_code == 409
    assert state(draft) is IssueState.DRAFT


def test_a_story_that_its_source_has_changed_since_is_not_approved_unseen(draft: House) -> None:
    browser = editor(draft)
    shown = seen(browser)
    with draft.database.write() as session:
        session.scalars(select(Article)).all()[0].title = "Another figure"
    answer = browser.post(f"{AT}/approve", {"seen": shown})
    assert answer.status_code == 409
    assert "A story was changed by its source since you looked." in answer.text
    assert follow(browser, f"{AT}/approve", {"seen": seen(browser)})
    assert state(draft) is IssueState.APPROVED


def test_sending_now_asks_first_and_says_who_gets_it(draft: House) -> None:
    with draft.database.write() as session:
        for number in range(3):
            a_reader(session, 1, f"reader{number}@example.org", draft.now)
        a_reader(session, 1, "away@example.org", draft.now, paused_until=draft.now + timedelta(days=1))
    before = draft.dump()
    page = editor(draft).get(f"{AT}/send-now").text
    for words in (
        "English",
        "3 readers",
        "and 1 who has paused",
        "Not known",
        "This is the first issue",
        "5 min first",
    ):
        assert words in page, words
    assert "not like the last one" not in page
    assert {name: rows for name, rows in draft.dump().items() if name not in {"sessions", "staff"}} == {
        name: rows for name, rows in before.items() if name not in {"sessions", "staff"}
    }


def test_an_unusual_audience_is_warned_of_and_the_time_is_judged_by_the_last_issue(sending: House) -> None:
    later = sending.now + timedelta(hours=1)
    add_issue(sending.database, 1, 13, IssueState.DRAFT, sending.now, scheduled_for=later)
    with sending.database.write() as session:
        session.get_one(Issue, 1).state = IssueState.FINISHED
        session.get_one(Issue, 1).finished_at = sending.now
        session.execute(update(Delivery).values(state=State.ACCEPTED, accepted_at=sending.now))
        for number in range(400):
            a_reader(session, 1, f"r{number}@example.org", sending.now)
    page = editor(sending).get("/console/issues/2/send-now").text
    assert "not like the last one: 400 readers, where the last issue had 1,000." in page
    assert "About a minute" in page
    assert "1,000 readers" in page


def test_what_is_sent_now_counts_down_and_can_be_undone(draft: House) -> None:
    browser = editor(draft)
    told = follow(browser, f"{AT}/send-now", {"seen": "1"})
    assert state(draft) is IssueState.HELD
    assert "Leaves in 5 min." in told
    assert 'hx-trigger="every 2s"' in told
    draft.now += timedelta(seconds=48)
    part = browser.get(f"{AT}/flight?state=held-on-waits&said=held-waits-0", **{"HX-Request": "true"})
    assert "Leaves in 4 min 12 s." in part.text
    assert "<form" not in part.text
    assert "announcements" not in part.text
    follow(browser, f"{AT}/take-back")
    assert state(draft) is IssueState.DRAFT


def test_the_whole_section_comes_when_the_state_has_changed(draft: House) -> None:
    browser = editor(draft)
    answer = browser.get(f"{AT}/flight?state=held-on-waits&said=held-waits-0", **{"HX-Request": "true"})
    assert (answer.headers["HX-Retarget"], answer.headers["HX-Reswap"]) == ("#flight", "outerHTML")
    assert f'action="{AT}/approve"' in answer.text
    assert 'id="announcements" hx-swap-oob="innerHTML"' in answer.text


def test_a_sending_issue_shows_how_far_it_is(sending: House) -> None:
    page = editor(sending).get(f"{AT}/flight").text
    for words in ("497 of 1,000", "500 a minute, done about 07:01", "will be tried again", "refused"):
        assert words in page, words
    assert "state=sending-on&amp;said=sending-4" in page


def test_a_pause_needs_no_words_and_shows_its_reason(sending: House) -> None:
    browser = sending.sign_in(Role.OPS)
    told = follow(browser, f"{AT}/pause", {"reason": "A wrong\u202e name"})
    assert "A wrong name" in told
    assert "every 2s" not in told
    assert state(sending) is IssueState.PAUSED
    follow(browser, f"{AT}/resume")
    assert "Paused by ops@news.example.org." in follow(browser, f"{AT}/pause")


def test_a_cancel_asks_who_has_it_and_wants_a_reason(sending: House) -> None:
    browser = editor(sending)
    page = browser.get(f"{AT}/cancel").text
    assert "497 readers have it and keep it; 503 will not get it." in page
    nothing = browser.post(f"{AT}/cancel", {"reason": " "})
    assert nothing.status_code == 422
    assert "Say why" in nothing.text
    told = follow(browser, f"{AT}/cancel", {"reason": "wrong lead"})
    assert "wrong lead" in told
    assert "497 readers have it and keep it" in told
    with sending.database.read() as session:
        assert session.scalars(select(Letter.state)).one() is LetterState.CANCELLED


def test_a_finished_issue_leads_to_its_funnel(sending: House) -> None:
    with sending.database.write() as session:
        issue = session.get_one(Issue, 1)
        issue.state, issue.finished_at = IssueState.FINISHED, sending.now
        for batch in session.scalars(select(Batch)):
            batch.state, batch.accepted, batch.deferred, batch.failed = BatchState.DONE, 499, 0, 1
    page = editor(sending).get(f"{AT}/flight").text
    assert 'href="/ops/issues/1"' in page
    assert "998" in page
    assert "<form" not in page.split('id="flight"')[1]


def test_an_act_that_means_nothing_any_more_is_refused_in_words(sending: House) -> None:
    browser = editor(sending)
    answer = browser.post(f"{AT}/take-back")
    assert answer.status_code == 409
    assert "it can no longer be taken back. Pause or cancel it." in answer.text
    assert browser.get(f"{AT}/send-now").status_code == 303
    assert browser.post(f"{AT}/approve", {"seen": "²"}).status_code == 409


@pytest.mark.parametrize("path", ["approve", "send-now", "take-back"])
def test_ops_stop_issues_and_do_not_let_them_go(draft: House, path: str) -> None:
    assert draft.sign_in(Role.OPS).post(f"{AT}/{path}", {"seen": "1"}).status_code == 403
    assert state(draft) is IssueState.DRAFT


@pytest.mark.parametrize("path", ["flight", "send-now", "cancel"])
def test_an_issue_that_is_not_there_is_told(house: House, path: str) -> None:
    browser = editor(house)
    assert browser.get(f"/console/issues/44/{path}").status_code == 404
    assert browser.get(f"/console/issues/99999999999999999999/{path}").status_code == 400
