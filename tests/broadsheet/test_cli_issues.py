"""`issue`: composed, looked at, approved, sent, stopped."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from articles.articles import Article, ArticleStatus
from articles.feeds import Feed
from broadsheet.settings import load
from broadsheet.wiring import House
from newsletters import issues, newsletters, publish
from newsletters.issues import Issue, IssueEvent
from tests.broadsheet.conftest import Ask, Run, words
from tests.mailer import builders
from tests.processes import an_article

pytestmark = pytest.mark.slow  # each command opens the whole house

ACTS = {
    "approve": (),
    "send": (),
    "undo": (),
    "pause": ("--reason", "Wait."),
    "resume": (),
    "cancel": ("--reason", "No."),
}


@pytest.fixture
def news(desk: Run) -> Run:
    """An edition whose feed has brought five stories."""
    with House(load()) as house, house.database.write() as session:
        now = house.clock()
        feed = Feed(url="https://zagroscourier.example/feed", next_fetch_at=now, created_at=now)
        session.add(feed)
        session.flush()
        session.add_all(an_article(feed.id, number) for number in range(5))
        newsletters.draw_from(session, 1, [feed.id])
    return desk


@pytest.fixture
def composed(news: Run) -> Run:
    """Issue 1 is a draft."""
    news("issue", "compose", "morning/en")
    return news


def test_an_issue_is_composed_listed_and_shown(news: Run, ask: Ask) -> None:
    assert "issue compose" in news("issue", "list").stdout
    made = ask("issue", "compose", "morning/en")
    assert made == {"id": 1, "number": 1, "state": "draft", "subject": "Story number 0"}
    (listed,) = ask("issue", "list")
    assert (listed["id"], listed["edition"], listed["number"], listed["state"]) == (1, "morning/en", 1, "draft")
    shown = ask("issue", "show", "1")
    assert (shown["edition"], shown["articles"], shown["left_out"], shown["sums_match"]) == ("morning/en", 5, {}, True)
    assert all(name.isidentifier() for name in shown)
    assert "in doubt at some time" in news("issue", "show", "1").stdout
    assert "Story number 0" in news("issue", "list").stdout


def test_nothing_to_compose_is_told(desk: Run, news: Run) -> None:
    assert "newsletter list" in words(news("issue", "compose", "evening/en", code=2))
    news("issue", "compose", "morning/en")
    news("issue", "send", "1")
    assert "not sent yet" in words(desk("issue", "compose", "morning/en", code=2))


def test_a_preview_is_the_letter(composed: Run) -> None:
    assert composed("issue", "preview", "1").stdout.lstrip().startswith("<!")
    text = composed("issue", "preview", "1", "--text").stdout
    assert "Story number 4" in text
    assert "<td" not in text


def test_an_approval_waits_for_its_time_and_send_only_for_a_moment(composed: Run, ask: Ask) -> None:
    later = timedelta(hours=5)
    with House(load()) as house, house.database.write() as session:
        session.get_one(Issue, 1).scheduled_for += later
    planned = ask("issue", "show", "1")["scheduled_for"]
    assert ask("issue", "approve", "1") == {"id": 1, "revision": 1}
    assert ask("issue", "show", "1")["scheduled_for"] == planned
    assert "issue undo 1" in composed("issue", "send", "1").stdout
    shown = ask("issue", "show", "1")
    assert shown["state"] == "held"
    assert shown["scheduled_for"] < planned
    with House(load()) as house, house.database.read() as session:
        issue = session.get_one(Issue, 1)
        assert timedelta(minutes=4) < issue.scheduled_for - house.clock() <= timedelta(minutes=5)
        assert issue.approved_by == "command line"


def test_without_a_moment_of_undo_an_issue_goes_now(composed: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROADSHEET_UNDO_FOR", "0")
    assert "goes now" in composed("issue", "send", "1").stdout
    with House(load()) as house, house.database.read() as session:
        assert publish.due(session, now=house.clock()) == [1]


def test_what_was_sent_now_is_taken_back(composed: Run, ask: Ask) -> None:
    composed("issue", "send", "1")
    assert "waits for a person" in composed("issue", "undo", "1").stdout
    shown = ask("issue", "show", "1")
    assert (shown["state"], shown["reason"]) == ("draft", "Taken back by command line: waits for a person.")
    assert "already" in words(composed("issue", "undo", "1", code=2))


def test_an_issue_of_embargoed_stories_does_not_go(composed: Run, ask: Ask) -> None:
    with House(load()) as house, house.database.write() as session:
        later = house.clock() + timedelta(hours=5)
        session.get_one(Issue, 1).scheduled_for = later
        for article in session.query(Article):
            article.status, article.embargo_until = ArticleStatus.EMBARGOED, later
    before = ask("issue", "show", "1")
    assert before["articles"] == 5
    assert "embargo" in words(composed("issue", "send", "1", code=2))
    assert ask("issue", "show", "1") == before


def test_a_sending_issue_is_paused_resumed_and_cancelled(composed: Run, ask: Ask) -> None:
    composed("issue", "approve", "1")
    with House(load()) as house, house.database.write() as session:
        issue = session.get_one(Issue, 1)
        issue.letter_id = builders.letter(session, 3, now=house.clock())
        for event in (IssueEvent.SEAL, IssueEvent.SEND):
            assert issues.move(issue, event)
    assert "resume 1" in composed("issue", "pause", "1", "--reason", "A wrong name").stdout
    assert (ask("issue", "show", "1")["state"], ask("issue", "show", "1")["reason"]) == ("paused", "A wrong name")
    composed("issue", "resume", "1")
    composed("issue", "cancel", "1", "--reason", "Withdrawn")
    assert ask("issue", "list")[0]["state"] == "cancelled"
    for act, options in ACTS.items():
        assert "cancelled" in words(composed("issue", act, "1", *options, code=2))


@pytest.mark.parametrize("act", [*ACTS, "show", "preview"])
def test_an_issue_that_is_not_there(run: Run, act: str) -> None:
    told = words(run("issue", act, "44", *ACTS.get(act, ()), code=2))
    assert "There is no issue 44." in told
    assert "issue list" in told
    run("issue", act, "first", *ACTS.get(act, ()), code=2)


@pytest.mark.parametrize("act", ["pause", "cancel"])
def test_stopping_asks_for_a_reason(composed: Run, act: str) -> None:
    assert "--reason" in words(composed("issue", act, "1", code=2))


def test_the_checks_say_what_would_hold_it(composed: Run) -> None:
    with House(load()) as house, house.database.write() as session:
        session.get_one(Issue, 1).subject = ""
    result = composed("issue", "lint", "1", "--json", code=1)
    held = [each for each in json.loads(result.stdout) if each["holds"]]
    assert [(each["severity"], each["id"]) for each in held] == [("error", "N01")]


def test_there_are_no_checks_of_an_issue_that_is_not_there(composed: Run) -> None:
    composed("issue", "lint", "9", code=2)
