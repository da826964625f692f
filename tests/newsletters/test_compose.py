"""Composing: one issue a slot, with the newest articles that these readers have not had."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from articles.articles import Article, ArticleStatus
from broadsheet.tables import metadata
from ground import migrations
from ground.database import Database
from newsletters import compose, issues, newsletters, schedules
from newsletters.issues import Issue, IssueState
from newsletters.schedule import SlotTime
from newsletters.schedules import Schedule, Slot, Terms, TooFew
from tests.newsletters.builders import Desk, a_desk, a_feed, an_article, morning_news

SLOT = SlotTime(date(2026, 3, 9), time(7), datetime(2026, 3, 9, 4, 0, tzinfo=UTC), moved=False)
NEXT_SLOT = SlotTime(date(2026, 3, 10), time(7), datetime(2026, 3, 10, 4, 0, tzinfo=UTC), moved=False)
DAY = timedelta(days=1)


def compose_slot(session: Session, desk: Desk, now: datetime, slot: SlotTime = SLOT) -> Issue:
    made = compose.compose(session, session.get_one(Schedule, desk.schedule), slot, now=now)
    assert isinstance(made, Issue), made
    return made


def titles(session: Session, issue: Issue) -> list[str]:
    return [article.title for _, article in issues.list_stories(session, issue.id)]


def test_an_issue_leads_with_the_newest_picture_and_goes_on_with_the_newest(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        morning_news(session, desk, now)
        issue = compose_slot(session, desk, now)
        assert titles(session, issue) == ["Story 2", "Story 1", "Story 3", "Story 4", "Story 5"]
        assert (issue.subject, issue.preheader) == ("Story 2", "Story 1\u00a0· Story 3\u00a0· Story 4")
        assert (issue.number, issue.state, issue.scheduled_for) == (1, IssueState.DRAFT, SLOT.due_at)
        reasons = [item.reason for item in issues.list_items(session, issue.id)]
        assert reasons[0] == "lead: the newest with an image, 2 h old"
        assert reasons[1] == "60 min old"


def test_two_composers_of_one_slot_make_one_issue(tmp_path: Path, now: datetime) -> None:
    url = f"sqlite:///{tmp_path / 'shared.sqlite3'}"
    first, second = Database(url), Database(url)
    migrations.upgrade(first, metadata)
    with first.write() as session:
        desk = a_desk(session, now)
        morning_news(session, desk, now)
    together = threading.Barrier(2)
    made: list[Issue | Slot | None] = []

    def run(database: Database) -> None:
        together.wait()
        with database.write() as session:
            made.append(compose.compose(session, session.get_one(Schedule, desk.schedule), SLOT, now=now))

    threads = [threading.Thread(target=run, args=[database]) for database in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(each).__name__ for each in made) == ["Issue", "NoneType"]
    with first.read() as session:
        assert len(session.scalars(select(Issue)).all()) == 1
    first.dispose()
    second.dispose()


def test_a_slot_that_is_too_late_is_skipped_and_told(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        morning_news(session, desk, now)
        schedule = session.get_one(Schedule, desk.schedule)
        late = compose.compose(session, schedule, SLOT, now=SLOT.due_at + timedelta(hours=5))
        assert isinstance(late, Slot)
        assert late.skipped == ("Not sent: it could only be made 5 h after its time, and the schedule allows 4 h.")


def test_after_a_long_night_only_the_last_missed_slot_is_made_good(database: Database, now: datetime) -> None:
    three_days_later = SLOT.due_at + 3 * DAY + timedelta(hours=1)
    with database.write() as session:
        desk = a_desk(session, now, terms=Terms(late_limit=timedelta(days=2)))
        session.get_one(Schedule, desk.schedule).starts_at = SLOT.due_at - timedelta(hours=1)
        morning_news(session, desk, three_days_later)
        made = compose.compose_due(session, session.get_one(Schedule, desk.schedule), now=three_days_later)
        assert [type(each).__name__ for each in made] == ["Slot", "Slot", "Slot", "Issue"]
        reasons = [slot.skipped or "" for slot in session.scalars(select(Slot).order_by(Slot.due_at))]
        assert ["3 days after" in reasons[0], "next slot had come" in reasons[2], reasons[3]] == [True, True, ""]
        assert compose.compose_due(session, session.get_one(Schedule, desk.schedule), now=three_days_later) == []


def test_a_draft_is_made_ahead_of_its_slot_and_not_earlier(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        session.get_one(Schedule, desk.schedule).starts_at = SLOT.due_at - timedelta(hours=2)
        morning_news(session, desk, SLOT.due_at - timedelta(hours=1))
        schedule = session.get_one(Schedule, desk.schedule)
        assert compose.compose_due(session, schedule, now=SLOT.due_at - timedelta(minutes=31)) == []
        assert len(compose.compose_due(session, schedule, now=SLOT.due_at - timedelta(minutes=30))) == 1


def test_too_few_articles_skip_shorten_or_hold_as_the_schedule_says(database: Database, now: datetime) -> None:
    outcomes = {}
    for policy in TooFew:
        with database.write() as session:
            outcomes[policy] = _with_two_articles(session, now, policy)
    assert outcomes == {
        TooFew.SKIP: (None, "Not sent: 2 new of at least 3 articles."),
        TooFew.SHORTEN: (IssueState.DRAFT, None),
        TooFew.HOLD: (IssueState.DRAFT, "Waits for a person: 2 new of at least 3 articles."),
    }


def _with_two_articles(session: Session, now: datetime, policy: TooFew) -> tuple[IssueState | None, str | None]:
    desk = a_desk(session, now, terms=Terms(too_few=policy))
    morning_news(session, desk, now, count=2)
    made = compose.compose(session, session.get_one(Schedule, desk.schedule), SLOT, now=now)
    answer = (made.state, made.reason) if isinstance(made, Issue) else (None, made.skipped if made else "taken")
    session.rollback()
    return answer


def test_no_article_at_all_is_no_issue_whatever_the_schedule_says(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now, terms=Terms(too_few=TooFew.SHORTEN))
        made = compose.compose(session, session.get_one(Schedule, desk.schedule), SLOT, now=now)
        assert isinstance(made, Slot)
        assert made.skipped == "Not sent: there was no new article."


def test_a_story_that_was_sent_is_not_sent_again_from_another_feed_either(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        an_article(session, desk.feed, "Dam opens", now - timedelta(hours=1), story="dam")
        an_article(session, desk.feed, "Budget", now - timedelta(hours=2), story="budget")
        an_article(session, desk.feed, "Football", now - timedelta(hours=3), story="football")
        first = compose_slot(session, desk, now)
        first.state, first.sealed_at = IssueState.FINISHED, now
        agency = a_feed(session, now, url="https://agency.example.org/feed.xml")
        newsletters.draw_from(session, desk.edition, [agency])
        an_article(session, agency, "Dam is opened", now + timedelta(hours=3), story="dam")
        for n, name in enumerate(("Rain", "Roads", "Bread"), start=4):
            an_article(session, desk.feed, name, now + timedelta(hours=n))
        second = compose_slot(session, desk, now + DAY, NEXT_SLOT)
        assert titles(session, second) == ["Bread", "Roads", "Rain"]
        assert (second.number, second.window_start) == (2, first.window_end)


def test_what_a_cancelled_issue_held_is_in_the_next_one(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        morning_news(session, desk, now)
        sent = compose_slot(session, desk, now)
        sent.state, sent.sealed_at = IssueState.FINISHED, now
        for n in (1, 2, 3):
            an_article(session, desk.feed, f"Monday {n}", now + timedelta(hours=n))
        cancelled = compose_slot(session, desk, now + DAY, NEXT_SLOT)
        cancelled.state = IssueState.CANCELLED
        an_article(session, desk.feed, "Tuesday", now + timedelta(hours=30))
        wednesday = SlotTime(date(2026, 3, 11), time(7), now + 2 * DAY, moved=False)
        third = compose_slot(session, desk, now + 2 * DAY, wednesday)
        assert titles(session, third) == ["Tuesday", "Monday 3", "Monday 2", "Monday 1"]
        assert third.window_start == sent.window_end


def test_a_story_that_a_feed_brings_late_is_in_the_next_issue(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now, terms=Terms(min_articles=1))
        morning_news(session, desk, now)
        first = compose_slot(session, desk, now)
        first.state, first.sealed_at = IssueState.FINISHED, now
        an_article(
            session, desk.feed, "Dated yesterday", now - timedelta(hours=20), first_seen_at=now + timedelta(hours=2)
        )
        an_article(
            session, desk.feed, "From the backlog", now - timedelta(days=90), first_seen_at=now + timedelta(hours=2)
        )
        assert titles(session, compose_slot(session, desk, now + DAY, NEXT_SLOT)) == ["Dated yesterday"]


def test_one_section_does_not_fill_the_issue(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        for n in range(6):
            an_article(session, desk.feed, f"Sport {n}", now - timedelta(minutes=n), section="Sport")
        an_article(session, desk.feed, "Politics", now - timedelta(hours=5), section="Politics")
        issue = compose_slot(session, desk, now)
        assert titles(session, issue) == ["Sport 0", "Sport 1", "Sport 2", "Sport 3", "Politics"]


def test_a_further_rhythm_counts_its_own_sent_stories(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        morning_news(session, desk, now)
        daily = compose_slot(session, desk, now)
        daily.state, daily.sealed_at = IssueState.FINISHED, now
        weekly = schedules.add(
            session, desk.edition, "mon 12:00 Asia/Baghdad", now=now - DAY, terms=Terms(name="weekly", layout="weekly")
        )
        assert isinstance(weekly, Schedule)
        noon = SlotTime(date(2026, 3, 9), time(12), now + timedelta(hours=5), moved=False)
        issue = compose.compose(session, weekly, noon, now=now + timedelta(hours=5))
        assert isinstance(issue, Issue)
        assert len(titles(session, issue)) == 5


def test_an_untouched_draft_follows_its_articles(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        lead = morning_news(session, desk, now)[1]
        issue = compose_slot(session, desk, now)
        session.get_one(Article, lead).status = ArticleStatus.WITHDRAWN
        session.flush()
        compose.refresh(session, issue)
        assert (issue.subject, titles(session, issue)[0]) == ("Story 1", "Story 1")


def test_an_issue_outside_any_schedule_waits_for_approval(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        assert isinstance(compose.one_off(session, desk.edition, now=now), compose.NothingToSend)
        morning_news(session, desk, now, count=1)
        made = compose.one_off(session, desk.edition, now=now)
        assert isinstance(made, Issue)
        assert (made.state, made.schedule_id, made.scheduled_for) == (IssueState.DRAFT, None, now)


def test_moving_todays_hour_after_it_ran_makes_no_second_issue_today(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        schedule = session.get_one(Schedule, desk.schedule)
        schedule.starts_at = SLOT.due_at - timedelta(hours=1)
        morning_news(session, desk, now)
        assert len(compose.compose_due(session, schedule, now=now)) == 1
        assert schedules.change_rule(session, schedule, "sun-thu 08:00 Asia/Baghdad", now=now) is None
        evening = SLOT.due_at + timedelta(hours=12)
        assert compose.compose_due(session, schedule, now=evening) == []
        tomorrow = schedules.untaken(session, schedule, since=now, until=now + 2 * DAY)
        assert (tomorrow[0].local_date, tomorrow[0].local_time) == (date(2026, 3, 10), time(8))


def test_moving_the_evening_leaves_the_evenings_issue(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now, rule="daily 07:00,18:00 Asia/Baghdad")
        schedule = session.get_one(Schedule, desk.schedule)
        schedule.starts_at = SLOT.due_at - timedelta(hours=1)
        morning_news(session, desk, now)
        assert len(compose.compose_due(session, schedule, now=now)) == 1
        schedules.change_rule(session, schedule, "daily 07:00,19:00 Asia/Baghdad", now=now)
        left = schedules.untaken(session, schedule, since=now - DAY, until=now + timedelta(hours=15))
        assert [(slot.local_date, slot.local_time) for slot in left] == [(date(2026, 3, 9), time(19))]


def test_a_story_put_under_embargo_meanwhile_is_not_shown_before_its_time(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        first = morning_news(session, desk, now)[0]
        issue = compose_slot(session, desk, now)
        article = session.get_one(Article, first)
        article.status, article.embargo_until = ArticleStatus.EMBARGOED, SLOT.due_at + timedelta(minutes=1)
        session.flush()
        assert "Story 1" not in titles(session, issue)
        article.embargo_until = SLOT.due_at
        session.flush()
        assert "Story 1" in titles(session, issue)


def test_a_story_released_from_embargo_is_in_the_next_issue(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now, terms=Terms(min_articles=1))
        morning_news(session, desk, now)
        first = compose_slot(session, desk, now)
        first.state, first.sealed_at = IssueState.FINISHED, now
        seen_long_ago = now - timedelta(hours=30)
        report = an_article(session, desk.feed, "Report", now + timedelta(hours=1), first_seen_at=seen_long_ago)
        session.get_one(Article, report).embargo_until = now + timedelta(hours=1)
        assert titles(session, compose_slot(session, desk, now + DAY, NEXT_SLOT)) == ["Report"]


def test_an_issue_outside_any_schedule_takes_the_layout_it_is_given(database: Database, now: datetime) -> None:
    with database.write() as session:
        desk = a_desk(session, now)
        morning_news(session, desk, now, count=1)
        refused = compose.one_off(session, desk.edition, now=now, layout="breaking")
        assert isinstance(refused, compose.NothingToSend)
        assert refused.reason.startswith("There is no layout “breaking”. Choose one of these: daily, weekly")
        made = compose.one_off(session, desk.edition, now=now, layout="weekly")
        assert isinstance(made, Issue)
        assert made.layout == "weekly"
