"""The tables of Procrastinate: put into a schema of their own, `jobs`, and brought up to the version that is installed.

Procrastinate ships its whole schema and a file for each step from one version to the next, whose names sort by version.
Which of them a database has is kept beside its tables, so installing again changes nothing.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from sqlalchemy import Connection, text

from ground.database import Database

SCHEMA = "jobs"

_LOCK = 7_326_111_904  # two commands at the same moment take turns


def is_available() -> bool:
    """Whether the package is there; it comes with the extra `procrastinate`."""
    return importlib.util.find_spec("procrastinate") is not None


def install(database: Database) -> None:
    """Bring the tables to the version of the package, one step a transaction."""
    while _take_a_step(database):
        pass


def problem(database: Database) -> str | None:
    """Why these tables cannot be used by this version, or None."""
    with database.reader.connect() as connection:
        found = _version(connection)
    needed = _steps()[-1]
    if found == needed:
        return None
    if found is not None and found > needed:
        return (
            f"The job tables were made by a newer version of Procrastinate ({found}) than is installed here ({needed}). "
            "Install the same version on every machine."
        )
    return "The job tables are not those of this version. Stop the other processes and run `broadsheet migrate`."


def _take_a_step(database: Database) -> bool:
    with database.writer.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
        found, steps = _version(connection), _steps()
        if found is None:
            _run(connection, "CREATE SCHEMA IF NOT EXISTS jobs")
            _run(connection, "CREATE TABLE jobs.version (step text NOT NULL)")
            return _arrive(connection, _folder().parent / "schema.sql", steps[-1])
        ahead = [step for step in steps if step > found]
        return bool(ahead) and _arrive(connection, _folder() / ahead[0], ahead[0])


def _arrive(connection: Connection, file: Path, step: str) -> bool:
    # Its own functions name its tables without a schema.
    _run(connection, "SET LOCAL search_path TO jobs")
    _run(connection, file.read_text(encoding="utf-8"))
    connection.execute(text("DELETE FROM version"))
    connection.execute(text("INSERT INTO version VALUES (:step)"), {"step": step})
    return True


def _version(connection: Connection) -> str | None:
    """The last step that was taken; None where there are no tables."""
    if connection.scalar(text("SELECT to_regclass('jobs.version')")) is None:
        return None
    step: str | None = connection.scalar(text("SELECT max(step) FROM jobs.version"))
    return step


def _run(connection: Connection, statements: str) -> None:
    """Several statements at once, which only the driver itself takes, and takes literally."""
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute(statements)


def _steps() -> list[str]:
    return sorted(file.name for file in _folder().glob("*.sql"))


def _folder() -> Path:
    from procrastinate.schema import SchemaManager

    return Path(SchemaManager.get_migrations_path())
