"""Layouts: ours and a newsroom's own, which come and go with their folders."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from ground.database import Database
from newsletters import approve, compose, layouts, plan, schedules
from newsletters.compose import NothingToSend
from newsletters.issues import Issue, IssueState
from newsletters.layouts import FILES, LAYOUTS, Layout
from newsletters.plan import Planned, Unfit
from newsletters.schedules import Schedule
from tests.newsletters.builders import Desk, a_desk, an_article

OURS = Path(__file__).parents[2] / "templates" / "email"


def a_letter(folder: Path, *, files: tuple[str, ...] = FILES) -> None:
    folder.mkdir()
    for name in files:
        (folder / name).write_text("{{ issue.subject }}", encoding="utf-8")


def choose(session: Session, desk: Desk, name: str, *, now: datetime, among: tuple[Layout, ...]) -> object:
    schedule = session.get_one(Schedule, desk.schedule)
    terms = schedules.terms_of(schedule)
    return plan.change(
        session,
        desk.schedule,
        schedules.rule_of(schedule),
        replace(terms, layout=name),
        seen=None,
        by="roza@example.org",
        now=now,
        among=among,
    )


def test_only_whole_letters_under_names_of_their_own_are_offered(tmp_path: Path) -> None:
    assert layouts.there(OURS, None) == layouts.there(OURS, tmp_path / "gone") == LAYOUTS
    a_letter(tmp_path / "long-read")
    a_letter(tmp_path / "confirm")  # replaces a letter of ours, and is none that an issue is set as
    a_letter(tmp_path / "half", files=FILES[:2])
    a_letter(tmp_path / "_drafts")
    a_letter(tmp_path / "Not A Name")
    (tmp_path / "_parts.html").write_text("", encoding="utf-8")
    assert layouts.there(OURS, tmp_path) == (*LAYOUTS, Layout("long-read", is_own=True))


def test_an_issue_set_in_a_layout_of_the_newsrooms_own_waits_when_its_folder_is_gone(
    database: Database, now: datetime
) -> None:
    known = (*LAYOUTS, Layout("long-read", is_own=True))
    with database.write() as session:
        desk = a_desk(session, now)
        for number in range(1, 5):
            an_article(session, desk.feed, f"Story {number}", now)
        refused = choose(session, desk, "long-read", now=now, among=LAYOUTS)
        assert isinstance(refused, Unfit)
        assert "There is no layout “long-read”." in str(refused.problems[0])
        assert isinstance(choose(session, desk, "long-read", now=now, among=known), Planned)
        by_hand = compose.one_off(session, desk.edition, now=now, layout="long-read")
        assert isinstance(by_hand, NothingToSend)
        schedule = session.get_one(Schedule, desk.schedule)
        *_, issue = compose.compose_due(session, schedule, now=now, among=LAYOUTS)
        assert isinstance(issue, Issue)
        said = approve.approve_by_itself(session, issue, now=now)
        assert said is not None
        assert said.startswith("Waits for a person: its layout “long-read” is not whole")
        assert (issue.layout, issue.state) == ("long-read", IssueState.DRAFT)
