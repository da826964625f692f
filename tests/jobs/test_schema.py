"""The job tables: installed once, brought up step by step, refused when they are not this version's."""

from __future__ import annotations

import threading

from sqlalchemy import text

from ground.database import Database
from jobs import schema

_OBJECTS = """
SELECT proname || '(' || pg_get_function_identity_arguments(p.oid) || ') ' || md5(regexp_replace(prosrc, '\\s+', ' ', 'g'))
    FROM pg_proc p WHERE pronamespace = 'jobs'::regnamespace
UNION SELECT indexdef FROM pg_indexes WHERE schemaname = 'jobs'
UNION SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable
    FROM information_schema.columns WHERE table_schema = 'jobs'
UNION SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t
    JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = 'jobs'::regnamespace AND NOT tgisinternal
"""


def objects(database: Database) -> set[str]:
    """Every function, index, column and trigger there."""
    with database.reader.connect() as connection:
        return set(connection.scalars(text(_OBJECTS)))


def run(database: Database, *statements: str) -> None:
    with database.writer.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_installing_again_changes_nothing(empty_postgres_url: str) -> None:
    database = Database(empty_postgres_url)
    assert schema.problem(database) is not None
    schema.install(database)
    assert schema.problem(database) is None
    job = "INSERT INTO procrastinate_jobs (queue_name, task_name) VALUES ('tx', 'send_batch')"
    run(database, "SET LOCAL search_path TO jobs", job)
    before = objects(database)
    schema.install(database)
    assert objects(database) == before
    with database.reader.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM jobs.procrastinate_jobs")) == 1
    database.dispose()


def test_every_step_from_the_first_version_leads_to_the_same_tables(empty_postgres_url: str) -> None:
    """What an upgrade runs, from however old a version it comes."""
    database = Database(empty_postgres_url)
    schema.install(database)
    whole = objects(database)
    run(
        database,
        "DROP SCHEMA jobs CASCADE",
        "CREATE SCHEMA jobs",
        "CREATE TABLE jobs.version (step text NOT NULL)",
        "INSERT INTO jobs.version VALUES ('00')",
    )
    assert "broadsheet migrate" in str(schema.problem(database))
    schema.install(database)
    assert schema.problem(database) is None
    assert objects(database) == whole
    database.dispose()


def test_tables_of_a_newer_version_are_not_used(empty_postgres_url: str) -> None:
    database = Database(empty_postgres_url)
    schema.install(database)
    run(database, "UPDATE jobs.version SET step = '99.00.00_01_later.sql'")
    assert "newer version of Procrastinate (99.00.00_01_later.sql)" in str(schema.problem(database))
    schema.install(database)
    assert "99.00.00_01_later.sql" in str(schema.problem(database))
    database.dispose()


def test_two_commands_at_the_same_moment_install_once(empty_postgres_url: str) -> None:
    database = Database(empty_postgres_url)
    threads = [threading.Thread(target=schema.install, args=(database,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert schema.problem(database) is None
    database.dispose()
