"""Lookup: every list is found, page by page, without walking through the ledger."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, update

from ground.database import Database
from mailer import lookup
from mailer.batches import Batch, BatchState
from mailer.deliveries import DELIVERIES, Delivery, State
from mailer.lookup import Show, Wanted
from tests.mailer import builders


def _ids(database: Database, wanted: Wanted) -> list[int]:
    """Of all pages, one after the other."""
    found: list[int] = []
    after = None
    while True:
        with database.read() as session:
            sheet = lookup.find(session, Wanted(**{**_fields(wanted), "after": after}))  # type: ignore[arg-type]
        found += [line.id for line in sheet.lines]
        if sheet.further is None:
            return found
        after = sheet.further


def _fields(wanted: Wanted) -> dict[str, object]:
    return {name: getattr(wanted, name) for name in Wanted.__dataclass_fields__}


@pytest.fixture
def letter(database: Database, now: datetime) -> int:
    """Two letters of 130; of the second every tenth failed, some bounced, one was complained about, the last are ready."""
    with database.write() as session:
        builders.letter(session, 130, now=now)
        made = builders.letter(session, 130, now=now)
        accepted = update(DELIVERIES).where(Delivery.letter_id == made)
        session.execute(accepted.where(Delivery.id <= 250).values(state=State.ACCEPTED, accepted_at=now, attempt=1))
        failed = accepted.where(Delivery.id % 10 == 0)
        session.execute(failed.values(state=State.FAILED, reason="refused: hard", bounced_at=now, bounce_kind="hard"))
        session.execute(accepted.where(Delivery.id.in_([141, 142])).values(bounced_at=now + timedelta(hours=1)))
        session.execute(accepted.where(Delivery.id == 143).values(complained_at=now))
        session.execute(accepted.where(Delivery.id == 144).values(state=State.SENDING))
        session.execute(update(Batch).where(Batch.letter_id == made).values(state=BatchState.LEASED))
    return made


def test_a_letters_deliveries_are_listed_newest_first_over_pages(database: Database, letter: int) -> None:
    assert _ids(database, Wanted(letter_id=letter)) == list(range(260, 130, -1))
    assert _ids(database, Wanted()) == list(range(260, 0, -1))


@pytest.mark.parametrize(
    ("show", "ids"),
    [
        (Show.FAILED, list(range(260, 139, -10))),
        (Show.BOUNCED, [142, 141, *range(260, 139, -10)]),
        (Show.CAME_BACK, [142, 141]),
        (Show.COMPLAINED, [143]),
        (Show.SENDING, [144]),
        (Show.READY, list(range(259, 250, -1))),
        (Show.UNCERTAIN, []),
    ],
)
def test_a_list_is_narrowed(database: Database, letter: int, show: Show, ids: list[int]) -> None:
    assert _ids(database, Wanted(letter_id=letter, show=show)) == ids


def test_what_is_accepted_comes_oldest_first(database: Database, letter: int) -> None:
    found = _ids(database, Wanted(letter_id=letter, show=Show.ACCEPTED))
    assert found == sorted(found)
    assert len(found) == 120 - 12 - 1


def test_an_address_is_found_in_all_letters(database: Database, letter: int) -> None:
    assert _ids(database, Wanted(address_key="reader-7@example.org")) == [138, 8]
    assert _ids(database, Wanted(address_key="reader-7@example.org", letter_id=letter, show=Show.FAILED)) == []


def test_a_group_that_a_letter_has_not_is_empty(database: Database, letter: int) -> None:
    assert _ids(database, Wanted(letter_id=letter, domain_group="gmail")) == []
    assert len(_ids(database, Wanted(letter_id=letter, domain_group="other"))) == 130


def test_a_page_that_is_cut_says_where_to_go_on(
    database: Database, letter: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "STRIDE", 20)
    with database.read() as session:
        sheet = lookup.find(session, Wanted(letter_id=letter, show=Show.ACCEPTED, after="250"))
        assert sheet.lines == []
        sheet = lookup.find(session, Wanted(letter_id=letter - 1, show=Show.ACCEPTED))
    assert (sheet.lines, sheet.is_cut, sheet.further) == ([], True, "20")
    assert _ids(database, Wanted(letter_id=letter, show=Show.READY)) == list(range(259, 250, -1))


def test_a_place_that_nobody_made_begins_anew(database: Database, letter: int) -> None:
    for after in ("x", "-1", "9" * 40, "２", "~", "2026-01-01~3", ""):
        with database.read() as session:
            assert len(lookup.find(session, Wanted(letter_id=letter, show=Show.BOUNCED, after=after)).lines) == 15


@pytest.mark.parametrize("show", Show)
@pytest.mark.parametrize("narrow", [{}, {"letter_id": 2}, {"address_key": "reader-7@example.org"}])
def test_no_list_is_found_by_reading_the_whole_ledger(
    database: Database, letter: int, show: Show, narrow: dict[str, object]
) -> None:
    if not database.is_sqlite:
        return  # PostgreSQL plans by statistics
    del letter
    seen: list[tuple[str, tuple[object, ...]]] = []
    with database.read() as session:
        connection = session.connection()

        @event.listens_for(connection, "before_cursor_execute")
        def _note(_c: object, _cursor: object, statement: str, values: tuple[object, ...], *_: object) -> None:
            seen.append((statement, values))

        lookup.find(session, Wanted(show=show, **narrow))  # type: ignore[arg-type]
        event.remove(connection, "before_cursor_execute", _note)
        for statement, values in seen:
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
            # A walk along the key is allowed only where a LIMIT stands on the rows that are walked over.
            walks = [step for step in plan if step == "SCAN deliveries"]
            assert not walks or show in {Show.ALL, Show.READY, Show.ACCEPTED}, (statement, plan)
            sorts = any("TEMP B-TREE" in step for step in plan)
            assert not sorts or "address_key" in narrow or show is Show.SENDING, (statement, plan)
