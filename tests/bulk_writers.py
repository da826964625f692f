"""What the bulk writers of SQLite did: their transactions, the rows each changed, and whether each waited for its turn."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event
from sqlalchemy.engine import Connection

from ground.database import Database
from ground.turns import Turns


class Watched(Turns):
    """Counts the bulk turns, and the rows of every transaction."""

    def __init__(self) -> None:
        super().__init__(10.0)
        self.bulk_turns = 0
        self.rows: list[int] = []  # changed, a transaction each

    @contextmanager
    def bulk_turn(self) -> Iterator[None]:
        self.bulk_turns += 1
        with super().bulk_turn():
            yield


def _changes(connection: Connection) -> int:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver.total_changes


@contextmanager
def watched(database: Database) -> Iterator[Watched]:
    """Watch a SQLite database's writers."""
    before: dict[int, int] = {}
    turns, database.turns = database.turns, Watched()
    seen = database.turns

    def began(connection: Connection) -> None:
        before[id(connection)] = _changes(connection)

    def commits(connection: Connection) -> None:
        changed = _changes(connection) - before.pop(id(connection))
        if changed:
            seen.rows.append(changed)

    event.listen(database.writer, "begin", began)
    event.listen(database.writer, "commit", commits)
    try:
        yield seen
    finally:
        event.remove(database.writer, "begin", began)
        event.remove(database.writer, "commit", commits)
        database.turns = turns
