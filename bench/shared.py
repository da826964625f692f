"""The database that workers share: a PostgreSQL server for one run, and towns on it."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import psycopg
from sqlalchemy import create_engine, make_url, select, text

from bench import town
from ground.database import Database
from mailer.deliveries import Delivery
from mailer.letters import Letter, LetterState
from newsletters import audience, seal
from newsletters.issues import Issue
from tests.faults.kills import fresh


class SharedTown:
    """A town on PostgreSQL, which every round gets a copy of."""

    def __init__(self, folder: Path, *, readers: int) -> None:
        self.folder = folder
        self.folder.mkdir()
        self._open = ExitStack()
        self._server = make_url(self._open.enter_context(fresh("postgresql", folder)))
        self.url = self._server.render_as_string(hide_password=False)
        town.found(folder, self.url, readers=readers, with_key=True)

    def copy(self) -> str:
        """The address of a fresh copy; the one before is gone."""
        self._execute(
            "DROP DATABASE IF EXISTS copy WITH (FORCE)", f'CREATE DATABASE copy TEMPLATE "{self._server.database}"'
        )
        return self._server.set(database="copy").render_as_string(hide_password=False)

    def close(self) -> None:
        self._open.close()

    def _execute(self, *statements: str) -> None:
        engine = create_engine(self._server.set(database="postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()


def frozen(url: str) -> float:
    """Seconds that it takes to write the audience down once more, one reader in fifty being suppressed."""
    database = Database(url)
    with database.write() as session:
        issue = session.scalars(select(Issue)).one()
        letter = session.get_one(Letter, issue.letter_id)
        variant_id = session.scalars(select(Delivery.variant_id).limit(1)).one()
        # The statement, not DELETE: the COPY beside it has a fresh table, too.
        session.execute(text("TRUNCATE batches, deliveries, exclusions CASCADE"))
        letter.state, letter.sealed_count = LetterState.BUILDING, None
        session.execute(text(_SUPPRESS), {"now": letter.created_at})
        order = seal.freeze_order(session, issue, variant_id)
    began = time.perf_counter()
    if not audience.freeze(database, order):
        raise AssertionError("the audience was not written down")
    seconds = time.perf_counter() - began
    database.dispose()
    return seconds


_SUPPRESS = """
    INSERT INTO suppressions (address_key, cause, created_at)
    SELECT address_key, 'manual', :now FROM subscribers WHERE id % 50 = 0
"""


def copied(url: str) -> float:
    """Seconds that a raw COPY of the same rows takes, into a table that has their key and nothing else."""
    engine = create_engine(url)
    with engine.begin() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        with driver.cursor() as cursor:
            with cursor.copy("COPY deliveries TO STDOUT") as out:
                rows = b"".join(bytes(piece) for piece in out)
            cursor.execute("CREATE TABLE raw (LIKE deliveries INCLUDING DEFAULTS, PRIMARY KEY (id))")
            began = time.perf_counter()
            with cursor.copy("COPY raw FROM STDIN") as into:
                into.write(rows)
    seconds = time.perf_counter() - began
    engine.dispose()
    return seconds
