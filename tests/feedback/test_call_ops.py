"""What ops are told by mail: breakers at once, what lasts after some minutes, complaints by their share, sources to editors."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select, update

from articles.feeds import Feed
from feedback import call_ops, heartbeats
from feedback.heartbeats import Beat
from ground.database import Database
from mailer import breakers
from mailer.breakers import Breaker, Scope, Trouble
from mailer.deliveries import Delivery
from mailer.letters import Letter
from mailer.told import Manner
from newsletters.issues import Issue, IssueState
from newsletters.newsletters import Edition
from newsletters.staff_post import StaffLetter
from staff.members import Role
from tests.feedback.conftest import Deliver
from tests.newsletters.builders import BASE_URL, a_desk, a_feed, an_article

DAY = timedelta(days=1)


def letters(database: Database, now: datetime, folder: Path | None = None) -> list[StaffLetter]:
    return call_ops.letters(database, folder, base_url=BASE_URL, now=now)


def test_a_service_that_is_well_calls_nobody(database: Database, now: datetime) -> None:
    assert letters(database, now, Path()) == []


def test_each_breaker_is_told_at_once_and_until_it_is_lifted(database: Database, now: datetime) -> None:
    scopes = {
        Trouble.ROUTE_REFUSES: Scope(route="main"),
        Trouble.GROUP_REFUSES: Scope(route="main", domain_group="gmail"),
        Trouble.UNKNOWN_DOMAIN: Scope(domain="example.net"),
    }
    with database.write() as session:
        for trouble, scope in scopes.items():
            breakers.trip(session, trouble, scope, why="535 5.7.8 <b>no</b>", now=now)
    found = {each.cause: each for each in letters(database, now)}
    assert set(found) == {
        "breaker:route_refuses:route:main",
        "breaker:group_refuses:group:main:gmail",
        "breaker:unknown_domain:domain:example.net",
    }
    route = found["breaker:route_refuses:route:main"]
    assert route.context["title"] == "Nothing leaves by the route main"
    assert "535 5.7.8 <b>no</b>" in route.context["texts"][0]
    assert (route.to, route.manner.patience, route.context["url"]) == (Role.OPS, timedelta(0), f"{BASE_URL}/ops")
    with database.write() as session:
        for number in session.scalars(select(Breaker.id)).all():
            breakers.lift(session, number, by="ops", now=now)
    assert letters(database, now) == []


def test_a_round_that_fails_and_rounds_that_stop_are_told_when_they_last(database: Database, now: datetime) -> None:
    with database.write() as session:
        for name, problem in (("collect", "OSError: no"), ("settle", None)):
            beat = Beat(
                name=name,
                process="host:1",
                pace=timedelta(seconds=10),
                began_at=now - DAY,
                ended_at=now - DAY,
                problem=problem,
            )
            heartbeats.note(session, beat)
    found = {each.cause: each for each in letters(database, now)}
    assert set(found) == {"watch:round_collect", "watch:rounds"}
    assert all(
        each.manner == Manner(patience=timedelta(minutes=5), quiet=timedelta(hours=6)) for each in found.values()
    )
    assert "OSError: no" in found["watch:round_collect"].context["texts"][0]


def test_complaints_are_told_when_they_are_many_for_the_issue(
    database: Database, now: datetime, deliver: Deliver
) -> None:
    ids = [deliver(f"reader{number}@example.net") for number in range(4)]
    with database.write() as session:
        desk = a_desk(session, now)
        session.execute(update(Letter).values(sealed_count=3_000))
        session.add(
            Issue(
                edition_id=desk.edition,
                number=7,
                layout="daily",
                state=IssueState.FINISHED,
                subject="A <b>bold</b> one",
                preheader="",
                window_start=now,
                window_end=now,
                scheduled_for=now,
                created_at=now,
                letter_id=1,
            )
        )
        session.execute(update(Delivery).where(Delivery.id.in_(ids[:2])).values(complained_at=now))
        session.execute(update(Feed).values(created_at=now))
    assert letters(database, now) == [], "two are chance"
    with database.write() as session:
        session.execute(update(Delivery).where(Delivery.id == ids[2]).values(complained_at=now))
    [told] = letters(database, now)
    assert "3 of 3,000 readers of issue 7, “A <b>bold</b> one”" in told.context["texts"][0]
    with database.write() as session:
        session.execute(update(Letter).values(sealed_count=30_000))
    assert letters(database, now) == [], "one in ten thousand is less than providers mind"


def test_a_source_that_falls_silent_or_fails_is_told_to_editors_and_many_are_one_letter(
    database: Database, now: datetime
) -> None:
    with database.write() as session:
        desk = a_desk(session, now - 10 * DAY)
        an_article(session, desk.feed, "The last one", now - 5 * DAY)
        session.execute(update(Feed).values(last_fetch_at=now, title="City desk"))
        assert session.scalars(select(Edition.title)).one() == "Morning briefing"
    [silent] = letters(database, now)
    assert (silent.cause, silent.to) == ("feed:1:silent", Role.EDITOR)
    assert "“City desk” answers, but has brought no new story" in silent.context["texts"][0]
    with database.write() as session:
        session.execute(update(Feed).values(failures=3))
    [failing] = letters(database, now)
    assert failing.cause == "feed:1:failing"
    assert "3 times in a row" in failing.context["texts"][0]
    with database.write() as session:
        for number in range(12):
            a_feed(session, now, url=f"https://example.org/{number}.xml")
        session.execute(update(Feed).values(failures=5))
    [many] = letters(database, now)
    assert (many.cause, many.context["title"]) == ("feeds", "13 sources bring nothing new")
    assert len(many.context["texts"]) == 11
    assert many.context["texts"][-1] == "And 3 more."
    with database.write() as session:
        session.execute(update(Feed).values(enabled=False))
    assert letters(database, now) == []
