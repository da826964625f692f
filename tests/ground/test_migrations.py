"""The tables' history runs up, down and up again on both databases, and never drifts from the models."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import inspect

from broadsheet.tables import metadata
from ground import migrations
from ground.database import Database


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
