"""The history of the tables, as Alembic revisions; neutral, they run on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import IntegrityError

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData

from ground.database import Database

_HERE = Path(__file__).parent


def _config(metadata: MetaData, connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["metadata"] = metadata
    config.attributes["connection"] = connection
    return config


def upgrade(database: Database, metadata: MetaData, revision: str = "head") -> None:
    """Bring the tables to a revision; nothing happens when they are there already."""
    with _changing(database) as connection:
        command.upgrade(_config(metadata, connection), revision)


def downgrade(database: Database, metadata: MetaData, revision: str) -> None:
    """Take the tables back to an earlier revision. Data that only later tables can hold is lost."""
    with _changing(database) as connection:
        command.downgrade(_config(metadata, connection), revision)


@contextmanager
def _changing(database: Database) -> Iterator[Connection]:
    """A transaction that may change tables with rows in them.

    SQLite changes a table by making it anew, and while foreign keys are enforced it refuses to drop the old one as soon as
    a row of another table names one of it (https://sqlite.org/lang_altertable.html 7). They are looked at once, at the
    end; what is not whole then is rolled back.
    """
    if not database.is_sqlite:
        with database.writer.begin() as connection:
            yield connection
        return
    with database.writer.connect() as connection:
        driver = connection.connection.cursor()
        driver.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                yield connection
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(5)
                if broken:
                    raise IntegrityError(f"rows that name no other after the change of tables: {broken}")
        finally:
            driver.execute("PRAGMA foreign_keys=ON")
            driver.close()


def check(database: Database, metadata: MetaData) -> None:
    """Raise `alembic.util.CommandError` when tables and models have drifted apart."""
    with database.writer.begin() as connection:
        command.check(_config(metadata, connection))


def write_revision(database: Database, metadata: MetaData, message: str) -> None:
    """Write a new revision from the difference between tables and models (for developers)."""
    with database.writer.begin() as connection:
        command.revision(_config(metadata, connection), message=message, autogenerate=True)


def is_current(database: Database) -> bool:
    """Whether the tables are at the newest revision that this program knows."""
    head = ScriptDirectory(str(_HERE)).get_current_head()
    with database.reader.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head
