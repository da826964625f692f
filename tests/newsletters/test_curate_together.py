"""Two editors on one issue: nothing is overwritten unseen, and what does not conflict goes through."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from articles.articles import Article
from ground.database import Database
from newsletters import curate, issues, launch, trail
from newsletters.act import Done, Refused, Stale
from newsletters.issues import Issue, IssueState, Item
from newsletters.undo import undo
from tests.newsletters.test_compose import titles
from tests.newsletters.test_curate import a_draft, items

NASRIN = "nasrin@example.org"
DARA = "dara@example.org"


def rewrite(session: Session, item: Item, title: str, *, seen: int, by: str, now: datetime) -> Done | Refused | Stale:
    return curate.rewrite(session, item.id, title=title, summary=None, seen=seen, by=by, now=now)


def test_the_second_of_two_headlines_is_not_written_over_the_first(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        lead = items(session, issue)[0]
        assert rewrite(session, lead, "Nasrin's headline", seen=1, by=NASRIN, now=now) == Done(2)
        stale = rewrite(session, lead, "Dara's headline", seen=1, by=DARA, now=now)
        assert isinstance(stale, Stale)
        assert (stale.revision, [step.by for step in stale.since]) == (2, [NASRIN])
        assert lead.title == "Nasrin's headline"
        # Having looked, Dara takes their own.
        assert rewrite(session, lead, "Dara's headline", seen=stale.revision, by=DARA, now=now) == Done(3)


def test_one_editor_in_two_windows_does_not_overwrite_either(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        lead = items(session, issue)[0]
        rewrite(session, lead, "On the telephone", seen=1, by=NASRIN, now=now)
        assert isinstance(rewrite(session, lead, "At the desk", seen=1, by=NASRIN, now=now), Stale)


def test_two_editors_of_two_stories_both_go_through(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        first, second, third = items(session, issue)
        assert rewrite(session, first, "One", seen=1, by=NASRIN, now=now) == Done(2)
        assert rewrite(session, second, "Two", seen=1, by=DARA, now=now) == Done(3)
        assert curate.pin(session, third.id, is_pinned=True, by=DARA, now=now) == Done(4)
        assert curate.drop(session, third.id, by=NASRIN, now=now) == Done(5)
        assert curate.drop(session, third.id, by=DARA, now=now) == Done(5)


def test_the_same_words_twice_are_no_conflict(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        lead = items(session, issue)[0]
        rewrite(session, lead, "The dam opens", seen=1, by=NASRIN, now=now)
        assert rewrite(session, lead, "The dam opens", seen=1, by=DARA, now=now) == Done(2)


def test_a_second_subject_is_stale_and_says_whose_stands(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        curate.set_subject(session, issue.id, subject="One", preheader="", seen=1, by=NASRIN, now=now)
        stale = curate.set_subject(session, issue.id, subject="Two", preheader="", seen=1, by=DARA, now=now)
        assert isinstance(stale, Stale)
        assert stale.since[-1].detail["line"] == "One"
        assert issue.subject == "One"


def test_a_place_that_another_editor_has_reordered_means_something_else(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        first, _, third = items(session, issue)
        curate.move(session, third.id, position=1, seen=1, by=NASRIN, now=now)
        assert isinstance(curate.move(session, first.id, position=3, seen=1, by=DARA, now=now), Stale)
        # One's own quick steps follow one another, though the page had not come back yet.
        assert curate.move(session, third.id, position=2, seen=1, by=NASRIN, now=now) == Done(3)
        assert titles(session, issue) == ["Story 2", "Story 3", "Story 1"]


def test_an_article_that_its_source_corrected_meanwhile_is_looked_at_again(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        lead = items(session, issue)[0]
        article = session.get_one(Article, lead.article_id)
        article.revision, article.summary = 2, "Nine people were hurt."
        session.flush()
        stale = curate.rewrite(
            session, lead.id, title="A", summary="Six were hurt.", seen=1, article_seen=1, by=DARA, now=now
        )
        assert stale == Stale(1, ())


def test_words_as_the_article_has_them_stay_the_articles(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        lead = items(session, issue)[0]
        curate.rewrite(session, lead.id, title="New", summary="About: Story 2", seen=1, by=DARA, now=now)
        assert (lead.title, lead.summary) == ("New", None)


def test_inbox_lines_follow_the_lead_until_an_editor_writes_them(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        lead, _, third = items(session, issue)
        assert issue.subject == "Story 2"
        curate.move(session, third.id, position=1, seen=1, by=DARA, now=now)
        assert issue.subject == "Story 3"
        rewrite(session, third, "The dam opens", seen=2, by=DARA, now=now)
        assert issue.subject == "The dam opens"
        curate.set_subject(session, issue.id, subject="Good morning", preheader="", seen=3, by=DARA, now=now)
        curate.drop(session, third.id, by=DARA, now=now)
        assert (issue.subject, issue.preheader) == ("Good morning", "")
        undo(session, issue.id, by=DARA, now=now)
        undo(session, issue.id, by=DARA, now=now)
        assert issue.subject == "The dam opens"
        assert lead.title is None


def test_ones_own_acts_are_taken_back_one_after_the_other(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        first, second, third = items(session, issue)
        curate.move(session, third.id, position=1, seen=1, by=DARA, now=now)
        curate.drop(session, first.id, by=DARA, now=now)
        rewrite(session, second, "New", seen=3, by=DARA, now=now)
        curate.pin(session, second.id, is_pinned=True, by=DARA, now=now)
        seen = []
        for _ in range(4):
            assert isinstance(undo(session, issue.id, by=DARA, now=now), Done)
            seen.append((titles(session, issue), second.title, second.pinned))
        assert seen == [
            (["Story 3", "Story 1"], "New", False),
            (["Story 3", "Story 1"], None, False),
            (["Story 3", "Story 2", "Story 1"], None, False),
            (["Story 2", "Story 1", "Story 3"], None, False),
        ]
        assert undo(session, issue.id, by=DARA, now=now) == Refused(
            "There is nothing of yours to take back in this issue."
        )
        assert issue.revision == 9


def test_an_undo_takes_back_ones_own_act_not_anothers(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        first, second, _ = items(session, issue)
        curate.drop(session, first.id, by=DARA, now=now)
        rewrite(session, second, "Nasrin's", seen=2, by=NASRIN, now=now)
        assert isinstance(undo(session, issue.id, by=DARA, now=now), Done)
        assert (first.dropped_at, second.title) == (None, "Nasrin's")


def test_an_undo_does_not_write_over_what_another_wrote_since(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        lead = items(session, issue)[0]
        rewrite(session, lead, "Dara's", seen=1, by=DARA, now=now)
        rewrite(session, lead, "Nasrin's", seen=2, by=NASRIN, now=now)
        refused = undo(session, issue.id, by=DARA, now=now)
        assert refused == Refused(f"{NASRIN} has changed the same since. Look at what stands there now.")
        assert lead.title == "Nasrin's"


def test_an_undo_asks_for_approval_again_and_none_comes_after_the_issue_left(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        curate.drop(session, items(session, issue)[0].id, by=DARA, now=now)
        launch.approve(session, issue.id, by=DARA, now=now)
        undo(session, issue.id, by=DARA, now=now)
        assert (issue.state, issue.approved_hash) == (IssueState.DRAFT, None)
        issue.state = IssueState.SENDING
        session.flush()
        assert isinstance(undo(session, issue.id, by=DARA, now=now), Refused)


def test_the_trail_holds_this_issues_acts_only(database: Database, now: datetime) -> None:
    with database.write() as session:
        issue = a_draft(session, now)
        other = Issue(
            **{
                name: getattr(issue, name)
                for name in (
                    "edition_id",
                    "layout",
                    "subject",
                    "preheader",
                    "window_start",
                    "window_end",
                    "scheduled_for",
                )
            },
            number=2,
            state=IssueState.DRAFT,
            created_at=now,
        )
        session.add(other)
        session.flush()
        curate.pin(session, items(session, issue)[0].id, is_pinned=True, by=DARA, now=now + timedelta(minutes=1))
        assert [step.act for step in trail.steps(session, issue)] == ["issue.pin"]
        assert trail.steps(session, other) == []
        assert issues.list_items(session, other.id) == []
