"""Importing: the dry run tells what the run does, the run does it once, and whatever breaks off goes on."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, text

from ground.database import Database
from ground.tokens import KeyRing
from mailer import suppressions
from mailer.deliveries import Delivery
from mailer.suppressions import Cause, Suppression
from subscribers import admitting, erasure, exporting, importing, imports, leave
from subscribers.consents import Act, ConsentEvent, Evidence
from subscribers.exporting import Wanted
from subscribers.importing import Folder, Rehearsed
from subscribers.imports import Import, ImportMode, ImportState, Order, Upload
from subscribers.judging import Destination, Outcome, Terms
from subscribers.spreadsheet import NotCsv
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import Subscription, SubscriptionState
from tests.subscribers.test_opt_in import ask, confirm, edition  # noqa: F401 - a fixture

HEADER = "email,name,language,status,confirmed_at,source"


@dataclass
class Desk:
    """A list on its way in."""

    database: Database
    folder: Folder
    terms: Terms
    now: datetime

    def hand_in(self, *rows: str, header: str = HEADER) -> int:
        self.folder.path.mkdir(exist_ok=True)
        self.folder.upload.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        with self.database.write() as session:
            number = (session.scalar(select(func.max(Import.id))) or 0) + 1
            upload = Upload(folder=f"f{number}", file_name="readers.csv", file_hash=self.terms.file_hash, plan={})
            order = Order(edition_id=self.terms.edition_id, mode=self.terms.mode, source=self.terms.source)
            made = imports.add(session, upload, order, by="owner@example.org", now=self.now)
        importing.check(self.database, made.id, self.folder, self.terms, now=self.now)
        return made.id

    def begin(self, import_id: int) -> None:
        with self.database.write() as session:
            assert imports.begin(session, import_id, by="owner@example.org", now=self.now)

    def run(self, *rows: str, header: str = HEADER) -> Import:
        import_id = self.hand_in(*rows, header=header)
        self.begin(import_id)
        while importing.carry_on(self.database, import_id, self.folder, self.terms, now=self.now, batches=3):
            pass
        return self.look(import_id)

    def look(self, import_id: int) -> Import:
        with self.database.read() as session:
            return session.get_one(Import, import_id)

    def states(self) -> dict[str, str]:
        with self.database.read() as session:
            joined = select(Subscriber.address_key, Subscription.state).join(
                Subscription, Subscription.subscriber_id == Subscriber.id
            )
            return {key: state.value for key, state in session.execute(joined.order_by(Subscriber.id))}

    def errors(self) -> list[list[str]]:
        with self.folder.errors.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.reader(file))[1:]


def taken(found: Import) -> dict[str, int]:
    return {outcome: number for outcome, number in found.counts.items() if number}


@pytest.fixture
def desk(database: Database, edition: int, keys: KeyRing, now: datetime, tmp_path: Path) -> Desk:  # noqa: F811
    terms = Terms(
        mode=ImportMode.CONFIRMED,
        source="Newsletter form of the old site, 2019 to 2025",
        file_hash="f" * 64,
        edition_id=edition,
        destinations=(Destination(name="courier/ckb", edition_id=edition, language="ckb", variant_id=1),),
        keys=keys,
    )
    return Desk(database, Folder(tmp_path / "list"), terms, now)


def test_readers_come_in_with_the_evidence_of_their_consent(desk: Desk) -> None:
    found = desk.run("Ann@Example.org,Ann Lee,Arabic,active,2024-05-06 07:08:09,front page")
    assert (found.state, found.done, taken(found)) == (ImportState.FINISHED, 1, {"added": 1})
    with desk.database.read() as session:
        (person,) = session.scalars(select(Subscriber))
        (subscription,) = session.scalars(select(Subscription))
        (event,) = session.scalars(select(ConsentEvent))
    assert (person.address, person.name, person.language) == ("Ann@example.org", "Ann Lee", "ar")
    assert subscription.state is SubscriptionState.ACTIVE
    assert subscription.confirmed_at is not None
    assert subscription.confirmed_at.isoformat() == "2024-05-06T07:08:09+00:00"
    assert (event.act, event.at, event.source) == (Act.IMPORTED, desk.now, f"import:{'f' * 64}:2")
    assert event.wording == f"{desk.terms.source} (the list says: front page, 2024-05-06 07:08:09)"


def test_the_dry_run_changes_nobody_and_tells_what_the_run_then_does(desk: Desk) -> None:
    rows = ["a@example.org,,,,,", "a@EXAMPLE.org,,,,,", "no address,,,,,", "b@example.org,,,unsubscribed,,"]
    rows += ["c@example.org,,,bounced,,", "d@example.org,,,pending,,"]
    import_id = desk.hand_in(*rows)
    assert desk.states() == {}
    checked = desk.look(import_id)
    assert checked.state is ImportState.CHECKED
    assert sum(checked.expected.values()) == checked.rows == len(rows)
    promised = desk.errors()
    desk.begin(import_id)
    while importing.carry_on(desk.database, import_id, desk.folder, desk.terms, now=desk.now, batches=9):
        pass
    done = desk.look(import_id)
    assert done.counts == checked.expected
    assert taken(done) == {"added": 1, "noted": 2, "unconfirmed": 1, "repeated": 1, "unreadable": 1}
    assert desk.errors() == promised
    assert desk.states() == {"a@example.org": "active", "b@example.org": "ended"}


def test_running_the_same_list_again_changes_nothing(desk: Desk) -> None:
    rows = [f"r{n}@example.org,,,,," for n in range(250)] + [
        "x@example.org,,,unsubscribed,,",
        "y@example.org,,,cleaned,,",
    ]
    desk.run(*rows)
    before = desk.states()
    again = desk.run(*rows)
    assert taken(again) == {"unchanged": 250, "left": 1, "suppressed": 1}
    assert desk.states() == before
    with desk.database.read() as session:
        assert session.scalar(select(func.count()).select_from(ConsentEvent)) == 251
        earlier = imports.same_file(session, session.get_one(Import, again.id))
    assert earlier is not None
    assert earlier.id < again.id


def test_nobody_who_left_is_brought_back_and_nobody_suppressed_is_added(desk: Desk, database: Database) -> None:
    desk.run("left@example.org,,,,,", "forgotten@example.org,,,,,")
    with database.write() as session:
        subscription = session.scalars(select(Subscription)).first()
        assert subscription is not None
        leave.leave(session, subscription.id, Evidence(source="one-click"), now=desk.now)
        suppressions.suppress(session, "dead@example.org", Cause.HARD_BOUNCE, now=desk.now)
        erasure.forget(session, "forgotten@example.org", desk.terms.keys, by="owner@example.org", now=desk.now)
    before = desk.states()
    for mode in ImportMode:
        desk.terms = replace(desk.terms, mode=mode)
        found = desk.run("left@example.org,,,,,", "dead@example.org,,,,,", "Forgotten@example.org,,,,,")
        assert taken(found) == {"left": 1, "suppressed": 2}
        assert desk.states() == before
    assert [row[:2] for row in desk.errors()] == [
        ["2", "they left here on 2026-03-09 and are not brought back; they can sign up again"],
        ["3", "mail to this address came back: there is no such mailbox"],
        ["4", "they asked to be forgotten and are not mailed again"],
    ]


def test_who_must_confirm_is_asked_by_letter_at_a_pace_and_only_once(desk: Desk) -> None:
    desk.terms = replace(desk.terms, mode=ImportMode.MUST_CONFIRM)
    rows = [f"r{n}@example.org,Name {n},,,," for n in range(7)]
    import_id = desk.hand_in(*rows)
    desk.begin(import_id)
    start, letters = desk.now, []
    while desk.look(import_id).state is ImportState.RUNNING:
        importing.carry_on(desk.database, import_id, desk.folder, desk.terms, now=desk.now, batches=50)
        desk.now += timedelta(seconds=1)
        with desk.database.read() as session:
            letters.append(session.scalar(select(func.count()).select_from(Delivery)))
    assert letters[-1] == 7
    assert desk.now - start >= timedelta(seconds=7)
    assert all(number <= 3 + second for second, number in enumerate(letters) if number is not None)
    assert set(desk.states().values()) == {"pending"}
    with desk.database.read() as session:
        payload = session.scalars(select(Delivery.fields).order_by(Delivery.id)).first()
        assert session.scalars(select(Subscriber.name).order_by(Subscriber.id)).first() == "Name 0"
    assert payload is not None
    confirm(desk.database, payload["confirm_url"], desk.now)
    assert desk.states()["r0@example.org"] == "active"
    desk.now += timedelta(days=3)
    again = desk.run(*rows)
    assert taken(again) == {"unchanged": 1, "waiting": 6}
    with desk.database.read() as session:
        assert session.scalar(select(func.count()).where(Delivery.fields.is_not(None))) == 8  # and one welcome


def test_who_was_asked_and_is_vouched_for_now_is_in(desk: Desk, edition: int) -> None:  # noqa: F811
    ask(desk.database, edition, "a@example.org", desk.now)
    assert taken(desk.run("a@example.org,,,,,")) == {"added": 1}
    assert desk.states() == {"a@example.org": "active"}


@pytest.mark.parametrize("broken_after", ["the rows were judged", "the error file was written"])
def test_a_run_that_was_broken_off_goes_on_where_it_stood(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, broken_after: str
) -> None:
    rows = [f"r{n}@example.org,,,,," if n % 3 else f"bad row {n},,,,," for n in range(500)]
    import_id = desk.hand_in(*rows)
    promised = desk.errors()
    desk.begin(import_id)

    class KilledError(Exception):
        pass

    real: Callable[..., None] = admitting.admit if "judged" in broken_after else importing._advance
    calls = 0

    def dies(*given: object, **named: object) -> None:
        nonlocal calls
        calls += 1
        if "judged" not in broken_after:
            real(*given, **named)
        if calls == 3:
            raise KilledError
        if "judged" in broken_after:
            real(*given, **named)

    place = admitting if "judged" in broken_after else importing
    monkeypatch.setattr(place, "admit" if "judged" in broken_after else "_advance", dies)
    with pytest.raises(KilledError):
        importing.carry_on(desk.database, import_id, desk.folder, desk.terms, now=desk.now, batches=99)
    half = desk.look(import_id)
    assert (half.state, half.done) == (ImportState.RUNNING, 200)
    monkeypatch.undo()
    while importing.carry_on(desk.database, import_id, desk.folder, desk.terms, now=desk.now, batches=1):
        pass
    done = desk.look(import_id)
    assert (done.state, done.done, done.counts) == (ImportState.FINISHED, 500, done.expected)
    assert desk.errors() == promised
    with desk.database.read() as session:
        assert session.scalar(select(func.count()).select_from(ConsentEvent)) == 333


def test_two_that_carry_on_with_one_list_do_each_row_once(desk: Desk) -> None:
    from concurrent.futures import ThreadPoolExecutor

    import_id = desk.hand_in(*[f"r{n}@example.org,,,,," for n in range(1_000)])
    desk.begin(import_id)

    def carry(_: int) -> None:
        while desk.look(import_id).state is ImportState.RUNNING:
            importing.carry_on(desk.database, import_id, desk.folder, desk.terms, now=desk.now, batches=2)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(carry, range(2)))
    done = desk.look(import_id)
    assert (done.done, taken(done)) == (1_000, {"added": 1_000})


class FolderOfTheSlower(Folder):
    """Its rows are asked for just after another has done the last of them."""

    another: Callable[[], object]

    @property
    def rows(self) -> Path:
        self.another()
        return super().rows


def test_who_comes_just_after_the_last_row_was_done_finds_nothing_to_do(desk: Desk) -> None:
    import_id = desk.hand_in("a@example.org,,,,,")
    desk.begin(import_id)
    slower = FolderOfTheSlower(desk.folder.path)
    object.__setattr__(slower, "another", lambda: carry_to_the_end(desk, import_id))
    assert not importing.carry_on(desk.database, import_id, slower, desk.terms, now=desk.now, batches=1)
    assert (desk.look(import_id).done, desk.look(import_id).state) == (1, ImportState.FINISHED)


def test_rows_that_are_lost_while_the_list_runs_are_not_taken_for_its_end(desk: Desk) -> None:
    import_id = desk.hand_in("a@example.org,,,,,")
    desk.begin(import_id)
    desk.folder.rows.unlink()
    with pytest.raises(FileNotFoundError, match="are gone, and it is not finished"):
        importing.carry_on(desk.database, import_id, desk.folder, desk.terms, now=desk.now, batches=1)
    assert desk.look(import_id).state is ImportState.RUNNING


def carry_to_the_end(desk: Desk, import_id: int) -> None:
    while importing.carry_on(desk.database, import_id, desk.folder, desk.terms, now=desk.now, batches=3):
        pass


def test_the_list_itself_is_deleted_when_it_is_done_with(desk: Desk) -> None:
    found = desk.run("a@example.org,,,,,", "bad,,,,,")
    assert not desk.folder.upload.exists()
    assert not desk.folder.rows.exists()
    assert desk.folder.errors.stat().st_size == found.errors_size
    with desk.database.write() as session:
        assert imports.outlived(session, now=desk.now + timedelta(days=29)) == []
        assert imports.outlived(session, now=desk.now + timedelta(days=31)) == ["f1"]


def test_a_list_brings_nobody_back_who_left_and_whose_address_was_typed_into_the_form_again(
    desk: Desk, database: Database
) -> None:
    desk.run("left@example.org,,,,,")
    with database.write() as session:
        number = session.scalars(select(Subscription.id)).one()
        leave.leave(session, number, Evidence(source="page"), now=desk.now)
    assert desk.terms.edition_id is not None
    ask(database, desk.terms.edition_id, "left@example.org", desk.now)
    assert desk.states() == {"left@example.org": "pending"}
    again = desk.run("left@example.org,,,,,", "new@example.org,,,,,")
    assert taken(again) == {"added": 1, "waiting": 1}
    assert desk.states()["left@example.org"] == "pending"
    assert "they left here once" in str(desk.errors())


def test_who_was_forgotten_is_named_in_no_error_file(desk: Desk, database: Database) -> None:
    bad = '"=1, Ann@Example.org",not an address,,,,'
    first = desk.run("a@example.org,,,,,", bad, '"x\ny","\'=2",,,,')
    before = desk.folder.errors.read_bytes()
    assert b"Ann@Example.org" in before
    desk.folder.forget("ann@example.org")
    after = desk.folder.errors.read_bytes()
    assert after == b"".join(line for line in before.splitlines(keepends=True) if b"Ann@" not in line)
    with database.write() as session:
        erasure.forget(session, "ann@example.org", desk.terms.keys, by="owner@example.org", now=desk.now)
    assert first.state is ImportState.FINISHED
    assert taken(desk.run("ann@example.org,Ann Lee,,,,")) == {"suppressed": 1}
    assert b"ann" not in desk.folder.errors.read_bytes().lower()


def test_the_error_file_is_safe_to_open(desk: Desk) -> None:
    desk.run('"=HYPERLINK(""http://evil.example"")",@SUM(1),+1,-1,＝1,\t=1')
    raw = desk.folder.errors.read_text(encoding="utf-8-sig")
    assert '"\'=HYPERLINK(""http://evil.example"")","\'@SUM(1)","\'+1","\'-1","\'＝1"' in raw


def test_rows_of_other_editions_stay_out_of_this_one(desk: Desk, edition: int) -> None:  # noqa: F811
    there = Destination(name="courier/en", edition_id=edition + 1, language="en")
    desk.terms = replace(desk.terms, destinations=(*desk.terms.destinations, there))
    found = desk.run("a@example.org,courier/en", "b@example.org,courier/ckb", "c@example.org,", header="email,edition")
    assert taken(found) == {"added": 2, "elsewhere": 1}
    desk.terms = replace(desk.terms, edition_id=None)
    found = desk.run("d@example.org,courier/ckb", "e@example.org,", "f@example.org,else/en", header="email,edition")
    assert taken(found) == {"added": 1, "elsewhere": 2}
    assert [row[1] for row in desk.errors()] == [
        "the row names no edition; choose one for the whole file",
        "the row is of the edition “else/en”, which is not part of this import",
    ]


def test_what_was_exported_comes_back_the_same(desk: Desk, database: Database, edition: int) -> None:  # noqa: F811
    rows = [f"r{n}@example.org,=Name {n},ar,,2024-01-02 03:04:05," for n in range(1_200)]
    desk.run(*rows, "+tag@example.org,'quoted,,,,", "gone@example.org,,,unsubscribed,,")
    names = {edition: "courier/ckb"}
    first = b"".join(exporting.export(database, Wanted(), names, now=desk.now))
    with database.read() as session:
        before = [tuple(row) for row in session.execute(_PEOPLE)]
    assert first.decode("utf-8-sig").count("\r\n") == 1_203
    with database.write() as session:
        kept = "" if database.is_sqlite else " ON consent_events"
        session.execute(text(f"DROP TRIGGER consent_events_stay{kept}"))
        for table in (ConsentEvent, Subscription, Subscriber):
            session.execute(delete(table))
    desk.folder.path.mkdir(exist_ok=True)
    desk.terms = replace(desk.terms, edition_id=None)
    header, *lines = first.decode("utf-8-sig").split("\r\n")
    done = desk.run(*lines[:-1], header=header)
    assert taken(done) == {"added": 1_201, "noted": 1}
    with database.read() as session:
        assert [tuple(row) for row in session.execute(_PEOPLE)] == before
    only = b"".join(
        exporting.export(database, Wanted(edition_id=edition, state=SubscriptionState.ENDED), names, now=desk.now)
    )
    assert only.decode("utf-8-sig").count("\r\n") == 2


_PEOPLE = (
    select(Subscriber.address, Subscriber.name, Subscriber.language, Subscription.state, Subscription.confirmed_at)
    .join(Subscription, Subscription.subscriber_id == Subscriber.id)
    .order_by(Subscriber.address)
)


def test_a_file_that_is_no_list_stops_with_its_reason(desk: Desk) -> None:
    desk.folder.path.mkdir()
    import_id = desk.hand_in("1;2", header="%PDF-1.7")
    stopped = desk.look(import_id)
    assert stopped.state is ImportState.STOPPED
    assert stopped.problem is not None
    assert "PDF" in stopped.problem
    assert not desk.folder.path.exists()


def test_a_rehearsal_needs_no_import(desk: Desk) -> None:
    desk.folder.path.mkdir()
    desk.folder.upload.write_text("email\na@example.org\n")
    told: list[tuple[int, int]] = []
    found = importing.rehearse(
        desk.database, desk.folder, desk.terms, now=desk.now, told=lambda *done: told.append(done)
    )
    assert isinstance(found, Rehearsed)
    assert (found.rows, found.expected[Outcome.ADDED], told) == (1, 1, [(1, 1)])
    desk.folder.upload.write_text("")
    assert isinstance(importing.rehearse(desk.database, desk.folder, desk.terms, now=desk.now), NotCsv)


def test_an_address_that_must_not_be_mailed_is_kept_with_the_lists_word(desk: Desk) -> None:
    desk.run("a@example.org,,,blocklisted,,")
    with desk.database.read() as session:
        (found,) = session.scalars(select(Suppression))
    assert (found.address_key, found.cause, found.note) == (
        "a@example.org",
        Cause.MANUAL,
        f"imported: {desk.terms.source}",
    )
