"""The tables' history runs up, down and up again on both databases, and never drifts from the models."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import func, inspect, select, text

from articles.articles import Article
from broadsheet.tables import metadata
from ground import migrations
from ground.database import Database
from newsletters.newsletters import Edition, Newsletter
from tests.newsletters.builders import a_desk, an_article


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        return Database(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    return Database(request.getfixturevalue("empty_postgres_url"))


def test_up_without_drift_then_down_to_nothing_then_up(empty: Database) -> None:
    assert not migrations.is_current(empty)
    migrations.upgrade(empty, metadata)
    migrations.check(empty, metadata)
    assert migrations.is_current(empty)
    migrations.downgrade(empty, metadata, "base")
    assert set(inspect(empty.writer).get_table_names()) == {"alembic_version"}
    migrations.upgrade(empty, metadata)
    assert set(inspect(empty.writer).get_table_names()) == {"alembic_version", *metadata.tables}
    empty.dispose()


def test_rows_stay_while_their_tables_are_made_anew(empty: Database, now: datetime) -> None:
    migrations.upgrade(empty, metadata)
    with empty.write() as session:
        desk = a_desk(session, now)
        an_article(session, desk.feed, "The bridge is closed", now)
    migrations.downgrade(empty, metadata, "0001")
    migrations.upgrade(empty, metadata)
    with empty.read() as session:
        counts = [session.scalar(select(func.count()).select_from(each)) for each in (Newsletter, Edition, Article)]
        assert min(n or 0 for n in counts) >= 1
    if empty.is_sqlite:
        with empty.write() as session:
            assert session.scalar(text("PRAGMA foreign_keys")) == 1
    empty.dispose()
