"""The database: tables' base, column types, and the one way to open a transaction.

SQLite is the embedded default, PostgreSQL comes by URL. Rooms are plain synchronous code on a `Session`; whoever opens
the transaction (a door, a task) runs it in a thread and answers only after the `with` block has committed.
"""

from __future__ import annotations

import enum
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Engine, Enum, Integer, MetaData, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from ground.turns import Turns

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC instant. A naive datetime is refused at the door of the database, not found there a year later."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: every instant in the database is aware UTC")
        instant = value.astimezone(UTC)
        return instant.replace(tzinfo=None) if dialect.name == "sqlite" else instant

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


#: A row's number. SQLite only counts by itself in a plain INTEGER primary key.
RowId = BigInteger().with_variant(Integer, "sqlite")

#: Small structured values; JSONB where the database has it.
Json = JSON().with_variant(JSONB(), "postgresql")


def one_of(words: type[enum.StrEnum], name: str) -> Enum:
    """A column that holds one word of `words`, guarded by a CHECK named `name` (not a database enum: those are hard to change)."""
    return Enum(
        words,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=24,
        values_callable=lambda members: [member.value for member in members],
    )


class Base(DeclarativeBase):
    """All tables of all rooms share this metadata, so that foreign keys across rooms can be named by string."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: Json, list[Any]: Json}  # noqa: RUF012 - read once by SQLAlchemy


def insert_new(table: type[Base], *, is_sqlite: bool) -> sqlite.Insert | postgresql.Insert:
    """An INSERT .. ON CONFLICT DO NOTHING: a row whose unique key is taken stays away without an error."""
    if is_sqlite:
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


class Database:
    """One database with two ways in: `write()` (or `write_bulk()`) and `read()`.

    On SQLite a writer begins with BEGIN IMMEDIATE: under SQLAlchemy's default mode concurrent read-modify-writes lose
    updates without an error (tests/ground/test_database.py shows it). Readers run on a second engine that cannot write.
    Writers take turns (ground.turns); PostgreSQL needs no such help.
    """

    def __init__(self, url: str, *, busy_timeout_ms: int = 10_000) -> None:
        self.url = url
        # An error that is logged names the statement, never whose address was in it.
        self.writer = create_engine(url, pool_pre_ping=not url.startswith("sqlite"), hide_parameters=True)
        self.turns: Turns | None = None
        if self.is_sqlite:
            self.turns = Turns(busy_timeout_ms / 1000)
            _let_write(self.writer, self.turns, busy_timeout_ms=busy_timeout_ms)
            self.reader = create_engine(url, hide_parameters=True)
            _let_read(self.reader, busy_timeout_ms=busy_timeout_ms)
        else:
            # One state for all of a page's questions; at the server's default each would see a newer one.
            self.reader = self.writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @property
    def is_sqlite(self) -> bool:
        return self.writer.dialect.name == "sqlite"

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session in one transaction: committed when the block ends, rolled back when it raises."""
        with self.turns.turn() if self.turns else nullcontext(), self._write() as session:
            yield session

    @contextmanager
    def write_bulk(self) -> Iterator[Session]:
        """`write()` for whoever does it again and again: on SQLite one at a time, with a gap for everybody else after it.

        Keep such a transaction under 10 ms.
        """
        with self.turns.bulk_turn() if self.turns else nullcontext(), self._write() as session:
            yield session

    @contextmanager
    def _write(self) -> Iterator[Session]:
        with Session(self.writer, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one consistent state and cannot write.

        Closing rolls back, and unlike `rollback()` leaves what was read readable: pages are rendered after the block.
        """
        with Session(self.reader, expire_on_commit=False) as session:
            yield session

    def dispose(self) -> None:
        self.writer.dispose()
        self.reader.dispose()


# cache_size: 4 MB in each connection. What is sent is walked through once; 64 MB would only make a worker larger the more
# readers there are, and what is asked for again the kernel remembers.
# synchronous=FULL: under WAL, NORMAL may lose the last commits on power loss. For a ledger of sent mail a lost commit is a
# duplicate that nobody knows of.
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "temp_store=MEMORY",
    "cache_size=-4000",
    "secure_delete=ON",  # what is forgotten is overwritten, not only unlinked
)


def _let_write(engine: Engine, turns: Turns, *, busy_timeout_ms: int) -> None:
    """SQLite waits while the file is opened; for the write lock we wait ourselves."""
    _at_connect(engine, f"busy_timeout={busy_timeout_ms}", *_PRAGMAS, "busy_timeout=0")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        try:
            turns.begin(driver)
        except sqlite3.OperationalError as problem:
            raise OperationalError("BEGIN IMMEDIATE", None, problem) from problem


def _let_read(engine: Engine, *, busy_timeout_ms: int) -> None:
    _at_connect(engine, f"busy_timeout={busy_timeout_ms}", *_PRAGMAS, "query_only=ON")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")


def _at_connect(engine: Engine, *pragmas: str) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # pysqlite must not begin transactions behind our back
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
