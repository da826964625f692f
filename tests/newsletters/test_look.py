"""Looks are data: checked when they are saved, audited, and worn by the letters that are made afterwards."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

import pytest
from PIL import Image
from sqlalchemy import select

from articles.resize import Resized, Unusable
from ground.database import Database
from newsletters import logos, look, newsletters
from newsletters.look import Look, NoEdition, Overtaken, Unfit
from newsletters.newsletters import Edition, NewEdition, NewNewsletter, Newsletter
from newsletters.sender import sender_of
from staff.members import AuditEntry

_BASE = "https://news.example.org"
_BY = "editor@news.example.org"
DARK_RED = Look(
    brand="#8b1a1a",
    brand_dark="#ffb3a7",
    latin="palatino",
    postal_address="14 Bridge Street, Zeryan",
    masthead="Independent since 1924",
    footer="Press licence 12",
    why="You asked for it in our shop.",
)


@pytest.fixture
def editions(database: Database, now: datetime) -> dict[str, int]:
    with database.write() as session:
        new = NewNewsletter(
            slug="morning",
            publisher="The Zagros Courier",
            sender_address="briefing@zagroscourier.example",
            reply_to="desk@zagroscourier.example",
            postal_address="14 Bridge Street, Zeryan",
            site_url="https://zagroscourier.example",
        )
        newsletter = newsletters.add(session, new, now=now)
        assert isinstance(newsletter, Newsletter)
        made = {}
        for language in ("en", "ar"):
            form = NewEdition(language=language, title="Morning", tagline="x", frequency="daily", zone="Asia/Baghdad")
            edition = newsletters.add_edition(session, newsletter.id, form, now=now)
            assert isinstance(edition, Edition)
            made[language] = edition.id
    return made


def kept(database: Database, edition_id: int) -> tuple[Newsletter, Edition]:
    with database.read() as session:
        found = newsletters.edition_by_id(session, edition_id)
        assert found is not None
        return found


def change(
    database: Database, edition_id: int, wanted: Look, now: datetime, seen: str | None = None
) -> Look | Unfit | Overtaken | NoEdition:
    with database.write() as session:
        return look.change(session, edition_id, wanted, seen=seen, by=_BY, now=now)


def picture(width: int, height: int, kind: str = "PNG") -> bytes:
    held = io.BytesIO()
    Image.new("RGBA" if kind == "PNG" else "RGB", (width, height)).save(held, kind)
    return held.getvalue()


async def read(body: bytes) -> Resized | Unusable:
    with ThreadPoolExecutor(1) as executor:
        return await logos.read(executor, body)


def test_a_saved_look_is_worn_by_the_editions_letters(
    database: Database, editions: dict[str, int], now: datetime
) -> None:
    assert change(database, editions["en"], DARK_RED, now) == DARK_RED
    sender = sender_of(*kept(database, editions["en"]), _BASE)
    theme = sender.theme
    assert (theme.brand, theme.brand_dark, theme.latin) == ("#8b1a1a", "#ffb3a7", "palatino")
    assert (theme.masthead, theme.footer) == ("Independent since 1924", "Press licence 12")
    assert look.of(*kept(database, editions["en"])) == DARK_RED


def test_colours_are_the_newsletters_and_lines_the_editions(
    database: Database, editions: dict[str, int], now: datetime
) -> None:
    change(database, editions["en"], replace(DARK_RED, digits="arabic-indic"), now)
    change(database, editions["ar"], replace(DARK_RED, masthead="", why="", postal_address="١٤ شارع الجسر، زريان"), now)
    assert sender_of(*kept(database, editions["ar"]), _BASE).postal_address == "١٤ شارع الجسر، زريان"
    assert sender_of(*kept(database, editions["en"]), _BASE).postal_address == "14 Bridge Street, Zeryan"
    arabic = sender_of(*kept(database, editions["ar"]), _BASE).theme
    assert arabic.brand == "#8b1a1a"
    assert (arabic.masthead, arabic.why, arabic.digits) == ("", "", None)


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"brand": "#ffcc00"}, "brand", "contrast of 1.4:1"),
        ({"brand": "red;}"}, "brand", "no colour"),
        ({"brand_dark": "#401010"}, "brand_dark", "on dark paper"),
        ({"latin": "Comic Sans;"}, "latin", "none of them"),
        ({"arabic": "georgia"}, "arabic", "none of them"),
        ({"digits": "roman"}, "digits", "none of them"),
        ({"why": "x" * 301}, "why", "301 characters"),
        ({"postal_address": "\u202e \n"}, "postal_address", "the law asks"),
    ],
)
def test_a_look_that_could_not_be_read_is_refused_and_nothing_is_stored(
    database: Database, editions: dict[str, int], now: datetime, typed: dict[str, str], field: str, said: str
) -> None:
    before = look.of(*kept(database, editions["en"]))
    outcome = change(database, editions["en"], replace(DARK_RED, **typed), now)
    assert isinstance(outcome, Unfit)
    assert said in outcome.problems[field]
    assert look.of(*kept(database, editions["en"])) == before


def test_what_turns_text_around_is_taken_out_of_a_line(
    database: Database, editions: dict[str, int], now: datetime
) -> None:
    saved = change(database, editions["en"], replace(DARK_RED, masthead=" A\u202e paper\r\nof ours "), now)
    assert isinstance(saved, Look)
    assert saved.masthead == "A paper of ours"


def test_two_editors_do_not_overwrite_each_other(database: Database, editions: dict[str, int], now: datetime) -> None:
    seen = look.version(look.of(*kept(database, editions["en"])))
    assert isinstance(change(database, editions["en"], DARK_RED, now, seen), Look)
    overtaken = change(database, editions["en"], replace(DARK_RED, footer="Mine"), now, seen)
    assert overtaken == Overtaken(DARK_RED, _BY)
    assert change(database, 999, DARK_RED, now) == NoEdition()


def test_the_trail_says_what_was_changed_and_nothing_where_nothing_was(
    database: Database, editions: dict[str, int], now: datetime
) -> None:
    for _ in range(2):
        change(database, editions["en"], DARK_RED, now)
    with database.read() as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.act == "edition.look"))
    assert (entry.actor, entry.subject) == (_BY, f"edition:{editions['en']}")
    assert entry.detail["brand"] == "#8b1a1a"
    assert "postal_address" not in entry.detail


async def test_a_logo_is_kept_under_its_contents_name_and_letters_show_ours(
    database: Database, editions: dict[str, int], now: datetime
) -> None:
    made = await read(picture(900, 220))
    assert isinstance(made, Resized)
    assert made.width == 600
    with database.write() as session:
        logo = logos.keep(session, made, now=now)
        assert logos.keep(session, made, now=now).name == logo.name
        look.put_logo(session, editions["en"], logo, for_dark=False, by=_BY, now=now)
    theme = sender_of(*kept(database, editions["ar"]), _BASE).theme
    assert theme.logo_url == f"{_BASE}/logos/{logo.name}"
    assert theme.logo_width == 300
    with database.write() as session:
        look.put_logo(session, editions["en"], None, for_dark=False, by=_BY, now=now)
        assert logos.find(session, logo.name) is not None  # letters that were sent show it
    assert sender_of(*kept(database, editions["en"]), _BASE).theme.logo_url is None


async def test_a_square_logo_does_not_fill_the_screen(database: Database, now: datetime) -> None:
    made = await read(picture(600, 600, "JPEG"))
    assert isinstance(made, Resized)
    with database.write() as session:
        assert logos.keep(session, made, now=now).shown_width == 110


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "No file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no JPEG, PNG"),
        (picture(100, 40), "only 100 pixels"),
        (b"\0" * (logos.MAX_BYTES + 1), "more than 2 MB"),
        (picture(400, 100)[:60], "broken"),
    ],
)
async def test_what_is_no_logo_is_refused_in_words(body: bytes, said: str) -> None:
    made = await read(body)
    assert isinstance(made, Unusable)
    assert said in made.reason


def test_a_logo_that_stands_elsewhere_is_left_there(database: Database, editions: dict[str, int]) -> None:
    with database.write() as session:
        newsletter = session.scalars(select(Newsletter)).one()
        newsletter.theme = {"logo_url": "https://cdn.example/logo.png", "unknown": 1}
    assert sender_of(*kept(database, editions["en"]), _BASE).theme.logo_url == "https://cdn.example/logo.png"
