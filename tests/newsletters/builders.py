"""A small newsroom for tests, and the two collaborators that publishing is handed: an engine and a compiler."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from articles.articles import Article, ArticleStatus, Author, Byline
from articles.dates import DateConfidence
from articles.feeds import Feed
from ground.database import Database
from ground.engine import LaneStats, Payload, WorkLane
from mailer.compiler import LetterJob
from mailer.letter import BrokenLetter, Rendered
from mailer.letters import Variant
from mailer.lint import Report
from newsletters import newsletters, schedules
from newsletters.newsletters import Edition, NewEdition, NewNewsletter
from newsletters.schedules import Schedule, Terms
from subscribers import topics
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState
from subscribers.topics import Topics

BASE_URL = "https://news.example.org"
MORNING = "Sunday to Thursday at 07:00 Asia/Baghdad"


@dataclass(frozen=True, slots=True)
class Desk:
    """The ids of a newsroom with one edition, one feed, one schedule."""

    edition: int
    feed: int
    schedule: int


def a_desk(session: Session, now: datetime, *, rule: str = MORNING, terms: Terms | None = None) -> Desk:
    newsletter = newsletters.add(
        session,
        NewNewsletter(
            slug="briefing",
            publisher="The Zagros Courier",
            sender_address="news@example.org",
            reply_to="desk@example.org",
            postal_address="1 Citadel Road, Erbil",
            site_url="https://example.org",
        ),
        now=now,
    )
    assert isinstance(newsletter, newsletters.Newsletter), newsletter
    edition = newsletters.add_edition(
        session,
        newsletter.id,
        NewEdition(
            language="en",
            title="Morning briefing",
            tagline="The day in five minutes",
            frequency="one email, Sunday to Thursday",
            zone="Asia/Baghdad",
        ),
        now=now,
    )
    assert isinstance(edition, Edition), edition
    feed = a_feed(session, now)
    newsletters.draw_from(session, edition.id, [feed])
    schedule = schedules.add(session, edition.id, rule, now=now - timedelta(days=30), terms=terms or Terms())
    assert isinstance(schedule, Schedule), schedule
    return Desk(edition.id, feed, schedule.id)


def a_feed(session: Session, now: datetime, *, url: str = "https://example.org/feed.xml") -> int:
    feed = Feed(url=url, next_fetch_at=now, created_at=now)
    session.add(feed)
    session.flush()
    return feed.id


def an_article(
    session: Session,
    feed_id: int,
    title: str,
    published_at: datetime,
    *,
    first_seen_at: datetime | None = None,
    image: bool = False,
    section: str | None = None,
    story: str | None = None,
    authors: Sequence[str] = (),
    status: ArticleStatus = ArticleStatus.LIVE,
) -> int:
    key = story or hashlib.sha256(title.encode()).hexdigest()[:12]
    article = Article(
        feed_id=feed_id,
        guid=title,
        url=f"https://example.org/{key}",
        url_key=f"example.org/{key}",
        title=title,
        summary=f"About: {title}",
        section=section,
        tags=[],
        language="en",
        image_url=f"https://example.org/{key}.jpg" if image else None,
        published_at=published_at,
        date_confidence=DateConfidence.EXACT,
        first_seen_at=first_seen_at or published_at,
        last_seen_at=first_seen_at or published_at,
        status=status,
        content_hash=key,
    )
    session.add(article)
    session.flush()
    for position, name in enumerate(authors):
        author = session.scalar(select(Author).where(Author.name == name)) or Author(name=name)
        session.add(author)
        session.flush()
        session.add(Byline(article_id=article.id, author_id=author.id, position=position))
    session.flush()
    return article.id


def morning_news(session: Session, desk: Desk, now: datetime, *, count: int = 5) -> list[int]:
    """Stories an hour apart, the newest first; the second has the picture."""
    return [
        an_article(session, desk.feed, f"Story {n}", now - timedelta(hours=n), image=n == 2)
        for n in range(1, count + 1)
    ]


def a_reader(
    session: Session,
    edition_id: int,
    address: str,
    now: datetime,
    *,
    state: SubscriptionState = SubscriptionState.ACTIVE,
    schedule_id: int | None = None,
    paused_until: datetime | None = None,
    wants: Topics | None = None,
    own_hour: str | None = None,
    alerts: bool = False,
) -> int:
    """The subscriber's id."""
    group = "gmail" if address.endswith("@gmail.com") else "other"
    reader = Subscriber(
        address=address, address_key=address.casefold(), domain_group=group, language="en", created_at=now
    )
    session.add(reader)
    session.flush()
    session.add(
        Subscription(
            subscriber_id=reader.id,
            edition_id=edition_id,
            schedule_id=schedule_id,
            state=state,
            requested_at=now,
            confirmed_at=now if state is SubscriptionState.ACTIVE else None,
            paused_until=paused_until,
            topics_id=topics.find_or_add(session, edition_id, wants) if wants else None,
            own_hour=own_hour,
            alerts=alerts,
        )
    )
    session.flush()
    return reader.id


class StoringCompiler:
    """Stores a true variant row for each job, and remembers what it was asked for."""

    def __init__(self, database: Database, now: datetime) -> None:
        self.database = database
        self.now = now
        self.jobs: list[LetterJob] = []
        self.broken: BrokenLetter | None = None
        self.report = Report(())

    async def variant(self, job: LetterJob) -> int:
        self.jobs.append(job)
        if self.broken is not None:
            raise self.broken
        return await asyncio.to_thread(self._store, job)

    async def lint(self, job: LetterJob) -> Report:
        del job
        return self.report

    async def render(self, job: LetterJob) -> Rendered:
        assert job.for_web
        issue = job.context["issue"]
        titles = "".join(f"<h2>{item['title']}</h2>" for item in job.context["items"])
        return Rendered(
            subject=issue["subject"], preheader=issue["preheader"], html=titles, text="", language=job.language
        )

    def _store(self, job: LetterJob) -> int:
        with self.database.write() as session:
            found = session.query(Variant).filter_by(digest=job.digest()).one_or_none()
            if found is None:
                found = Variant(digest=job.digest(), language=job.language, compiled=b"", created_at=self.now)
                session.add(found)
                session.flush()
            return found.id


@dataclass(frozen=True, slots=True)
class Submission:
    task: str
    payload: Payload
    lane: WorkLane
    key: str | None
    run_at: datetime | None = None


@dataclass
class RecordingEngine:
    """An engine that keeps what it is given and does nothing."""

    submitted: list[Submission] = field(default_factory=list)

    def submit(
        self, task: str, payload: Payload, *, lane: WorkLane, run_at: datetime | None = None, key: str | None = None
    ) -> bool:
        if key is not None and any(known.key == key for known in self.submitted):
            return False
        self.submitted.append(Submission(task, payload, lane, key, run_at))
        return True

    async def run(self, lanes: Sequence[WorkLane], stop: asyncio.Event) -> None:
        assert lanes
        await stop.wait()

    def stats(self) -> Mapping[WorkLane, LaneStats]:
        return {
            lane: LaneStats(waiting=sum(each.lane is lane for each in self.submitted), running=0) for lane in WorkLane
        }

    def cancel(self, key: str) -> bool:
        before = len(self.submitted)
        self.submitted = [each for each in self.submitted if each.key != key]
        return len(self.submitted) < before
