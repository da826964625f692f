"""A press for tests: a newsroom with an issue that is due, its publisher, and what may befall them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from ground.database import Database
from mailer.deliveries import Delivery
from mailer.letters import Variant
from newsletters import approve, audience, compose, seal, takeover
from newsletters.issues import Issue
from newsletters.publish import Publisher
from newsletters.schedules import Autonomy, Schedule, Terms
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


def ranges_of(monkeypatch: pytest.MonkeyPatch, readers: int) -> None:
    """A freeze writes so few down at once, on either database."""
    monkeypatch.setattr(takeover, "RANGE", readers)
    monkeypatch.setattr(takeover, "LONG_RANGE", readers)


def recipients(session: Session) -> list[str]:
    return list(session.scalars(select(Delivery.address).order_by(Delivery.address)))


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


def disarm_power_cut(session: Session) -> None:
    """The database writes again."""
    table = "" if session.get_bind().dialect.name == "sqlite" else " ON deliveries"
    session.execute(text(f"DROP TRIGGER power_cut{table}"))


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
