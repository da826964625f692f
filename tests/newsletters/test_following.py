"""Following: whatever is new of what a reader follows, at most once a day, from the whole wire, and nothing twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from ground.database import Database
from mailer.deliveries import Delivery, State
from newsletters import compose, following, issues, objections, plan, schedule, schedules
from newsletters.issues import Exclusion, Issue
from newsletters.layouts import FOLLOW
from newsletters.plan import Planned, Unfit
from newsletters.publish import Publisher
from newsletters.schedule import SlotTime
from newsletters.schedules import Schedule, Slot, Terms
from newsletters.seal import Published
from newsletters.takeover import FOLLOWS_NOTHING, NOTHING_FOLLOWED
from subscribers import topics
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription
from tests.newsletters.builders import BASE_URL, RecordingEngine, StoringCompiler, a_desk, a_reader, an_article

EVENING = "daily 18:00 Asia/Baghdad"
HOUR = timedelta(hours=1)
AS_FOLLOWED = Terms(name="following", layout=FOLLOW, max_articles=3, min_articles=3)


class Newsroom:
    """An edition with its daily and, beside it, the letter of what its readers follow."""

    def __init__(self, database: Database, now: datetime) -> None:
        self.database, self.now = database, now
        self.compiler = StoringCompiler(database, now)
        self.publisher = Publisher(database, self.compiler, RecordingEngine(), lambda: self.now, BASE_URL)
        with database.write() as session:
            self.desk = a_desk(session, now)
            rule = schedule.parse(EVENING)
            assert isinstance(rule, schedule.Schedule)
            planned = plan.add(session, self.desk.edition, rule, AS_FOLLOWED, by="hanar", now=now - timedelta(days=30))
            assert isinstance(planned, Planned), planned
            self.following = planned.schedule.id

    def story(self, title: str, hours: int, *, section: str | None = None, by: str | None = None) -> None:
        with self.database.write() as session:
            at = self.now - hours * HOUR
            an_article(session, self.desk.feed, title, at, section=section, authors=[by] if by else [])

    def reader(
        self, name: str, *, sections: Sequence[str] = (), authors: Sequence[str] = (), follows: bool = True
    ) -> None:
        with self.database.write() as session:
            wants = topics.of(sections, authors)
            schedule_id = self.following if follows else None
            a_reader(session, self.desk.edition, name, self.now, schedule_id=schedule_id, wants=wants)

    def compose(self, schedule_id: int | None = None) -> Issue | Slot:
        with self.database.write() as session:
            row = session.get_one(Schedule, schedule_id or self.following)
            due_at = self.now.replace(second=0, microsecond=0)
            slot = SlotTime(local_date=due_at.date(), local_time=due_at.time(), due_at=due_at, moved=False)
            made = compose.compose(session, row, slot, now=self.now)
            session.flush()
            session.expunge_all()
        assert made is not None
        return made

    async def send(self, schedule_id: int | None = None) -> dict[str, list[str]]:
        """Compose and publish; the titles that each reader gets."""
        issue = self.compose(schedule_id)
        assert isinstance(issue, Issue), issue
        assert isinstance(await self.publisher.publish(issue.id), Published)
        with self.database.read() as session:
            titles = [article.title for _, article in issues.list_stories(session, issue.id)]
            rows = session.scalars(
                select(Delivery).where(Delivery.letter_id == session.get_one(Issue, issue.id).letter_id)
            )
            return {row.address: _titles(row, titles) for row in rows}

    def left_out(self) -> dict[str, str]:
        with self.database.read() as session:
            found = select(Subscriber.address, Exclusion.reason).join(
                Exclusion, Exclusion.subscriber_id == Subscriber.id
            )
            return dict(session.execute(found).all())

    def sent(self) -> None:
        """All that waits has arrived."""
        with self.database.write() as session:
            for row in session.scalars(select(Delivery)):
                row.state = State.ACCEPTED


def _titles(row: Delivery, titles: Sequence[str]) -> list[str]:
    own = row.fields.get("blocks")
    return list(titles) if own is None else [titles[int(number) - 1] for number in str(own).split(",")]


@pytest.fixture
def newsroom(database: Database, now: datetime) -> Newsroom:
    return Newsroom(database, now)


async def test_each_follower_gets_all_that_is_new_of_theirs_and_no_lead_of_others(newsroom: Newsroom) -> None:
    newsroom.story("Dam opens", 1, section="Water", by="Ava")
    newsroom.story("Cup final", 2, section="Sport", by="Hana")
    newsroom.story("Road shut", 3, section="Roads", by="Ava")
    newsroom.reader("water@example.org", sections=["Water"])
    newsroom.reader("ava@example.org", authors=["Ava"])
    newsroom.reader("sport@gmail.com", sections=["Sport"])
    newsroom.reader("daily@example.org", follows=False)
    assert await newsroom.send() == {
        "water@example.org": ["Dam opens"],
        "ava@example.org": ["Dam opens", "Road shut"],
        "sport@gmail.com": ["Cup final"],
    }
    assert newsroom.compiler.jobs[0].with_blocks
    assert newsroom.compiler.jobs[0].template == FOLLOW


async def test_the_letter_knows_what_the_author_wrote_before(newsroom: Newsroom) -> None:
    newsroom.story("Dam opens", 1, by="Ava")
    newsroom.story("Cup final", 2, by="Hana")
    newsroom.story("Unsigned", 3, section="Water")
    for days, title in enumerate(("Dam is filled", "Dam is tested", "Dam is built"), 3):
        newsroom.story(title, days * 24, by="Ava")
    newsroom.story("Dam is dreamt of", 400 * 24, by="Hana")
    newsroom.reader("ava@example.org", authors=["Ava"])
    assert await newsroom.send() == {"ava@example.org": ["Dam opens"]}
    items = newsroom.compiler.jobs[0].context["items"]
    assert {item["title"]: [each["title"] for each in item["earlier"]] for item in items} == {
        "Dam opens": ["Dam is filled", "Dam is tested"],
        "Cup final": [],
        "Unsigned": [],
    }


async def test_who_follows_nothing_and_who_has_nothing_new_get_no_letter_and_it_is_said_why(newsroom: Newsroom) -> None:
    newsroom.story("Dam opens", 1, section="Water")
    newsroom.reader("none@example.org")
    newsroom.reader("opera@example.org", sections=["Opera"])
    assert await newsroom.send() == {}
    assert newsroom.left_out() == {"none@example.org": FOLLOWS_NOTHING, "opera@example.org": NOTHING_FOLLOWED}


async def test_the_whole_wire_counts_and_caps_do_not(newsroom: Newsroom) -> None:
    for n in range(1, 31):
        newsroom.story(f"Story {n}", n % 20, section="Water", by="Ava")
    newsroom.story("Unnamed", 1)
    issue = newsroom.compose()
    assert isinstance(issue, Issue)
    with newsroom.database.read() as session:
        standing = issues.list_stories(session, issue.id)
        assert len(standing) == 30  # what nobody can follow is in nobody's letter
        assert [article.published_at for _, article in standing] == sorted(
            (article.published_at for _, article in standing), reverse=True
        )
        assert standing[0][0].reason.startswith("for who follows Water or Ava, ")


async def test_one_copy_holds_no_more_than_the_schedule_says_the_newest_first(newsroom: Newsroom) -> None:
    for n in range(1, 7):
        newsroom.story(f"Story {n}", n, section="Water")
    newsroom.reader("water@example.org", sections=["Water"])
    assert await newsroom.send() == {"water@example.org": ["Story 1", "Story 2", "Story 3"]}


async def test_a_story_comes_once_and_a_day_without_one_makes_no_issue(newsroom: Newsroom) -> None:
    newsroom.story("Dam opens", 1, section="Water")
    newsroom.reader("water@example.org", sections=["Water"])
    await newsroom.send()
    newsroom.now += timedelta(days=1)
    skipped = newsroom.compose()
    assert isinstance(skipped, Slot)
    assert skipped.skipped == "Not sent: there was no new article."
    newsroom.story("Dam shuts", 2, section="Water")
    newsroom.now += timedelta(minutes=1)
    assert await newsroom.send() == {"water@example.org": ["Dam shuts"]}


async def test_what_a_reader_had_in_the_digest_before_they_changed_is_not_sent_again(newsroom: Newsroom) -> None:
    newsroom.story("Dam opens", 3, section="Water")
    newsroom.story("Cup final", 4, section="Sport")
    newsroom.story("Road shut", 5, section="Roads")
    newsroom.reader("changed@example.org", sections=["Water", "Sport"], follows=False)
    newsroom.reader("always@example.org", sections=["Water", "Sport"])
    await newsroom.send(newsroom.desk.schedule)
    newsroom.sent()
    with newsroom.database.write() as session:
        for row in session.scalars(select(Subscription).where(Subscription.schedule_id.is_(None))):
            row.schedule_id = newsroom.following
    newsroom.now += HOUR
    newsroom.story("Dam shuts", 0, section="Water")
    newsroom.now += timedelta(minutes=1)
    assert await newsroom.send() == {
        "changed@example.org": ["Dam shuts"],
        "always@example.org": ["Dam shuts", "Dam opens", "Cup final"],
    }


async def test_subject_and_preheader_name_no_story_for_each_reader_has_others(newsroom: Newsroom) -> None:
    newsroom.story("Dam opens", 1, section="Water")
    issue = newsroom.compose()
    assert isinstance(issue, Issue)
    with newsroom.database.write() as session:
        kept = session.get_one(Issue, issue.id)
        compose.refresh(session, kept)
        assert kept.subject.startswith("Morning briefing · ")
        assert kept.preheader == "The day in five minutes"


def test_a_quiet_day_is_no_broken_audience(newsroom: Newsroom) -> None:
    newsroom.story("Dam opens", 1, section="Water")
    issue = newsroom.compose()
    assert isinstance(issue, Issue)
    with newsroom.database.write() as session:
        before = session.get_one(Issue, issue.id)
        before.sealed_at, before.recipient_count = newsroom.now, 5_000
        session.flush()
        assert objections.of_audience(session, before, 3) is None
        before.layout = "daily"
        assert objections.of_audience(session, before, 3) is not None


@pytest.mark.parametrize("times", ["daily at 08:00 and 18:00", "sun 07:00, 12:00 and 19:00"])
def test_it_comes_once_a_day_at_most(newsroom: Newsroom, times: str) -> None:
    rule = schedule.parse(times, zone="Asia/Baghdad")
    assert isinstance(rule, schedule.Schedule)
    with newsroom.database.write() as session:
        terms = Terms(name="second", layout=FOLLOW)
        unfit = plan.add(session, newsroom.desk.edition, rule, terms, by="hanar", now=newsroom.now)
        assert isinstance(unfit, Unfit)
        assert [problem.about for problem in unfit.problems] == ["times"]


def test_it_is_never_the_schedule_that_all_readers_of_an_edition_begin_with(newsroom: Newsroom) -> None:
    with newsroom.database.write() as session:
        own = session.get_one(Schedule, newsroom.desk.schedule)
        rule, terms = schedules.rule_of(own), schedules.terms_of(own)
        found = following.problems(
            session, own.edition_id, rule, Terms(name=terms.name, layout=FOLLOW), schedule_id=own.id
        )
        assert [problem.about for problem in found] == ["layout"]
