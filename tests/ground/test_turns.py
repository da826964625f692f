"""Turns on SQLite: bulk writers one at a time and with a gap, everybody else in between, and no wait without an end."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from ground import turns
from ground.database import Database


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path}/town.sqlite3")
    with opened.write() as session:
        session.execute(text("CREATE TABLE notes (words TEXT)"))
    yield opened
    opened.dispose()


def test_bulk_writers_never_write_side_by_side_and_leave_a_gap(town: Database) -> None:
    assert town.turns is not None
    spans: list[tuple[float, float]] = []

    def write() -> None:
        assert town.turns is not None
        for _ in range(20):
            with town.turns.bulk_turn():
                began = time.monotonic()
                time.sleep(0.001)
                spans.append((began, time.monotonic()))

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    spans.sort()
    assert len(spans) == 60
    assert all(began >= ended + turns.GAP for (_, ended), (began, _) in itertools.pairwise(spans))


def test_whoever_waits_gets_in_before_the_next_bulk_transaction(town: Database) -> None:
    """A reader's click waits for the transaction that runs, and for none of the hundred behind it."""
    order: list[str] = []
    inside, asked, stop = threading.Event(), threading.Event(), threading.Event()

    def bulk() -> None:
        while not stop.is_set():
            with town.write_bulk() as session:
                session.execute(text("INSERT INTO notes VALUES ('bulk')"))
                inside.set()
                if not order:
                    asked.wait(5)
                    time.sleep(0.05)  # the click is in the queue by now
                order.append("bulk")

    def click() -> None:
        inside.wait(5)
        asked.set()
        with town.write() as session:
            session.execute(text("INSERT INTO notes VALUES ('click')"))
            order.append("click")
        stop.set()

    threads = [threading.Thread(target=each) for each in (bulk, click)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert order.index("click") == 1


@contextmanager
def held(database: Database) -> Iterator[None]:
    """Another process writes."""
    other = Database(database.url)
    with other.write() as session:
        session.connection()  # begins
        yield
    other.dispose()


def test_a_lock_that_another_process_holds_is_waited_for_and_not_for_ever(town: Database) -> None:
    hasty = Database(town.url, busy_timeout_ms=50)
    began = time.monotonic()
    with held(town), pytest.raises(OperationalError, match="database is locked"):
        write(hasty, "too late")
    assert time.monotonic() - began >= 0.05
    write(hasty, "free again")
    hasty.dispose()


def write(database: Database, words: str) -> None:
    with database.write_bulk() as session:
        session.execute(text("INSERT INTO notes VALUES (:words)"), {"words": words})


def test_who_waits_in_vain_for_a_turn_hears_it_from_sqlite(tmp_path: Path) -> None:
    hasty = Database(f"sqlite:///{tmp_path}/busy.sqlite3", busy_timeout_ms=50)
    with hasty.write() as session:
        session.connection()  # begins
        heard: list[str] = []

        def ask() -> None:
            try:
                with hasty.write() as other:
                    other.connection()
                    heard.append("written")
            except OperationalError as problem:
                heard.append(str(problem.orig))

        asking = threading.Thread(target=ask)
        asking.start()
        asking.join(5)
    assert heard == ["database is locked"]
    hasty.dispose()
