"""A town whose readers follow sections: each gets twelve articles of two hundred, and a thousand choices are made."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import combinations, islice
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.orm import Session

from articles.articles import Article
from bench import town
from bench.conf import settings
from broadsheet import clock
from broadsheet.wiring import House
from newsletters import compose, launch, plan, schedule, schedules
from newsletters.act import Done
from newsletters.issues import Issue
from newsletters.layouts import FOLLOW
from newsletters.plan import Planned
from newsletters.schedule import SlotTime
from newsletters.schedules import Schedule, Terms
from newsletters.seal import Published
from subscribers import topics
from subscribers.subscriptions import Subscription

ARTICLES, SECTIONS, FOLLOWED, CHOICES = 200, 50, 3, 1_000
OWN = ARTICLES // SECTIONS * FOLLOWED
#: Sentences of a story that make the letter for all (bench.town) as large as these.
AS_LARGE = 15


def found(folder: Path, url: str, *, readers: int) -> None:
    """Make the town: `readers` rows wait, each naming the articles of its reader."""
    with House(settings(folder, url, port=25, connections=1, signs="relay"), clock.now) as house:
        house.migrate()
        edition_id = town.edition(house, readers, articles=ARTICLES)
        with house.database.write() as session:
            following = _following(session, house, edition_id)
            _choose(session, edition_id, following.id)
            issue_id = _issue(session, house, following)
        with house.database.write() as session:
            approved = launch.approve(session, issue_id, by="bench", now=house.clock())
            assert isinstance(approved, Done), approved
        _ = house.scheduler  # knows the tasks that publishing submits
        [published] = asyncio.run(house.publisher.publish_due())
        assert isinstance(published, Published), published


def _following(session: Session, house: House, edition_id: int) -> Schedule:
    """The letter of what readers follow, beside the edition's daily one."""
    now = house.clock() - timedelta(days=1)
    daily = schedules.add(session, edition_id, "daily 07:00 Asia/Baghdad", now=now)
    assert isinstance(daily, Schedule), daily
    rule = schedule.parse("daily 18:00 Asia/Baghdad")
    assert isinstance(rule, schedule.Schedule), rule
    terms = Terms(name="following", layout=FOLLOW, max_articles=OWN)
    planned = plan.add(session, edition_id, rule, terms, by="bench", now=now)
    assert isinstance(planned, Planned), planned
    return planned.schedule


def _choose(session: Session, edition_id: int, schedule_id: int) -> None:
    """Every article gets a section, and every reader some of them."""
    names = [f"Section {number:02}" for number in range(SECTIONS)]
    for number, name in enumerate(names):
        session.execute(update(Article).where(Article.id % SECTIONS == number).values(section=name))
    for number, chosen in enumerate(islice(combinations(names, FOLLOWED), CHOICES)):
        made = topics.of(chosen, ())
        assert made is not None
        row = topics.find_or_add(session, edition_id, made)
        session.execute(
            update(Subscription)
            .where(Subscription.subscriber_id % CHOICES == number)
            .values(topics_id=row, schedule_id=schedule_id)
        )


def _issue(session: Session, house: House, following: Schedule) -> int:
    due_at = house.clock().replace(microsecond=0)
    slot = SlotTime(local_date=due_at.date(), local_time=due_at.time(), due_at=due_at, moved=False)
    issue = compose.compose(session, session.get_one(Schedule, following.id), slot, now=house.clock())
    assert isinstance(issue, Issue), issue
    session.flush()
    return issue.id
