"""Health: up is not ready, and what fails is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event
from starlette.testclient import TestClient

from broadsheet.tables import metadata
from feedback import heartbeats
from feedback.heartbeats import Beat
from ground import migrations
from ground.database import Database
from tests.mailer import builders
from tests.web.conftest import BASE, House
from tests.web.opsroom import a_morning
from web.app import create_app
from web.health import ANSWER_FOR

LOCAL = "http://127.0.0.1:8000"


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
    client = _client(house, away)
    ready, metrics = client.get("/readyz"), _scrape(house, database=away)
    away.dispose()
    assert ready.status_code == 503
    text = "The database cannot be reached."
    assert ready.json() == {
        "status": "not ready",
        "problem": text,
        "checks": [{"check": "database", "problem": text}],
    }
    assert metrics == (503, "The database cannot be asked.\n")


def test_a_queue_that_stands_still_and_rounds_that_stopped_are_not_ready(house: House) -> None:
    with house.database.write() as session:
        builders.letter(session, 3, now=house.now)
        beat = Beat(name="settle", process="h", pace=timedelta(0), began_at=house.now, ended_at=house.now)
        heartbeats.note(session, beat)
    assert house.client.get("/readyz").json() == {"status": "ready"}
    house.now += timedelta(minutes=6)
    ready = house.client.get("/readyz")
    assert ready.status_code == 503
    assert [each["check"] for each in ready.json()["checks"]] == ["queue_bulk", "rounds"]
    assert "Is a worker running" in ready.json()["problem"]
    assert house.client.get("/healthz").status_code == 200


def test_whoever_asks_often_is_told_the_same_for_a_moment(house: House) -> None:
    asked: list[str] = []
    for engine in (house.database.reader, house.database.writer):
        event.listen(engine, "before_cursor_execute", lambda *args: asked.append(str(args[2])))
    house.client.get("/readyz")
    once = len(asked)
    for _ in range(20):
        assert house.client.get("/readyz").json() == {"status": "ready"}
    assert len(asked) == once > 0
    house.now += ANSWER_FOR
    house.client.get("/readyz")
    assert len(asked) > once


def _scrape(
    house: House,
    *,
    token: str | None = None,
    visitor: str = "127.0.0.1",
    database: Database | None = None,
    **headers: str,
) -> tuple[int, str]:
    parts = replace(house.parts, metrics_token=token, database=database or house.database)
    client = TestClient(create_app(parts), base_url=LOCAL, client=(visitor, 50_000))
    answer = client.get("/metrics", headers={name.replace("_", "-"): value for name, value in headers.items()})
    return answer.status_code, answer.text


def test_metrics_are_for_this_machine(house: House) -> None:
    assert _scrape(house)[0] == 200
    assert _scrape(house, visitor="203.0.113.9")[0] == 404
    assert _scrape(house, x_forwarded_for="203.0.113.9")[0] == 404
    assert _scrape(house, host="news.example.org")[0] == 404


def test_metrics_are_for_whoever_shows_the_token(house: House) -> None:
    token = "a-token-for-scrapers"
    assert _scrape(house, token=token, authorization=f"Bearer {token}", visitor="203.0.113.9")[0] == 200
    for given in (
        "",
        "Bearer ",
        "Bearer a-token-for-scraperS",
        f"Basic {token}",
    ):
        assert _scrape(house, token=token, authorization=given)[0] == 401


def test_metrics_tell_numbers_and_no_names(house: House) -> None:
    a_morning(house)
    status, text = _scrape(house)
    assert status == 200
    assert "@" not in text
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    expected = {
        ("broadsheet_queue_deliveries", "bulk"): 7,
        ("broadsheet_queue_due_batches", "bulk"): 1,
        ("broadsheet_queue_due_batches", "tx"): 0,
        ("broadsheet_queue_oldest_due_seconds", "bulk"): 0,
        ("broadsheet_deliveries", "deferred"): 1,
        ("broadsheet_deliveries", "uncertain"): 1,
        ("broadsheet_refused_last_day",): 1,
        ("broadsheet_reports_last_day_by_kind", "soft"): 1,
        ("broadsheet_reports_last_day_by_disposition", "unknown"): 1,
        ("broadsheet_suppressions", "hard_bounce"): 1,
        ("broadsheet_issues", "sending"): 1,
        ("broadsheet_ready",): 1,
    }
    assert {name: found.get(name) for name in expected} == expected


def test_a_scrape_asks_a_bounded_number_of_questions_and_never_reads_the_ledger(
    house: House,
) -> None:
    if not house.database.is_sqlite:
        return  # PostgreSQL plans by statistics

    a_morning(house)
    seen: list[tuple[str, tuple[object, ...]]] = []

    def note(_c: object, _cursor: object, statement: str, values: tuple[object, ...], *_: object) -> None:
        if statement.startswith("SELECT"):
            seen.append((statement, values))

    event.listen(house.database.reader, "before_cursor_execute", note)
    _scrape(house)
    event.remove(house.database.reader, "before_cursor_execute", note)
    assert 0 < len(seen) < 60
    with house.database.reader.connect() as connection:
        for statement, values in seen:
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
            assert not any(step.startswith("SCAN deliveries") and "INDEX" not in step for step in plan), (
                statement,
                plan,
            )
