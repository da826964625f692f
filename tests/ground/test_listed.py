from __future__ import annotations

from sqlalchemy import select

from ground.database import Database
from ground.listed import numbers, on_sqlite, packed, texts_by_number

LARGE = 9_007_199_254_740_993


def test_numbers_in_one_parameter_come_back_as_they_were_on_either_database(database: Database) -> None:
    with database.read() as session:
        number = numbers("b_given", is_sqlite=on_sqlite(session))
        found = session.scalars(select(number).order_by(number), {"b_given": packed([3, LARGE, 2])})
        assert list(found) == [2, 3, LARGE]


def test_texts_in_one_parameter_come_back_by_their_numbers_on_either_database(database: Database) -> None:
    texts = {LARGE: "سەرەتا", 2: "'); DROP TABLE deliveries; --", 3: "", 4: None}
    with database.read() as session:
        columns = texts_by_number("b_given", is_sqlite=on_sqlite(session))
        found = session.execute(select(*columns), {"b_given": packed(texts)})
        assert dict(found.all()) == texts


def test_nothing_is_an_empty_table(database: Database) -> None:
    with database.read() as session:
        is_sqlite = on_sqlite(session)
        assert session.execute(select(numbers("b_given", is_sqlite=is_sqlite)), {"b_given": packed([])}).all() == []
        columns = texts_by_number("b_given", is_sqlite=is_sqlite)
        assert session.execute(select(*columns), {"b_given": packed({})}).all() == []
