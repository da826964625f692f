"""Publishing: compiled once, the audience written down once, whatever breaks in between."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from articles.articles import Article, ArticleStatus
from feedback.figures import issue_figures
from ground.database import Database
from ground.engine import WorkLane
from mailer import ledger, letters
from mailer.batches import Batch, BatchState
from mailer.deliveries import Attempt, Delivery, State
from mailer.letter import BrokenLetter
from mailer.letters import Lane, Letter, LetterState, Variant
from mailer.suppressions import Cause, suppress
from mailer.transports import Stage
from newsletters import approve, archive, audience, compose, issues, launch, publish, seal, settle, takeover
from newsletters.act import Done, Refused
from newsletters.issues import Exclusion, Issue, IssueState
from newsletters.publish import Publisher
from newsletters.schedules import Autonomy, Schedule, Terms
from newsletters.seal import NotPublished, Published
from subscribers import choose, leave
from subscribers.consents import Evidence
from subscribers.preferences import Pause
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState
from tests.newsletters.builders import (
    BASE_URL,
    Desk,
    RecordingEngine,
    StoringCompiler,
    a_desk,
    a_reader,
    morning_news,
)
from tests.newsletters.test_compose import SLOT


class Press:
    """One newsroom with an issue due now, and a publisher."""

    def __init__(self, database: Database, now: datetime, autonomy: Autonomy = Autonomy.AUTOMATIC) -> None:
        self.database = database
        self.now = now
        self.engine = RecordingEngine()
        self.compiler = StoringCompiler(database, now)
        self.publisher = Publisher(database, self.compiler, self.engine, lambda: self.now, BASE_URL)
        with database.write() as session:
            self.desk: Desk = a_desk(session, now, terms=Terms(autonomy=autonomy))
            self.articles = morning_news(session, self.desk, now)
            schedule = session.get_one(Schedule, self.desk.schedule)
            issue = compose.compose(session, schedule, SLOT, now=now)
            assert isinstance(issue, Issue)
            self.issue_id = issue.id

    def readers(self, *addresses: str) -> list[int]:
        with self.database.write() as session:
            return [a_reader(session, self.desk.edition, address, self.now) for address in addresses]

    def issue(self) -> Issue:
        with self.database.read() as session:
            issue = session.get_one(Issue, self.issue_id)
            session.expunge(issue)
            return issue


@pytest.fixture
def press(database: Database, now: datetime) -> Press:
    return Press(database, now)


def recipients(session: Session) -> list[str]:
    return list(session.scalars(select(Delivery.address).order_by(Delivery.address)))


async def test_an_automatic_issue_is_on_its_way_at_its_slot(press: Press) -> None:
    press.readers("ava@example.org", "dilan@gmail.com", "soran@example.org")
    assert await press.publisher.publish_due() == [Published(issue_id=press.issue_id, recipients=3, exclusions=0)]
    issue = press.issue()
    assert (issue.state, issue.approved_by) == (IssueState.SENDING, "schedule")
    assert (issue.audience_count, issue.recipient_count, issue.exclusion_count) == (3, 3, 0)
    assert issue.web_html is not None
    assert issue.web_html.startswith("<h2>Story 2</h2>")
    with press.database.read() as session:
        letter = session.get_one(Letter, issue.letter_id)
        assert (letter.state, letter.sealed_count, letter.due_at) == (LetterState.SENDING, 3, SLOT.due_at)
        batches = session.scalars(select(Batch).order_by(Batch.id)).all()
        assert [(batch.domain_group, batch.size) for batch in batches] == [("gmail", 1), ("other", 2)]
        ava = session.scalars(select(Delivery).where(Delivery.address == "ava@example.org")).one()
        subscription = session.scalars(select(Subscription).where(Subscription.subscriber_id == ava.recipient_id)).one()
        assert ava.fields == {"unsubscribe_url": str(subscription.id)}
        assert (ava.scope, ava.state, ava.next_at) == (f"edition:{press.desk.edition}", State.READY, SLOT.due_at)
        wanted = [("send_batch", {"batch": batch.id}, WorkLane.BULK, f"batch:{batch.id}") for batch in batches]
    assert [(each.task, each.payload, each.lane, each.key) for each in press.engine.submitted] == wanted


async def test_what_is_compiled_holds_what_the_template_is_promised(press: Press) -> None:
    press.readers("ava@example.org")
    await press.publisher.publish(press.issue_id)
    job = press.compiler.jobs[0]
    assert (job.template, job.language, job.sender.title) == ("daily", "en", "Morning briefing")
    assert job.context["issue"] == {
        "number": 1,
        "date": "2026-03-09",
        "due_at": "2026-03-09T04:00:00+00:00",
        "subject": "Story 2",
        "preheader": "Story 1\u00a0· Story 3\u00a0· Story 4",
        "view_url": f"{BASE_URL}/archive/briefing/en/1",
        "archive_url": f"{BASE_URL}/archive/briefing/en",
        "note": None,
    }
    lead = job.context["items"][0]
    assert lead["image"]["url"].endswith(".jpg")
    assert (lead["title"], lead["published_at"]) == ("Story 2", "2026-03-09T02:00:00+00:00")


async def test_publishing_again_changes_nothing(press: Press) -> None:
    press.readers("ava@example.org")
    first = await press.publisher.publish(press.issue_id)
    assert await press.publisher.publish(press.issue_id) == first
    assert len(press.engine.submitted) == 1
    with press.database.read() as session:
        assert session.scalar(select(func.count(Delivery.id))) == 1


async def test_who_is_left_out_is_written_down_with_the_reason(press: Press) -> None:
    press.readers("ava@example.org", "gone@example.org")
    with press.database.write() as session:
        suppress(session, "gone@example.org", Cause.HARD_BOUNCE, now=press.now)
        later = press.now + timedelta(days=3)
        a_reader(session, press.desk.edition, "holiday@example.org", press.now, paused_until=later)
        a_reader(session, press.desk.edition, "back@example.org", press.now, paused_until=press.now)
        a_reader(session, press.desk.edition, "unsure@example.org", press.now, state=SubscriptionState.PENDING)
        a_reader(session, press.desk.edition, "left@example.org", press.now, state=SubscriptionState.ENDED)
        erased = a_reader(session, press.desk.edition, "erased@example.org", press.now)
        session.get_one(Subscriber, erased).erased_at = press.now
    assert await press.publisher.publish(press.issue_id) == Published(
        issue_id=press.issue_id, recipients=2, exclusions=2
    )
    with press.database.read() as session:
        assert recipients(session) == ["ava@example.org", "back@example.org"]
        reasons = session.execute(
            select(Subscriber.address, Exclusion.reason)
            .join(Subscriber, Subscriber.id == Exclusion.subscriber_id)
            .order_by(Subscriber.address)
        ).all()
        assert [tuple(row) for row in reasons] == [
            ("gone@example.org", "suppressed: hard_bounce"),
            ("holiday@example.org", "paused"),
        ]


async def test_readers_of_another_rhythm_do_not_get_this_issue(press: Press) -> None:
    press.readers("daily@example.org")
    with press.database.write() as session:
        weekly = Schedule(
            edition_id=press.desk.edition,
            name="weekly",
            rule="fri 07:00 Asia/Baghdad",
            starts_at=press.now,
            changed_at=press.now,
        )
        session.add(weekly)
        session.flush()
        a_reader(session, press.desk.edition, "weekly@example.org", press.now, schedule_id=weekly.id)
        a_reader(session, press.desk.edition, "chose@example.org", press.now, schedule_id=press.desk.schedule)
    await press.publisher.publish(press.issue_id)
    with press.database.read() as session:
        assert recipients(session) == ["chose@example.org", "daily@example.org"]


def arm_power_cut(session: Session, address: str) -> None:
    """From now on the database refuses to write down this reader."""
    trigger = f"CREATE TRIGGER power_cut BEFORE INSERT ON deliveries {{each}} WHEN (NEW.address = '{address}') {{act}}"
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text(trigger.format(each="", act="BEGIN SELECT RAISE(ABORT, 'power cut'); END")))
        return
    session.execute(
        text(
            "CREATE FUNCTION power_cut() RETURNS trigger LANGUAGE plpgsql "
            "AS $$ BEGIN RAISE EXCEPTION 'power cut'; END $$"
        )
    )
    session.execute(text(trigger.format(each="FOR EACH ROW", act="EXECUTE FUNCTION power_cut()")))


async def test_a_freeze_broken_off_between_ranges_goes_on_without_a_duplicate(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takeover, "RANGE", 2)
    press.readers(*(f"reader{n}@example.org" for n in range(7)))
    with press.database.write() as session:
        suppress(session, "reader1@example.org", Cause.MANUAL, now=press.now)
        # The power fails while the third range is written.
        arm_power_cut(session, "reader5@example.org")
    with pytest.raises(Exception, match="power cut"):
        await press.publisher.publish(press.issue_id)
    with press.database.write() as session:
        assert recipients(session) == [f"reader{n}@example.org" for n in (0, 2, 3)]
        assert session.get_one(Issue, press.issue_id).state is IssueState.HELD
        session.execute(text("DROP TRIGGER power_cut" + ("" if press.database.is_sqlite else " ON deliveries")))
        # Meanwhile one of those written down already must not be mailed any more, and the news goes on.
        suppress(session, "reader0@example.org", Cause.COMPLAINT, now=press.now)
        session.get_one(Article, press.articles[0]).title = "Another headline"
    assert await press.publisher.publish_due() == [Published(issue_id=press.issue_id, recipients=6, exclusions=1)]
    with press.database.read() as session:
        assert recipients(session) == [f"reader{n}@example.org" for n in (0, 2, 3, 4, 5, 6)]
        assert session.scalar(select(Delivery.state).where(Delivery.address == "reader0@example.org")) is State.SKIPPED
        assert session.scalar(select(func.count(func.distinct(Delivery.variant_id)))) == 1
        spans = session.execute(select(Batch.first_id, Batch.last_id, Batch.size).order_by(Batch.id)).all()
        assert sum(row.size for row in spans) == 6
        assert all(one.last_id < two.first_id for one, two in itertools.pairwise(spans))
    assert len(press.compiler.jobs) == 1


async def test_a_crash_between_seal_and_sending_is_made_good(press: Press) -> None:
    press.readers("ava@example.org")
    await press.publisher.publish(press.issue_id)
    with press.database.write() as session:
        issue = session.get_one(Issue, press.issue_id)
        issue.state = IssueState.SEALED
        session.get_one(Letter, issue.letter_id).state = LetterState.BUILDING
    press.engine.submitted.clear()
    assert await press.publisher.publish_due() == [Published(issue_id=press.issue_id, recipients=1, exclusions=0)]
    assert press.issue().state is IssueState.SENDING
    assert len(press.engine.submitted) == 1


async def test_an_issue_that_needs_a_person_waits_for_one(database: Database, now: datetime) -> None:
    press = Press(database, now, Autonomy.APPROVED)
    press.readers("ava@example.org")
    assert await press.publisher.publish_due() == []
    assert await press.publisher.publish(press.issue_id) == NotPublished(
        issue_id=press.issue_id, reason="It waits for approval."
    )
    with press.database.write() as session:
        assert isinstance(launch.approve(session, press.issue_id, by="editor@example.org", now=now), Done)
    assert [type(each) for each in await press.publisher.publish_due()] == [Published]


async def test_what_changes_after_a_persons_approval_asks_again(database: Database, now: datetime) -> None:
    press = Press(database, now, Autonomy.APPROVED)
    press.readers("ava@example.org")
    with database.write() as session:
        launch.approve(session, press.issue_id, by="editor@example.org", now=now)
        session.get_one(Article, press.articles[2]).title = "Story 3, corrected"
    assert [type(each) for each in await press.publisher.publish_due()] == [NotPublished]
    issue = press.issue()
    assert (issue.state, issue.approved_by) == (IssueState.DRAFT, None)
    assert issue.reason == "One of its articles has changed since it was approved. Look at it again and approve it."


async def test_an_automatic_issue_follows_a_headline_that_changed_at_the_last_minute(press: Press) -> None:
    press.readers("ava@example.org")
    with press.database.write() as session:
        session.get_one(Article, press.articles[1]).title = "Story 2, corrected"
        session.get_one(Article, press.articles[0]).status = ArticleStatus.WITHDRAWN
    assert [type(each) for each in await press.publisher.publish_due()] == [Published]
    context = press.compiler.jobs[0].context
    assert context["issue"]["subject"] == "Story 2, corrected"
    assert [item["title"] for item in context["items"]][:2] == ["Story 2, corrected", "Story 3"]


async def test_a_broken_template_is_told_once_and_mended_without_an_editor(press: Press) -> None:
    press.readers("ava@example.org")
    press.compiler.broken = BrokenLetter("daily/body.html, line 3", "there is no 'isue'.")
    told = await press.publisher.publish_due()
    assert isinstance(told[0], NotPublished)
    assert told[0].reason == "The letter template daily/body.html, line 3 cannot be used: there is no 'isue'."
    assert (press.issue().state, press.issue().reason) == (IssueState.APPROVED, told[0].reason)
    with press.database.read() as session:
        assert session.scalar(select(func.count(Delivery.id))) == 0
    press.compiler.broken = None
    assert [type(each) for each in await press.publisher.publish_due()] == [Published]
    assert press.issue().reason is None


async def test_a_service_that_comes_back_too_late_skips_the_issue_and_says_so(press: Press) -> None:
    press.readers("ava@example.org")
    press.now += timedelta(hours=5)
    assert [type(each) for each in await press.publisher.publish_due()] == [NotPublished]
    assert press.issue().state is IssueState.SKIPPED
    assert "5 h after its time" in (press.issue().reason or "")


async def test_an_issue_without_readers_is_over_at_once(press: Press) -> None:
    assert await press.publisher.publish(press.issue_id) == Published(
        issue_id=press.issue_id, recipients=0, exclusions=0
    )
    issue = press.issue()
    assert (issue.state, issue.reason) == (
        IssueState.FINISHED,
        "Sent to nobody: the edition has no reader with this rhythm yet.",
    )
    assert press.engine.submitted == []


async def test_an_issue_is_finished_when_none_of_its_deliveries_is_open(press: Press) -> None:
    press.readers("ava@example.org", "dilan@gmail.com")
    await press.publisher.publish(press.issue_id)
    with press.database.write() as session:
        assert settle.settle(session, now=press.now) == []
        for delivery in session.scalars(select(Delivery)):
            delivery.state = State.ACCEPTED
        for batch in session.scalars(select(Batch)):
            batch.state = BatchState.DONE
        session.scalars(select(Delivery).limit(1)).one().state = State.UNCERTAIN
        assert settle.settle(session, now=press.now) == []
        for delivery in session.scalars(select(Delivery)):
            delivery.state = State.FAILED
        assert settle.settle(session, now=press.now) == [press.issue_id]
    assert (press.issue().state, press.issue().finished_at) == (IssueState.FINISHED, press.now)


async def test_an_issue_that_does_not_add_up_is_not_called_finished(press: Press) -> None:
    press.readers("ava@example.org", "dilan@gmail.com")
    await press.publisher.publish(press.issue_id)
    with press.database.write() as session:
        session.delete(session.scalars(select(Delivery).limit(1)).one())
        session.flush()
        session.scalars(select(Delivery)).one().state = State.ACCEPTED
        for batch in session.scalars(select(Batch)):
            batch.state = BatchState.DONE
        session.flush()
        assert settle.settle(session, now=press.now) == []


async def test_cancelling_stops_the_letter_at_once(press: Press) -> None:
    press.readers("ava@example.org", "dilan@gmail.com")
    await press.publisher.publish(press.issue_id)
    with press.database.write() as session:
        done = launch.cancel(session, press.issue_id, reason="wrong lead", by="editor@example.org", now=press.now)
        assert isinstance(done, Done)
        issue = session.get_one(Issue, press.issue_id)
        assert (issue.state, issue.reason) == (IssueState.CANCELLED, "wrong lead")
        assert session.get_one(Letter, issue.letter_id).state is LetterState.CANCELLED
    assert await press.publisher.publish(press.issue_id) == NotPublished(issue_id=press.issue_id, reason="wrong lead")


async def test_a_paused_issue_goes_on_when_it_is_told_to(press: Press) -> None:
    press.readers("ava@example.org")
    await press.publisher.publish(press.issue_id)
    states = []
    with press.database.write() as session:
        issue = session.get_one(Issue, press.issue_id)
        launch.pause(session, issue.id, reason="a doubt", by="editor@example.org", now=press.now)
        states.append((issue.state, session.get_one(Letter, issue.letter_id).state))
        launch.resume(session, issue.id, by="editor@example.org", now=press.now)
        states.append((issue.state, session.get_one(Letter, issue.letter_id).state))
    assert states == [(IssueState.PAUSED, LetterState.PAUSED), (IssueState.SENDING, LetterState.SENDING)]


async def test_the_archive_shows_an_issue_from_its_seal_on(press: Press) -> None:
    press.readers("ava@example.org")
    with press.database.read() as session:
        assert archive.list_published(session, press.desk.edition) == []
    await press.publisher.publish(press.issue_id)
    with press.database.read() as session:
        assert [issue.id for issue in archive.list_published(session, press.desk.edition)] == [press.issue_id]
        found = archive.find_published(session, press.desk.edition, 1)
        assert found is not None
        assert archive.find_published(session, press.desk.edition, 2) is None


async def test_a_sealed_issue_remembers_what_was_really_sent(press: Press) -> None:
    press.readers("ava@example.org")
    await press.publisher.publish(press.issue_id)
    with press.database.write() as session:
        session.get_one(Article, press.articles[0]).title = "Changed the day after"
        sent = [item.title for item in issues.list_items(session, press.issue_id)]
    assert sent == ["Story 2", "Story 1", "Story 3", "Story 4", "Story 5"]


def test_nothing_is_due_before_its_slot(press: Press) -> None:
    with press.database.read() as session:
        assert publish.due(session, now=SLOT.due_at - timedelta(seconds=1)) == []
        assert publish.due(session, now=SLOT.due_at) == [press.issue_id]


def hold(press: Press, refusal: str | None) -> None:
    """What the dispatcher does when a server refuses our sender address again and again."""
    with press.database.write() as session:
        letter_id = session.get_one(Issue, press.issue_id).letter_id
        assert letter_id is not None
        assert letters.pause(session, letter_id)
        if refusal is not None:
            refused = session.scalars(select(Delivery).limit(1)).one()
            said = Attempt(
                delivery_id=refused.id, number=1, at=press.now, outcome="failed", stage=Stage.MAIL, reply=refusal
            )
            session.add(said)


async def test_a_letter_that_the_mailer_holds_is_seen_at_the_desk(press: Press) -> None:
    press.readers("ava@example.org", "dilan@gmail.com")
    await press.publisher.publish(press.issue_id)
    hold(press, "5.7.1 Sender not allowed")
    with press.database.write() as session:
        assert settle.settle(session, now=press.now) == []
    issue = press.issue()
    assert issue.state is IssueState.PAUSED
    assert issue.reason == (
        "Held by the mailer: the mail server refuses our sender address (5.7.1 Sender not allowed). "
        "Put that right with whoever runs the server, then resume."
    )
    with press.database.write() as session:
        assert isinstance(launch.resume(session, press.issue_id, by="editor@example.org", now=press.now), Done)
        assert session.get_one(Letter, issue.letter_id).state is LetterState.SENDING
    assert (press.issue().state, press.issue().reason) == (IssueState.SENDING, None)


async def test_an_editor_may_pause_what_the_mailer_has_just_held(press: Press) -> None:
    press.readers("ava@example.org")
    await press.publisher.publish(press.issue_id)
    hold(press, None)
    with press.database.write() as session:
        paused = launch.pause(session, press.issue_id, reason="a doubt", by="editor@example.org", now=press.now)
        assert isinstance(paused, Done)
    assert (press.issue().state, press.issue().reason) == (IssueState.PAUSED, "a doubt")


async def test_an_issue_whose_last_mail_has_left_is_not_paused_but_finished(press: Press) -> None:
    press.readers("ava@example.org")
    await press.publisher.publish(press.issue_id)
    with press.database.write() as session:
        row = session.scalars(select(Delivery)).one()
        row.state, row.accepted_at = State.ACCEPTED, press.now
        session.scalars(select(Batch)).one().state = BatchState.DONE
        session.flush()
        assert ledger.finish_letters(session, now=press.now)  # as the last batch does, before the desk has looked
        refused = launch.pause(session, press.issue_id, reason="too late", by="editor@example.org", now=press.now)
        assert refused == Refused("The last mail of this issue has been handed over: there is nothing left to hold.")
        assert session.get_one(Letter, press.issue().letter_id).state is LetterState.FINISHED
        assert settle.settle(session, now=press.now) == [press.issue_id]


class Held:
    """A press whose audience is being written: the issue is held, its letter is building."""

    def __init__(self, press: Press) -> None:
        self.press = press
        with press.database.write() as session:
            issue = session.get_one(Issue, press.issue_id)
            assert approve.approve_by_itself(session, issue, now=press.now) is None
            variant = Variant(digest="one", language="en", compiled=b"", created_at=press.now)
            session.add(variant)
            session.flush()
            self.order = seal.open_letter(session, issue, variant.id, now=press.now)

    def freeze(self, during: Callable[[], object]) -> bool:
        """Write the audience, with something happening after the first range."""
        ranges = itertools.count(1)

        def told() -> None:
            if next(ranges) == 1:
                during()

        return audience.freeze(self.press.database, self.order, told=told)


async def test_an_issue_cancelled_while_its_audience_is_written_reaches_nobody(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takeover, "RANGE", 2)
    press.readers(*(f"reader{n}@example.org" for n in range(7)))
    held = Held(press)

    def cancel() -> None:
        with press.database.write() as session:
            launch.cancel(session, press.issue_id, reason="wrong day", by="editor@example.org", now=press.now)

    assert held.freeze(cancel) is False
    assert await press.publisher.publish(press.issue_id) == NotPublished(issue_id=press.issue_id, reason="wrong day")
    with press.database.write() as session:
        for batch in ledger.due_batches(session, Lane.BULK, now=press.now, limit=9):
            assert ledger.lease(session, batch, owner="w", until=press.now, now=press.now) is None
        rows = session.execute(select(Delivery.state, Delivery.reason)).all()
        assert [tuple(row) for row in rows] == [(State.SKIPPED, "cancelled")] * 2
        assert session.scalars(select(Letter.finished_at)).one() == press.now
        assert ledger.verify(session) == []
        counted = issue_figures(session, press.issue_id)
        assert counted is not None
        assert (counted.still_open, counted.sums_match) == (0, True)


async def test_who_pauses_while_the_audience_is_written_gets_nothing(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takeover, "RANGE", 2)
    readers = press.readers(*(f"reader{n}@example.org" for n in range(4)))
    held = Held(press)

    def pause_two() -> None:
        with press.database.write() as session:
            for reader in (readers[0], readers[3]):  # one is written down already, one is not
                pause = Pause(edition_id=press.desk.edition, until=press.now + timedelta(days=14))
                choose.choose(session, reader, pause, {}, Evidence(source="preferences"), now=press.now)

    assert held.freeze(pause_two) is True
    # On PostgreSQL a range and a pause may miss each other's rows: the row stands there as if nobody had paused.
    with press.database.write() as session:
        session.execute(
            update(Delivery).where(Delivery.recipient_id == readers[0]).values(state=State.READY, reason=None)
        )
    assert await press.publisher.publish(press.issue_id) == Published(
        issue_id=press.issue_id, recipients=3, exclusions=1
    )
    with press.database.read() as session:
        rows = session.execute(select(Delivery.address, Delivery.state, Delivery.reason).order_by(Delivery.address))
        assert [tuple(row) for row in rows] == [
            ("reader0@example.org", State.SKIPPED, "paused"),
            ("reader1@example.org", State.READY, None),
            ("reader2@example.org", State.READY, None),
        ]
        assert ledger.verify(session) == []


async def test_who_leaves_while_the_audience_is_written_gets_nothing(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takeover, "RANGE", 2)
    readers = press.readers(*(f"reader{n}@example.org" for n in range(6)))
    held = Held(press)

    def leave_two() -> None:
        with press.database.write() as session:
            for reader in (readers[0], readers[5]):  # one is written down already, one is not
                subscription = session.scalars(select(Subscription).where(Subscription.subscriber_id == reader)).one()
                leave.leave(session, subscription.id, Evidence(source="one-click"), now=press.now)
            suppress(session, "reader1@example.org", Cause.COMPLAINT, now=press.now)

    assert held.freeze(leave_two) is True
    # On PostgreSQL a range and a leave may miss each other's rows: the row stands there as if nobody had left.
    with press.database.write() as session:
        for reader in (readers[0], readers[1]):
            session.execute(
                update(Delivery).where(Delivery.recipient_id == reader).values(state=State.READY, reason=None)
            )
    assert await press.publisher.publish(press.issue_id) == Published(
        issue_id=press.issue_id, recipients=5, exclusions=0
    )
    with press.database.read() as session:
        rows = session.execute(select(Delivery.address, Delivery.state, Delivery.reason).order_by(Delivery.address))
        assert [tuple(row) for row in rows] == [
            ("reader0@example.org", State.SKIPPED, "left"),
            ("reader1@example.org", State.SKIPPED, "suppressed: complaint"),
            ("reader2@example.org", State.READY, None),
            ("reader3@example.org", State.READY, None),
            ("reader4@example.org", State.READY, None),
        ]
        assert ledger.verify(session) == []


async def test_an_issue_that_breaks_the_publisher_does_not_hold_up_the_next(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    press.readers("ava@example.org")
    with press.database.write() as session:
        other = compose.one_off(session, press.desk.edition, now=press.now)
        assert isinstance(other, Issue)
        assert isinstance(launch.approve(session, other.id, by="editor@example.org", now=press.now), Done)
    publish_one = press.publisher.publish

    async def breaks_on_the_first(issue_id: int) -> Published | NotPublished:
        if issue_id == press.issue_id:
            raise RuntimeError("a bug")
        return await publish_one(issue_id)

    monkeypatch.setattr(press.publisher, "publish", breaks_on_the_first)
    assert [each.issue_id for each in await press.publisher.publish_due()] == [other.id]


async def test_a_cancel_in_the_moment_of_starting_is_not_written_over(press: Press) -> None:
    if press.database.is_sqlite:
        return  # its writers are alone
    press.readers("ava@example.org")
    await press.publisher.publish(press.issue_id)
    with press.database.write() as session:
        issue = session.get_one(Issue, press.issue_id)
        issue.state = IssueState.SEALED
        session.get_one(Letter, issue.letter_id).state = LetterState.BUILDING
    with press.database.write() as session:
        launch.cancel(session, press.issue_id, reason="wrong lead", by="editor@example.org", now=press.now)
        starting = asyncio.create_task(asyncio.to_thread(press.publisher._start, press.issue_id))
        await asyncio.sleep(0.3)
        assert not starting.done()
    await starting
    assert press.issue().state is IssueState.CANCELLED
    with press.database.read() as session:
        assert session.scalars(select(Letter.state)).one() is LetterState.CANCELLED


async def test_two_processes_that_publish_the_same_issue_write_its_audience_once(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takeover, "RANGE", 3)
    press.readers(*(f"reader{n}@example.org" for n in range(20)))
    with press.database.write() as session:
        suppress(session, "reader4@example.org", Cause.MANUAL, now=press.now)
    publishers = [
        Publisher(press.database, press.compiler, press.engine, lambda: press.now, BASE_URL) for _ in range(2)
    ]
    # On PostgreSQL one of them may run into the other's rows and break off; the other goes on.
    ended = await asyncio.gather(*(each.publish(press.issue_id) for each in publishers), return_exceptions=True)
    assert Published(issue_id=press.issue_id, recipients=19, exclusions=1) in ended
    with press.database.read() as session:
        assert session.get_one(Issue, press.issue_id).state is IssueState.SENDING
        assert len(set(recipients(session))) == len(recipients(session)) == 19
        assert session.scalar(select(func.sum(Batch.size))) == 19
        assert session.scalar(select(func.count(Letter.id))) == 1
        assert ledger.verify(session) == []
    wanted = {each.key for each in press.engine.submitted}
    assert len(wanted) == len(press.engine.submitted)


async def test_a_cancel_that_meets_a_range_being_written_waits_for_it(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takeover, "RANGE", 2)
    press.readers(*(f"reader{n}@example.org" for n in range(8)))
    held = Held(press)
    with press.database.write() as session:
        for n in range(8):
            if n % 2:
                suppress(session, f"reader{n}@example.org", Cause.MANUAL, now=press.now)
    write_range = audience._take_over
    cancelling: list[Future[object]] = []

    def cancel() -> object:
        with press.database.write() as session:
            return launch.cancel(session, press.issue_id, reason="wrong day", by="editor@example.org", now=press.now)

    with ThreadPoolExecutor(1) as threads:

        def beside(*order: Any) -> None:  # noqa: ANN401 - whatever a range is written with
            if not cancelling:
                cancelling.append(threads.submit(cancel))
                time.sleep(0.2)  # it has begun, and waits
            write_range(*order)

        monkeypatch.setattr(audience, "_take_over", beside)
        try:
            assert held.freeze(lambda: wait(cancelling)) is False
        finally:
            assert isinstance(cancelling[0].result(), Done)
    with press.database.read() as session:
        assert session.scalars(select(Letter.state)).one() is LetterState.CANCELLED
        assert session.scalar(select(func.count(Delivery.id))) == 1
        assert ledger.verify(session) == []
