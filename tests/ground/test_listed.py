from __future__ import annotations

from sqlalchemy import Integer, String, select

from ground.database import Database, RowId
from ground.listed import listed, on_sqlite, packed


def test_rows_in_one_parameter_come_back_as_they_were_on_either_database(database: Database) -> None:
    rows = [(9_007_199_254_740_993, "سەرەتا", None), (2, "'); DROP TABLE deliveries; --", 250), (3, "", -1)]
    with database.read() as session:
        columns = listed("rows", RowId, String(), Integer(), is_sqlite=on_sqlite(session))
        found = session.execute(select(*columns).order_by(columns[0]), {"rows": packed(rows)})
        assert [tuple(row) for row in found] == sorted(rows)


def test_no_rows_are_an_empty_table(database: Database) -> None:
    with database.read() as session:
        columns = listed("rows", Integer(), is_sqlite=on_sqlite(session))
        assert session.execute(select(*columns), {"rows": packed([])}).all() == []
