"""The history of the tables, as Alembic revisions; neutral, they run on SQLite and on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

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
    with database.writer.begin() as connection:
        command.upgrade(_config(metadata, connection), revision)


def downgrade(database: Database, metadata: MetaData, revision: str) -> None:
    """Take the tables back to an earlier revision. Data that only later tables can hold is lost."""
    with database.writer.begin() as connection:
        command.downgrade(_config(metadata, connection), revision)


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
