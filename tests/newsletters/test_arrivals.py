"""Arrivals: a list is checked and run piece by piece, in child processes, whatever becomes of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from broadsheet.children import Children
from ground.database import Database
from ground.tokens import KeyRing
from mailer.deliveries import Delivery
from newsletters.arrivals import Arrivals
from subscribers import imports
from subscribers.imports import Import, ImportMode, ImportState, Order, Upload
from subscribers.subscribers import Subscriber
from tests.newsletters.builders import BASE_URL, StoringCompiler, a_desk


@pytest.fixture
def children() -> Iterator[Children]:
    made = Children(1)
    yield made
    made.shutdown()


@pytest.fixture
def arrivals(database: Database, keys: KeyRing, children: Children, now: datetime, tmp_path: Path) -> Arrivals:
    with database.write() as session:
        a_desk(session, now)
    return Arrivals(
        database=database,
        compiler=StoringCompiler(database, now),
        keys=keys,
        executor=children,
        clock=lambda: now,
        base_url=BASE_URL,
        folder=tmp_path / "imports",
    )


def hand_in(arrivals: Arrivals, mode: ImportMode, text: str) -> int:
    folder = arrivals.folder / "one"
    folder.mkdir(parents=True)
    (folder / "upload.csv").write_text(text)
    now = arrivals.clock()
    with arrivals.database.write() as session:
        upload = Upload(folder="one", file_name="readers.csv", file_hash="f" * 64, plan={})
        order = Order(edition_id=1, mode=mode, source="the old site")
        return imports.add(session, upload, order, by="owner@example.org", now=now).id


def look(arrivals: Arrivals, import_id: int) -> Import:
    with arrivals.database.read() as session:
        return session.get_one(Import, import_id)


def begin(arrivals: Arrivals, import_id: int) -> None:
    with arrivals.database.write() as session:
        assert imports.begin(session, import_id, by="owner@example.org", now=arrivals.clock())


@pytest.mark.slow
@pytest.mark.parametrize("mode", ImportMode)
async def test_a_list_arrives_by_child_processes(arrivals: Arrivals, mode: ImportMode) -> None:
    import_id = hand_in(arrivals, mode, "email\na@example.org\nb@example.org\nx\n")
    await arrivals.carry_on(import_id)
    checked = look(arrivals, import_id)
    assert (checked.state, checked.rows) == (ImportState.CHECKED, 3)
    await arrivals.carry_on(import_id)  # nothing happens before somebody says so
    assert look(arrivals, import_id).done == 0
    begin(arrivals, import_id)
    await arrivals.carry_on(import_id)
    done = look(arrivals, import_id)
    assert done.done == 3
    assert done.counts == done.expected
    with arrivals.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Subscriber)) == 2
        asked = session.scalar(select(func.count()).select_from(Delivery))
    assert asked == (2 if mode is ImportMode.MUST_CONFIRM else 0)


@pytest.mark.slow
async def test_a_list_that_is_gone_stops_with_words(arrivals: Arrivals) -> None:
    import_id = hand_in(arrivals, ImportMode.CONFIRMED, "email\na@example.org\n")
    await arrivals.carry_on(import_id)
    begin(arrivals, import_id)
    (arrivals.folder / "one" / "rows.jsonl").unlink()
    await arrivals.carry_on(import_id)
    stopped = look(arrivals, import_id)
    assert stopped.state is ImportState.STOPPED
    assert stopped.problem is not None
    assert stopped.problem.startswith("The list is no longer in its folder")


def test_a_list_that_nobody_lets_run_is_thrown_away_after_a_week(arrivals: Arrivals, now: datetime) -> None:
    import_id = hand_in(arrivals, ImportMode.CONFIRMED, "email\na@example.org\n")
    with arrivals.database.write() as session:
        assert imports.checked(session, import_id, {}, rows=1)
    stray = arrivals.folder / "stray"
    stray.mkdir()
    os.utime(stray, (now.timestamp(), now.timestamp()))
    arrivals.sweep(now=now + timedelta(days=1))
    assert sorted(each.name for each in arrivals.folder.iterdir()) == ["one", "stray"]
    arrivals.sweep(now=now + imports.LISTS_KEPT)
    assert list(arrivals.folder.iterdir()) == []
    assert look(arrivals, import_id).state is ImportState.DISCARDED
