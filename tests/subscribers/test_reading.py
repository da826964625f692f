"""Reading a list of readers: whatever the file is, it ends as checked rows or as one clear sentence."""

from __future__ import annotations

import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers import exporting, reading, spreadsheet
from subscribers.columns import Meaning
from subscribers.reading import Entry, Plan
from subscribers.spreadsheet import LONGEST_LINE, NotCsv

NOW = datetime(2026, 3, 9, 4, tzinfo=UTC)


def planned(path: Path) -> Plan:
    plan = reading.plan(path)
    assert isinstance(plan, Plan), plan
    return plan


def read(folder: Path, raw: bytes | str) -> list[Entry]:
    path = folder / "list.csv"
    path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
    return list(reading.entries(path, planned(path), now=NOW))


def refused(folder: Path, raw: bytes | str) -> str:
    path = folder / "list.csv"
    path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
    plan = reading.plan(path)
    assert isinstance(plan, NotCsv), plan
    return plan.problem


NAMES = ["ئەحمەد", "ڕێبین", "Zoë"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_list_reads_the_same_however_it_is_written(tmp_path: Path, encoding: str, separator: str, end: str) -> None:
    rows = [["Email", "Name"], *([f"r{n}@example.org", name] for n, name in enumerate(NAMES))]
    raw = "".join(separator.join(row) + end for row in rows).encode(encoding)
    assert [(entry.address, entry.name) for entry in read(tmp_path, raw)] == [
        (f"r{n}@example.org", name) for n, name in enumerate(NAMES)
    ]


@pytest.mark.parametrize(
    ("encoding", "name", "said"),
    [("cp1256", "محمد الجواهري", "Windows-1256"), ("cp1252", "Jürgen Müßig", "Windows-1252")],
)
def test_a_guessed_encoding_is_said(tmp_path: Path, encoding: str, name: str, said: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(f"email;name\r\na@example.org;{name}\r\n".encode(encoding))
    plan = planned(path)
    assert any(said in sentence for sentence in plan.assumptions)
    assert [entry.name for entry in reading.entries(path, plan, now=NOW)] == [name]


def test_one_broken_byte_does_not_make_a_utf8_file_another(tmp_path: Path) -> None:
    raw = b"email,name\n" + "a@example.org,ئەحمەد کەریم\n".encode() * 3 + b"b@example.org,bad\xff\n"
    assert [entry.name for entry in read(tmp_path, raw)] == ["ئەحمەد کەریم"] * 3 + ["bad\ufffd"]


def test_files_of_another_kind_are_told_by_what_they_are(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "book.xlsx", "w") as book:
        book.writestr("xl/workbook.xml", "<workbook/>")
    assert "Excel" in refused(tmp_path, (tmp_path / "book.xlsx").read_bytes())
    assert "PDF" in refused(tmp_path, b"%PDF-1.7\n...")
    assert "web page" in refused(tmp_path, "<!doctype html><table><tr><td>a@example.org")
    assert "JSON" in refused(tmp_path, '[{"email": "a@example.org"}]')
    assert "no text" in refused(tmp_path, bytes(range(256)) * 40)
    assert "empty" in refused(tmp_path, b"\xef\xbb\xbf \r\n")


def test_a_file_without_addresses_names_the_columns_there_are(tmp_path: Path) -> None:
    told = refused(tmp_path, "Vorname;Telefon;Stadt\nJo;0664;Graz\n")
    assert "“Vorname”, “Telefon”, “Stadt”" in told
    assert "“email”" in told


def test_a_list_without_a_header_is_read_by_its_addresses(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("Ann,ann@example.org\nBob,bob@example.org\n")
    plan = planned(path)
    assert plan.assumptions == ["The file has no header; column 2 holds addresses, and nothing else of it is read."]
    assert [entry.address for entry in reading.entries(path, plan, now=NOW)] == ["ann@example.org", "bob@example.org"]


@pytest.mark.parametrize(
    ("header", "row", "wish", "name"),
    [
        (
            "uuid,email,name,attributes,status,created_at",
            'u,a@example.org,Ann,"{""x"": 1}",enabled,2024-01-02',
            "join",
            "Ann",
        ),
        (
            "uuid,email,name,attributes,status,created_at",
            "u,a@example.org,Ann,{},blocklisted,2024-01-02",
            "blocked",
            "Ann",
        ),
        (
            "Email Address,First Name,Last Name,CONFIRM_TIME",
            "a@example.org,Ann,Lee,2024-01-02 10:00:00",
            "join",
            "Ann Lee",
        ),
        ("Email Address,First Name,UNSUB_TIME,UNSUB_REASON", "a@example.org,Ann,2024-01-02 10:00:00,", "left", "Ann"),
        ("Email Address,First Name,CLEAN_TIME", "a@example.org,Ann,2024-01-02 10:00:00", "blocked", "Ann"),
        ("id,email,name,subscribed_to_emails,created_at", "1,a@example.org,Ann,true,2024-01-02", "join", "Ann"),
        ("id,email,name,subscribed_to_emails,created_at", "1,a@example.org,Ann,false,2024-01-02", "left", "Ann"),
        ("email,active_subscription,email_disabled,created_at", "a@example.org,false,false,2024-01-02", "join", None),
        ("email,active_subscription,email_disabled,created_at", "a@example.org,true,true,2024-01-02", "left", None),
        ("البريد الإلكتروني,الاسم,الحالة", "a@example.org,سارة,ملغى", "left", "سارة"),
        ("ئیمەیڵ,ناو,دۆخ", "a@example.org,نەورۆز,چالاک", "join", "نەورۆز"),
        ("email,status", "a@example.org,Unconfirmed", "waits", None),
    ],
)
def test_other_tools_exports_mean_what_they_say(
    tmp_path: Path, header: str, row: str, wish: str, name: str | None
) -> None:
    (entry,) = read(tmp_path, f"{header}\n{row}\n")
    assert (entry.address, entry.wish.value, entry.name) == ("a@example.org", wish, name)


def test_columns_that_are_not_read_are_shown_too(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("E-Mail;Vorwahl;Sprache_x;language\n")
    assert planned(path).columns.told() == [
        ("E-Mail", Meaning.ADDRESS),
        ("Vorwahl", None),
        ("Sprache_x", None),
        ("language", Meaning.LANGUAGE),
    ]


def test_a_bad_row_never_stops_the_rest(tmp_path: Path) -> None:
    rows = [
        "email,name",
        "a@example.org,Ann",
        "no address here,Bob",
        "short",
        f"{'x' * (LONGEST_LINE * 3)},Long",
        'b@example.org,"never closed',
        "c@example.org,Cem",
        '"d@example.org","two\nlines, one name"',
        "e@exam ple.org,Eve",
        "f@example.org\x00,Nul",
        "g@example.org,Gül,too,many,cells",
    ]
    found = read(tmp_path, "\n".join(rows))
    assert [(entry.address, entry.problem) for entry in found] == [
        ("a@example.org", None),
        ("", "the address has no @"),
        ("", "the address has no @"),
        ("", f"the line has more than {LONGEST_LINE:,} characters"),
        ("", "a quotation mark in this line is never closed"),
        ("c@example.org", None),
        ("d@example.org", None),
        ("", "the address has a blank in it"),
        ("", "this is no email address"),
        ("g@example.org", None),
    ]
    assert [entry.row for entry in found] == [2, 3, 4, 5, 6, 7, 8, 10, 11, 12]
    assert found[6].name == "two lines, one name"


def test_a_line_of_many_megabytes_is_passed_over_without_being_held(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "list.csv"
    with path.open("wb") as file:
        file.write(b"email\na@example.org\n")
        for _ in range(60):
            file.write(b"x" * 1_000_000)
        file.write(b"\nb@example.org\n")
    tracemalloc.start()
    found = list(reading.entries(path, planned(path), now=NOW))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [entry.address for entry in found] == ["a@example.org", "", "b@example.org"]
    assert peak < 4_000_000


def test_the_second_row_of_a_reader_is_marked_and_rows_come_back_from_their_file(tmp_path: Path) -> None:
    path, rows = tmp_path / "list.csv", tmp_path / "rows"
    path.write_text("email,confirmed_at\nA@example.org,2024-01-02T03:04:05+03:00\na@EXAMPLE.org,\nb@example.org,x\n")
    assert reading.write(path, planned(path), rows, now=NOW) == 3
    first, place = reading.read(rows, 0, 2)
    rest, end = reading.read(rows, place, 50)
    assert [entry.is_repeated for entry in [*first, *rest]] == [False, True, False]
    assert first[0].agreed_at == datetime(2024, 1, 2, 0, 4, 5, tzinfo=UTC)
    assert reading.read(rows, end, 50) == ([], end)


def test_evidence_that_stays_for_good_takes_no_address_in(tmp_path: Path) -> None:
    (entry,) = read(tmp_path, "email,consent_source,created_at\na@example.org,signed by a@example.org,2024-01-02\n")
    assert entry.agreed == "2024-01-02"


def test_names_bring_no_control_characters_along(tmp_path: Path) -> None:
    (entry,) = read(tmp_path, 'email,name\na@example.org,"Ann\u202e \x07\tLee\n=1+1"\n')
    assert entry.name == "Ann Lee =1+1"


@given(st.binary(max_size=3_000))
def test_no_bytes_break_the_reader(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        path.write_bytes(raw)
        plan = reading.plan(path)
        if isinstance(plan, Plan):
            reading.write(path, plan, Path(folder) / "rows", now=NOW)
        else:
            assert plan.problem.endswith((".", "again."))


CELLS = st.text(st.characters(exclude_categories=["Cc"]), max_size=60) | st.sampled_from(
    ["a@example.org", "=1+1", '"', "x\r\ny", "٣", "\ufeff"]
)


@given(st.lists(st.lists(CELLS, min_size=1, max_size=5), max_size=30))
def test_every_row_that_was_written_is_read_once(rows: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        cells = [["email", "name"], *rows]
        path.write_bytes(b"".join(exporting.line(row) for row in cells))
        plan = planned(path)
        found = list(spreadsheet.records(path, plan.form))
        written = [[exporting.safe(cell) for cell in row] for row in cells]
        kept = [row for row in written if any(cell.strip() for cell in row)]
        assert len(found) == len(kept)


@given(st.text(max_size=40))
def test_what_a_cell_said_comes_back(text: str) -> None:
    assert exporting.plain(exporting.safe(text)) == text
    assert (
        not exporting.safe(text).lstrip(" \u00a0").startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"))
    )
