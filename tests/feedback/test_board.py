"""Board: a rate from what was counted, a time from the rate, and no count more often than needed."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import update

from feedback.board import Board
from ground.database import Database
from mailer.deliveries import DELIVERIES, Delivery, State
from newsletters.issues import IssueState
from tests.mailer import builders
from tests.web.conftest import add_issue, add_newsroom


def test_an_issues_rate_and_end_are_told_from_its_counts(database: Database, now: datetime) -> None:
    add_newsroom(database, now)
    with database.write() as session:
        letter = builders.letter(session, 100, now=now)
    add_issue(database, 1, 1, IssueState.SENDING, now, letter_id=letter)
    add_issue(database, 1, 2, IssueState.FINISHED, now)
    board = Board()

    def accept(up_to: int) -> None:
        with database.write() as session:
            rows = update(DELIVERIES).where(Delivery.id <= up_to)
            session.execute(rows.values(state=State.ACCEPTED, accepted_at=now, attempt=1))

    def look(seconds: int) -> tuple[int, float | None, datetime | None]:
        with database.read() as session:
            [found] = board.on_their_way(session, now=now + timedelta(seconds=seconds))
        return found.handled, found.per_minute, found.done_at

    accept(20)
    assert look(0) == (20, None, None)
    accept(40)
    assert look(5) == (20, None, None)  # counted a moment ago
    assert look(60) == (40, 20.0, now + timedelta(minutes=4))
    accept(100)
    assert look(120) == (100, 40.0, None)
    with database.write() as session:
        session.execute(update(DELIVERIES).where(Delivery.id > 50).values(state=State.READY))
    assert look(900)[1] == 0.0  # what was taken back is no rate


def test_what_has_ended_is_forgotten(database: Database, now: datetime) -> None:
    add_newsroom(database, now)
    with database.read() as session:
        assert Board().on_their_way(session, now=now) == []
