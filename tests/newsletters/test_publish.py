"""Publishing: compiled once, the audience written down once, whatever breaks in between."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from articles.articles import Article, ArticleStatus
from ground.database import Database
from ground.engine import WorkLane
from mailer.batches import Batch
from mailer.deliveries import Delivery, State
from mailer.letter import BrokenLetter
from mailer.letters import Letter, LetterState
from mailer.suppressions import Cause, suppress
from newsletters import launch, publish
from newsletters.act import Done
from newsletters.issues import Exclusion, Issue, IssueState
from newsletters.schedules import Autonomy, Schedule
from newsletters.seal import NotPublished, Published
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState
from tests.newsletters.builders import (
    BASE_URL,
    a_reader,
)
from tests.newsletters.press import Press, arm_power_cut, disarm_power_cut, ranges_of, recipients
from tests.newsletters.test_compose import SLOT


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
        "figure": None,
        "diary": None,
        "sponsor": None,
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


async def test_a_freeze_broken_off_between_ranges_goes_on_without_a_duplicate(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges_of(monkeypatch, 2)
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
        disarm_power_cut(session)
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


def test_nothing_is_due_before_its_slot(press: Press) -> None:
    with press.database.read() as session:
        assert publish.due(session, now=SLOT.due_at - timedelta(seconds=1)) == []
        assert publish.due(session, now=SLOT.due_at) == [press.issue_id]
