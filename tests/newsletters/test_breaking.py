"""Breaking: an alert takes two words, keeps to its day's cap, passes a running digest, and is spared its readers next time."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from articles.articles import Article, ArticleStatus
from ground.database import Database
from mailer.batches import Batch
from mailer.deliveries import Delivery
from mailer.letters import InDoubt, Letter
from newsletters import breaking, compose, curate, flight, issues, launch
from newsletters.act import Done, Refused
from newsletters.flight import Act, Course
from newsletters.issues import Issue, IssueState, Item
from newsletters.newsletters import Edition
from newsletters.publish import Publisher
from newsletters.schedules import Schedule
from newsletters.seal import Published
from subscribers import topics
from tests.newsletters.builders import (
    BASE_URL,
    Desk,
    RecordingEngine,
    StoringCompiler,
    a_desk,
    a_reader,
    an_article,
    morning_news,
)
from tests.newsletters.test_compose import NEXT_SLOT, SLOT

BY = "shilan"
DAY = timedelta(days=1)


class Room:
    def __init__(self, database: Database, now: datetime) -> None:
        self.database, self.now = database, now
        self.engine, self.compiler = RecordingEngine(), StoringCompiler(database, now)
        self.publisher = Publisher(database, self.compiler, self.engine, lambda: self.now, BASE_URL)
        with database.write() as session:
            self.desk: Desk = a_desk(session, now)
            self.stories = morning_news(session, self.desk, now)

    def reader(self, address: str, *, alerts: bool = False, section: str = "", hour: str | None = None) -> int:
        with self.database.write() as session:
            wants = topics.of([section], []) if section else None
            return a_reader(session, self.desk.edition, address, self.now, alerts=alerts, wants=wants, own_hour=hour)

    def draft(self, article: int | None = None) -> int:
        with self.database.write() as session:
            made = breaking.draft(session, self.desk.edition, article or self.stories[2], by=BY, now=self.now)
            assert isinstance(made, Issue), made
            return made.id

    def approve(self, issue_id: int) -> Done | Refused:
        with self.database.write() as session:
            return launch.approve(session, issue_id, by=BY, now=self.now, wait=timedelta(minutes=5))

    def send(self, issue_id: int) -> Done | Refused:
        with self.database.write() as session:
            return launch.send_now(session, issue_id, by="hana", now=self.now, wait=timedelta(minutes=5))

    async def alert(self, article: int | None = None) -> int:
        """Two words, and the minute."""
        issue_id = self.draft(article)
        assert isinstance(self.approve(issue_id), Done)
        assert isinstance(self.send(issue_id), Done)
        self.now += timedelta(minutes=1)
        await self.publisher.publish_due()
        return issue_id

    def compose(self, slot: object = SLOT) -> int:
        with self.database.write() as session:
            schedule = session.get_one(Schedule, self.desk.schedule)
            made = compose.compose(session, schedule, slot, now=self.now)  # type: ignore[arg-type]
            assert isinstance(made, Issue), made
            return made.id

    def addresses(self, issue_id: int) -> dict[str, str | None]:
        with self.database.read() as session:
            letter = session.get_one(Issue, issue_id).letter_id
            rows = session.scalars(select(Delivery).where(Delivery.letter_id == letter).order_by(Delivery.address))
            return {row.address: row.fields.get("blocks") for row in rows}


@pytest.fixture
def room(database: Database, now: datetime) -> Room:
    return Room(database, now)


async def test_an_alert_goes_to_those_who_asked_for_alerts_after_two_words(room: Room) -> None:
    room.reader("quiet@example.org")
    room.reader("loud@example.org", alerts=True, section="Opera", hour="20 Europe/Berlin")
    issue_id = room.draft()
    assert room.send(issue_id) == Refused("An alert takes two words. It has none yet: approve it first, then send it.")
    assert isinstance(room.approve(issue_id), Done)
    assert await room.publisher.publish_due() == []  # one word lets nothing go, however long it waits
    with room.database.read() as session:
        looked = flight.look(session, issue_id, now=room.now)
        assert looked is not None
        assert (looked.course, Act.SEND_NOW in looked.acts) == (Course.WAITS, True)
        forecast = flight.forecast(session, session.get_one(Issue, issue_id), now=room.now)
        assert forecast.readers == 1
    assert isinstance(room.send(issue_id), Done)
    assert await room.publisher.publish_due() == []  # a minute in which it can be taken back
    room.now += timedelta(minutes=1)
    assert await room.publisher.publish_due() == [Published(issue_id=issue_id, recipients=1, exclusions=0)]
    assert room.addresses(issue_id) == {"loud@example.org": None}
    with room.database.read() as session:
        letter = session.scalars(select(Letter)).one()
        assert letter.in_doubt is InDoubt.ASSUME_SENT
        assert letter.deadline_at == letter.due_at + timedelta(hours=6)
        assert session.scalars(select(Delivery.not_before)).one() is None


async def test_a_change_after_the_first_word_asks_for_it_again(room: Room) -> None:
    issue_id = room.draft()
    room.approve(issue_id)
    with room.database.write() as session:
        session.get_one(Article, room.stories[2]).title = "It was somebody else"
    refused = room.send(issue_id)
    assert isinstance(refused, Refused)
    assert "changed since it was approved" in refused.reason


async def test_an_alert_is_taken_back_within_its_minute(room: Room) -> None:
    room.reader("loud@example.org", alerts=True)
    issue_id = room.draft()
    room.approve(issue_id)
    room.send(issue_id)
    with room.database.write() as session:
        assert isinstance(launch.take_back(session, issue_id, by=BY, now=room.now), Done)
    room.now += timedelta(minutes=2)
    assert await room.publisher.publish_due() == []
    with room.database.read() as session:
        assert session.get_one(Issue, issue_id).state is IssueState.DRAFT


async def test_a_day_has_so_many_alerts_and_the_next_day_begins_anew(room: Room) -> None:
    room.reader("loud@example.org", alerts=True)
    for story in room.stories[:2]:
        await room.alert(story)
    third = room.draft(room.stories[2])
    room.approve(third)
    refused = room.send(third)
    assert isinstance(refused, Refused)
    assert refused.reason.startswith(
        "2 alerts have gone today, and this edition's readers were promised at most 2 a day."
    )
    room.now += DAY
    assert isinstance(room.send(third), Done)


def test_an_edition_without_alerts_makes_none_and_a_withdrawn_story_is_none(room: Room) -> None:
    with room.database.write() as session:
        session.get_one(Article, room.stories[0]).status = ArticleStatus.WITHDRAWN
        gone = breaking.draft(session, room.desk.edition, room.stories[0], by=BY, now=room.now)
        assert gone == Refused("This story was withdrawn, or is under embargo; it cannot be sent.")
        assert session.scalars(select(Issue)).all() == []
        session.get_one(Edition, room.desk.edition).alerts_a_day = 0
        assert isinstance(breaking.draft(session, room.desk.edition, room.stories[1], by=BY, now=room.now), Refused)
        assert isinstance(breaking.draft(session, room.desk.edition, 999, by=BY, now=room.now), Refused)


async def test_an_alert_passes_a_digest_that_is_running(room: Room) -> None:
    for number in range(3):
        room.reader(f"r{number}@example.org", alerts=number == 0)
    digest_id = room.compose()
    await room.publisher.publish(digest_id)
    room.now += timedelta(minutes=10)
    alert_id = await room.alert()
    with room.database.read() as session:
        batches = session.scalars(select(Batch).order_by(Batch.next_at)).all()
        alert = session.get_one(Issue, alert_id).letter_id
        assert [batch.letter_id == alert for batch in batches] == [True, False]
    digests, alerts = room.engine.submitted
    assert digests.run_at is None
    assert alerts.run_at is not None
    assert alerts.run_at < SLOT.due_at


async def test_the_next_digest_spares_the_story_those_who_had_it_as_an_alert(room: Room) -> None:
    room.reader("quiet@example.org")
    room.reader("loud@example.org", alerts=True)
    await room.alert(room.stories[2])
    room.reader("new@example.org", alerts=True)  # asked for alerts, but after this one had gone
    room.reader("topics@example.org", alerts=True, section="Opera")
    digest_id = room.compose()
    with room.database.read() as session:
        titles = [article.title for _, article in issues.list_stories(session, digest_id)]
    assert titles == ["Story 2", "Story 1", "Story 3", "Story 4", "Story 5"]
    await room.publisher.publish(digest_id)
    assert room.addresses(digest_id) == {
        "loud@example.org": "1,2,4,5",
        "new@example.org": None,
        "quiet@example.org": None,
    }
    assert room.compiler.jobs[-1].with_blocks


async def test_topics_and_alerts_are_both_heeded(room: Room) -> None:
    with room.database.write() as session:
        water = [
            an_article(session, room.desk.feed, f"Water {n}", room.now - timedelta(minutes=10 * n), section="Water")
            for n in range(1, 3)
        ]
    room.reader("water@example.org", alerts=True, section="Water")
    room.reader("opera@example.org", alerts=True, section="Opera")
    await room.alert(water[0])
    digest_id = room.compose()
    await room.publisher.publish(digest_id)
    with room.database.read() as session:
        rows = session.execute(
            select(Article.title, Item.number)
            .join(Item, Item.article_id == Article.id)
            .where(Item.issue_id == digest_id)
        )
        numbers = dict(rows.all())
    assert room.addresses(digest_id) == {"water@example.org": f"1,{numbers['Water 2']}"}


async def test_what_went_as_an_alert_does_not_lead_the_digest(room: Room) -> None:
    room.reader("loud@example.org", alerts=True)
    await room.alert(room.stories[1])  # the one with the picture
    digest_id = room.compose()
    with room.database.read() as session:
        titles = [article.title for _, article in issues.list_stories(session, digest_id)]
    assert titles[0] == "Story 1"
    assert "Story 2" in titles


async def test_a_day_later_nobody_is_sent_the_story_again(room: Room) -> None:
    """An alert is nobody's "already sent": the digest has it, the one after that has not."""
    room.reader("loud@example.org", alerts=True)
    await room.alert(room.stories[2])
    await room.publisher.publish(room.compose())
    room.now += DAY
    with room.database.write() as session:
        for number in range(3):
            an_article(session, room.desk.feed, f"Next {number}", room.now - timedelta(hours=number + 1))
    second = room.compose(NEXT_SLOT)
    with room.database.read() as session:
        assert {article.title for _, article in issues.list_stories(session, second)} == {"Next 0", "Next 1", "Next 2"}


def test_an_alert_stays_one_story(room: Room) -> None:
    issue_id = room.draft()
    with room.database.write() as session:
        for refused in (
            curate.add(session, issue_id, room.stories[0], by=BY, now=room.now),
            curate.recompose(session, issue_id, by=BY, now=room.now),
        ):
            assert refused == Refused("An alert is one story. Make an issue by hand for more.")
