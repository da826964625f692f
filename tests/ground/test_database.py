"""The database's promises: no lost update, no naive instant, foreign keys, full durability, evidence that stays."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, StatementError

from articles.feeds import Feed
from ground.database import Database
from subscribers.consents import Act, ConsentEvent, Evidence, record
from subscribers.subscribers import Subscriber


def add_counter(database: Database, now: datetime) -> None:
    with database.write() as session:
        session.add(Feed(url="https://a.example/feed", next_fetch_at=now, created_at=now))


def count_up(url: str, times: int) -> None:
    database = Database(url)
    for _ in range(times):
        with database.write() as session:
            feed = session.scalars(select(Feed).with_for_update()).one()
            feed.failures += 1
    database.dispose()


@pytest.mark.slow
def test_processes_that_read_and_write_lose_no_update(database: Database, now: datetime) -> None:
    """Under SQLAlchemy's default transactions on SQLite 101 of 600 such updates vanish without an error."""
    add_counter(database, now)
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=count_up, args=(database.url, 100)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    with database.read() as session:
        assert session.scalars(select(Feed.failures)).one() == 300


def test_two_threads_that_read_and_write_lose_no_update(database: Database, now: datetime) -> None:
    add_counter(database, now)
    threads = [threading.Thread(target=count_up, args=(database.url, 40)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert session.scalars(select(Feed.failures)).one() == 80


def test_a_write_that_raises_leaves_nothing_behind(database: Database, now: datetime) -> None:
    def half_a_story() -> None:
        with database.write() as session:
            session.add(Feed(url="https://a.example/feed", next_fetch_at=now, created_at=now))
            session.flush()
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        half_a_story()
    with database.read() as session:
        assert session.scalars(select(Feed)).all() == []


def test_instants_come_back_aware_and_in_utc(database: Database) -> None:
    erbil = datetime.fromisoformat("2026-03-09T07:00:00+03:00")
    add_counter(database, erbil)
    with database.read() as session:
        found = session.scalars(select(Feed)).one().created_at
    assert found == erbil
    assert found.tzinfo is UTC


def test_a_naive_instant_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="aware UTC"):
        add_counter(database, datetime(2026, 3, 9, 7, 0))  # noqa: DTZ001 - that is the point


def test_a_row_cannot_point_to_nothing(database: Database, now: datetime) -> None:
    with pytest.raises(IntegrityError), database.write() as session:
        record(
            session, Act.REQUESTED, Evidence(source="test"), subscriber_id=99, edition_id=None, generation=1, now=now
        )


def test_a_reader_sees_one_state_and_cannot_write(database: Database, now: datetime) -> None:
    with database.read() as session:
        assert session.scalars(select(Feed.id)).all() == []
        add_counter(database, now)
        assert session.scalars(select(Feed.id)).all() == []
    with database.read() as session:
        assert len(session.scalars(select(Feed.id)).all()) == 1
        with pytest.raises(DBAPIError, match=r"readonly|read-only"):
            session.execute(delete(Feed))


def test_a_reader_cannot_write_on_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "one.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE notes (word TEXT)")
    connection.close()
    database = Database(f"sqlite:///{path}")
    with pytest.raises(OperationalError, match="readonly"), database.read() as session:
        session.execute(text("INSERT INTO notes VALUES ('x')"))
    database.dispose()


def test_sqlite_is_durable_against_power_loss_and_checks_keys(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'one.sqlite3'}")
    with database.write() as session:
        pragmas = {
            name: session.scalar(text(f"PRAGMA {name}")) for name in ("synchronous", "foreign_keys", "journal_mode")
        }
    database.dispose()
    assert pragmas == {"synchronous": 2, "foreign_keys": 1, "journal_mode": "wal"}


@pytest.fixture
def consent(database: Database, now: datetime) -> int:
    with database.write() as session:
        reader = Subscriber(
            address="a@b.example", address_key="a@b.example", domain_group="other", language="en", created_at=now
        )
        session.add(reader)
        session.flush()
        record(
            session,
            Act.REQUESTED,
            Evidence(source="form:page", ip="203.0.113.9"),
            subscriber_id=reader.id,
            edition_id=None,
            generation=1,
            now=now,
        )
        session.flush()
        return session.scalars(select(ConsentEvent.id)).one()


@pytest.mark.parametrize("statement", ["UPDATE consent_events SET act = 'confirmed'", "DELETE FROM consent_events"])
def test_the_database_itself_refuses_to_change_consent(database: Database, consent: int, statement: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"), database.write() as session:
        session.execute(text(statement))
    with database.read() as session:
        assert session.get_one(ConsentEvent, consent).act is Act.REQUESTED


def test_a_visitors_network_address_may_be_forgotten(database: Database, consent: int) -> None:
    with database.write() as session:
        session.execute(update(ConsentEvent).values(ip=None, user_agent=None))
    with database.read() as session:
        assert session.get_one(ConsentEvent, consent).ip is None


def test_an_error_names_nobody_whose_address_was_in_the_statement(database: Database) -> None:
    with pytest.raises(OperationalError) as caught, database.write() as session:
        session.execute(text("INSERT INTO nowhere VALUES (:who)"), {"who": "ann@example.org"})
    assert "INSERT INTO nowhere" in str(caught.value)
    assert "ann@example.org" not in str(caught.value)


def test_what_is_deleted_is_overwritten_in_the_file(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    with database.write() as session:
        session.execute(text("CREATE TABLE people (who TEXT)"))
        session.execute(text("INSERT INTO people VALUES ('ann@example.org'), ('bo@example.org')"))
    with database.write() as session:
        session.execute(text("DELETE FROM people WHERE who = 'ann@example.org'"))
    with database.writer.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
    database.dispose()  # the last one out folds the log into the file
    assert b"ann@example.org" not in (tmp_path / "x.sqlite3").read_bytes()
