"""What the desk is told by mail: what needs an editor, each once, and nothing that goes by itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ground.database import Database
from mailer import breakers
from mailer.breakers import Scope, Trouble
from mailer.deliveries import Delivery
from mailer.letter import Kind
from mailer.letters import Letter, LetterState
from mailer.suppressions import Cause, suppress
from newsletters import approve, call_desk, compose
from newsletters.issues import Issue, IssueState
from newsletters.schedules import Autonomy, Schedule, Slot, Terms, TooFew
from newsletters.staff_post import StaffLetter, StaffPost, concerned
from staff.members import Member, Role
from tests.mailer import builders
from tests.newsletters.builders import BASE_URL, RecordingEngine, StoringCompiler, a_desk, morning_news
from tests.newsletters.test_compose import SLOT

DRAFT_AT = SLOT.due_at - timedelta(minutes=30)


class Newsroom:
    """A desk with an editor and an owner, and this morning's draft."""

    def __init__(self, database: Database, terms: Terms, *, stories: int = 5) -> None:
        self.database, self.now = database, DRAFT_AT
        self.engine, self.compiler = RecordingEngine(), StoringCompiler(database, DRAFT_AT)
        self.post = StaffPost(
            database=database,
            compiler=self.compiler,
            engine=self.engine,
            clock=lambda: self.now,
            base_url=BASE_URL,
        )
        with database.write() as session:
            desk = a_desk(session, DRAFT_AT, terms=terms)
            schedule = session.get_one(Schedule, desk.schedule)
            schedule.starts_at = SLOT.due_at - timedelta(hours=2)
            morning_news(session, desk, DRAFT_AT - timedelta(hours=1), count=stories)
            for role in (Role.EDITOR, Role.OWNER):
                add_member(session, role, DRAFT_AT)
            compose.compose_due(session, schedule, now=DRAFT_AT)

    def letters(self) -> list[StaffLetter]:
        with self.database.read() as session:
            return call_desk.letters(session, base_url=BASE_URL, now=self.now)

    async def tell(self) -> list[str]:
        """Tell what there is; the causes that were told now."""
        known = self.letters()
        before = len(self.compiler.jobs)
        await self.post.tell(known)
        titles = [job.context["title"] for job in self.compiler.jobs[before:]]
        return [each.cause.rpartition(":")[2] for each in known if each.context["title"] in titles]

    def mails(self) -> list[Delivery]:
        with self.database.read() as session:
            return list(session.scalars(select(Delivery).order_by(Delivery.id)))


def add_member(session: Session, role: Role, now: datetime) -> None:
    known: Mapping[str, Any] = {"name": f"The {role}", "address": f"{role}@example.org", "created_at": now}
    member = Member(**{"address_key": f"{role}@example.org", "role": role, **known})
    session.add(member)


async def test_a_draft_that_goes_unless_stopped_is_told_once_to_the_editors(database: Database) -> None:
    newsroom = Newsroom(database, Terms(autonomy=Autonomy.UNLESS_STOPPED))
    assert await newsroom.tell() == ["ready"]
    assert await newsroom.tell() == []
    [mail] = newsroom.mails()
    assert (mail.address, mail.recipient_id, mail.scope) == ("editor@example.org", 0, None)
    [job] = newsroom.compiler.jobs
    assert job.kind is Kind.STAFF
    assert job.context["at"] == "Monday 9 March at 07:00 (Baghdad time)"
    assert (
        job.context["now"]
        == "It will be sent automatically on Monday 9 March at 07:00 (Baghdad time) unless someone stops it."
    )
    assert job.context["stories"][0] == "Story 2"
    assert job.context["url"].startswith("https://news.example.org/console/issues/")
    assert [each.task for each in newsroom.engine.submitted] == ["send_batch"]


async def test_one_that_goes_by_itself_is_nobodys_letter(database: Database) -> None:
    assert await Newsroom(database, Terms(autonomy=Autonomy.AUTOMATIC)).tell() == []


async def test_one_that_waits_for_approval_is_told_and_once_more_when_its_time_is_near(database: Database) -> None:
    newsroom = Newsroom(database, Terms(autonomy=Autonomy.APPROVED))
    assert await newsroom.tell() == ["approval"]
    newsroom.now = SLOT.due_at - timedelta(minutes=16)
    assert await newsroom.tell() == []
    newsroom.now = SLOT.due_at - timedelta(minutes=15)
    assert await newsroom.tell() == ["last-call"]
    newsroom.now = SLOT.due_at + timedelta(hours=3)
    assert await newsroom.tell() == []
    assert len(newsroom.mails()) == 2


async def test_what_somebody_approved_in_time_needs_no_last_call(database: Database) -> None:
    newsroom = Newsroom(database, Terms(autonomy=Autonomy.APPROVED))
    await newsroom.tell()
    with database.write() as session:
        approve.approve(session, session.scalars(select(Issue)).one(), by="editor@example.org", now=newsroom.now)
    newsroom.now = SLOT.due_at - timedelta(minutes=10)
    assert await newsroom.tell() == []


@pytest.mark.parametrize(
    ("too_few", "about", "words"),
    [(TooFew.HOLD, "held", "will not be sent automatically"), (TooFew.SKIP, "slot", "It was due on")],
)
async def test_too_few_stories_are_told_whether_the_issue_waits_or_was_skipped(
    database: Database, too_few: TooFew, about: str, words: str
) -> None:
    newsroom = Newsroom(database, Terms(too_few=too_few), stories=2)
    [letter] = newsroom.letters()
    assert about in letter.cause
    assert words in letter.context["now"]
    assert "2 new of at least 3 articles" in letter.context["now"]
    assert await newsroom.tell() != []


async def test_a_letter_that_the_mailer_holds_is_told_and_one_that_an_editor_paused_is_not(database: Database) -> None:
    newsroom = Newsroom(database, Terms(autonomy=Autonomy.AUTOMATIC))
    with database.write() as session:
        builders.letter(session, 1, now=newsroom.now)
        letter = session.scalars(select(Letter)).one()
        issue = session.scalars(select(Issue)).one()
        issue.letter_id, issue.state, issue.reason = letter.id, IssueState.PAUSED, "Held by the mailer: who knows?"
        letter.state = LetterState.PAUSED
    assert newsroom.letters() == []
    with database.write() as session:
        breakers.trip(session, Trouble.UNKNOWN_READERS, Scope(letter_id=letter.id), why="9 of 100", now=newsroom.now)
    [told] = newsroom.letters()
    assert told.context["now"].startswith(
        "Held by the mailer: who knows? Emails that were handed over are on their way"
    )


async def test_a_slot_of_long_ago_is_no_news(database: Database) -> None:
    newsroom = Newsroom(database, Terms(), stories=0)
    assert len(newsroom.letters()) == 1
    with database.write() as session:
        session.scalars(select(Slot)).one().due_at = newsroom.now - timedelta(days=3)
    assert newsroom.letters() == []


async def test_who_wants_no_mail_is_disabled_or_is_suppressed_gets_none(database: Database) -> None:
    newsroom = Newsroom(database, Terms(autonomy=Autonomy.UNLESS_STOPPED))
    with database.write() as session:
        editor = session.scalars(select(Member).where(Member.role == Role.EDITOR)).one()
        editor.gets_mail = False
        assert [member.role for member in concerned(session, Role.EDITOR)] == [Role.OWNER]
        session.scalars(select(Member).where(Member.role == Role.OWNER)).one().disabled_at = newsroom.now
        assert concerned(session, Role.EDITOR) == []
        editor.gets_mail = True
        suppress(session, "editor@example.org", Cause.MANUAL, now=newsroom.now)
    assert await newsroom.tell() == ["ready"]
    assert newsroom.mails() == []
