"""Health: up is not ready."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from starlette.testclient import TestClient

from broadsheet.tables import metadata
from ground import migrations
from ground.database import Database
from tests.web.conftest import BASE, House
from web.app import create_app


def _client(house: House, database: Database) -> TestClient:
    return TestClient(create_app(replace(house.parts, database=database)), base_url=BASE)


def test_tables_of_another_revision_are_up_but_not_ready(house: House) -> None:
    migrations.downgrade(house.database, metadata, "base")
    client = _client(house, house.database)
    assert client.get("/healthz").status_code == 200
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert "broadsheet migrate" in ready.json()["problem"]


def test_a_database_that_cannot_be_reached_is_named_without_its_address(house: House, tmp_path: Path) -> None:
    away = Database(f"sqlite:///{tmp_path / 'no such folder' / 'x.sqlite3'}")
    ready = _client(house, away).get("/readyz")
    away.dispose()
    assert ready.status_code == 503
    assert ready.json() == {"status": "not ready", "problem": "The database cannot be reached."}
