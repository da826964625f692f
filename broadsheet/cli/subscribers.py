"""`broadsheet subscribers`: lists in and out, and one person's record."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy.orm import Session

from broadsheet.cli import answers
from broadsheet.cli.answers import AddressName, AsJson, read_address
from broadsheet.settings import load
from broadsheet.wiring import House
from newsletters import arrivals, newsletters
from newsletters.arrivals import Received
from subscribers import erasure, exporting, importing, imports, person, subscribers
from subscribers.erasure import InFlight
from subscribers.exporting import Wanted
from subscribers.importing import Folder, Rehearsed, Told
from subscribers.imports import Import, ImportMode, ImportState, Order
from subscribers.judging import Outcome
from subscribers.spreadsheet import NotCsv
from subscribers.subscriptions import SubscriptionState

app = typer.Typer(help="Readers: import, export, one person's record, erasure.", no_args_is_help=True)

_HERE = "command line"
EditionOption = Annotated[
    str | None, typer.Option("--edition", help="An edition as newsletter/language; without it each row names its own.")
]
StateOption = Annotated[SubscriptionState | None, typer.Option("--state", help="Only subscriptions in this state.")]


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="A CSV file: listmonk, Mailchimp, Ghost, Substack, a spreadsheet, ours.")
    ],
    *,
    source: Annotated[str, typer.Option(help="Where these people agreed, and when; kept as evidence with each.")],
    mode: Annotated[ImportMode, typer.Option(help="Whether they agreed already, or are asked by letter.")],
    edition: EditionOption = None,
    run: Annotated[bool, typer.Option("--run", help="Do it. Without this nothing is written: a dry run.")] = False,
    errors: Annotated[
        Path | None, typer.Option(help="Where to write the rows that are not taken, with reasons.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import a list of readers; a dry run unless --run is given. Exit code 1 when rows were not taken."""
    if len(source.strip()) < 5:
        answers.refuse(
            "Say with --source where these people agreed, and when. It is kept as evidence of their consent."
        )
    with House(load()) as house:
        house.require_tables()
        order = Order(edition_id=_edition_id(house, edition), mode=mode, source=source.strip())
        told = _run(house, file, order, errors) if run else _rehearse(house, file, order, errors)
    counts = told["rows"]
    lost = sum(counts[outcome] for outcome in _LOST)
    answers.facts(told, as_json=as_json)
    if not as_json:
        typer.echo(_closing(told, lost, errors))
    raise typer.Exit(1 if lost else 0)


@app.command()
def export(*, edition: EditionOption = None, state: StateOption = None, as_json: AsJson = False) -> None:
    """Write readers as CSV to standard output, as a spreadsheet may open it and an import reads it back."""
    with House(load()) as house:
        house.require_tables()
        wanted = Wanted(edition_id=_edition_id(house, edition), state=state)
        with house.database.read() as session:
            named = arrivals.names(session)
        if as_json:
            answers.rows(list(exporting.rows(house.database, wanted, named, now=house.clock())), as_json=True, empty="")
            return
        for piece in exporting.export(house.database, wanted, named, now=house.clock()):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """How many subscriptions each edition has, by state."""
    from subscribers import subscriptions

    with House(load()) as house:
        house.require_tables()
        with house.database.read() as session:
            counts = subscriptions.count(session)
            named = arrivals.names(session)
    nobody = dict.fromkeys(SubscriptionState, 0)
    rows = [
        {"edition": name} | {state.value: number for state, number in counts.get(number_, nobody).items()}
        for number_, name in named.items()
    ]
    answers.rows(rows, as_json=as_json, empty="There is no edition yet. Next: broadsheet newsletter edition --help")


@app.command()
def show(who: AddressName, *, as_json: AsJson = False) -> None:
    """All that is held about one person: subscriptions, consents, messages with the servers' replies."""
    found = read_address(who)
    with House(load()) as house:
        house.require_tables()
        with house.database.read() as session:
            subscriber = subscribers.find(session, found)
            if subscriber is None:
                answers.refuse(f"No reader has the address {found}. One who was forgotten is found no more.")
            held = person.hand_over(session, subscriber.id, arrivals.names(session), now=house.clock())
    assert held is not None
    if as_json:
        typer.echo(json.dumps(held, default=_plain, ensure_ascii=False, indent=2))
        return
    answers.facts(held["subscriber"], as_json=False)
    for name in ("subscriptions", "consents", "messages"):
        typer.echo(f"\n{name}")
        answers.rows([_brief(row) for row in held[name]], as_json=False, empty="none")


@app.command()
def forget(
    who: AddressName,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a person for good; only a hash stays, so that no list and no form brings the address back."""
    found = read_address(who)
    if not yes:
        if as_json or not sys.stdin.isatty():
            answers.refuse(f"{found} would be forgotten, and there is no way back. Give --yes to do it.")
        typer.confirm(f"Forget {found}? Name and address go from every record, and there is no way back.", abort=True)
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            done = erasure.forget(session, found.key, house.keys, by=_HERE, now=house.clock())
        if not isinstance(done, InFlight):
            house.arrivals.forget(found.key)
    if isinstance(done, InFlight):
        answers.refuse(
            "A mail to them is being handed over in this very moment, so nothing was forgotten. Try again in a minute."
        )
    known = done.subscriber_id is not None
    answers.done(
        {"known": known, "subscriptions": done.subscriptions, "deliveries": done.deliveries},
        f"Forgotten: {done.subscriptions} subscriptions ended, {done.deliveries} messages without a name."
        if known
        else "No reader had this address. It is kept from coming in.",
        as_json=as_json,
    )


def _rehearse(house: House, file: Path, order: Order, errors: Path | None) -> dict[str, Any]:
    """The dry run, in a folder of its own: nothing of it stays."""
    with tempfile.TemporaryDirectory() as folder, file.open("rb") as source, _progress("Reading") as told:
        place = Folder(Path(folder))
        terms = asyncio.run(house.arrivals.terms(order, place.keep(source), with_letters=False))
        found = importing.rehearse(house.database, place, terms, now=house.clock(), told=told)
        if isinstance(found, Rehearsed):
            _hand_out(place.errors, errors)
    if isinstance(found, NotCsv):
        answers.refuse(f"{file}: {found.problem}")
    return {"dry_run": True, "rows": dict(found.expected)} | _read_as(found.plan.told())


def _run(house: House, file: Path, order: Order, errors: Path | None) -> dict[str, Any]:
    """Take the list in, or go on with the one that was broken off; everything that can be done at once."""
    with file.open("rb") as source:
        found = _handed_in(house, source, file, order)
    place = house.arrivals.place(found)
    terms = asyncio.run(house.arrivals.terms(order, found.file_hash))
    with _progress("Importing") as told:
        if found.state is ImportState.CHECKING:
            importing.check(house.database, found.id, place, terms, now=house.clock())
            with house.database.write() as session:
                imports.begin(session, found.id, by=_HERE, now=house.clock())
        while importing.carry_on(
            house.database, found.id, place, terms, now=house.clock(), batches=arrivals.PIECE, told=told
        ):
            pass
    with house.database.read() as session:
        done = session.get_one(Import, found.id)
    if done.state is ImportState.STOPPED:
        answers.refuse(f"{file}: {done.problem}")
    if place.errors.is_file():
        _hand_out(place.errors, errors)
    facts = {"dry_run": False, "import": done.id, "state": done.state.value, "done": done.done, "of": done.rows}
    return facts | {"rows": dict(done.counts)} | _read_as(done.plan)


def _read_as(plan: Mapping[str, Any]) -> dict[str, Any]:
    return {"columns": {header: meaning for header, meaning in plan["columns"] if meaning}, "assumed": plan["assumed"]}


def _handed_in(house: House, source: BinaryIO, file: Path, order: Order) -> Import:
    import secrets

    place = Folder(house.arrivals.folder / secrets.token_hex(12))
    received = Received(file_name=file.name, file_hash=place.keep(source))
    with house.database.read() as session:
        half = imports.unfinished(session, received.file_hash, order)
    if half is not None:
        place.clear()
        typer.echo(f"Import {half.id} of this file was broken off after {half.done} rows: going on there.", err=True)
        return half
    made = asyncio.run(house.arrivals.receive(place, received, order, by=_HERE))
    if isinstance(made, NotCsv):
        answers.refuse(f"{file}: {made.problem}")
    return made


def _closing(told: Mapping[str, Any], lost: int, errors: Path | None) -> str:
    if told["dry_run"]:
        return "Nothing was written. Give --run to do it."
    if told["state"] == ImportState.RUNNING:
        return "Letters that ask leave one a second: a running `serve` goes on with it."
    where = f"; they are in {errors}" if errors else "; give --errors FILE to get them"
    return f"Done. {lost} rows were not taken{where}." if lost else "Done."


_LOST = (Outcome.LEFT, Outcome.SUPPRESSED, Outcome.UNCONFIRMED, Outcome.REPEATED, Outcome.ELSEWHERE, Outcome.UNREADABLE)


@contextmanager
def _progress(what: str) -> Iterator[Told | None]:
    """A bar where somebody watches, nothing where a program reads."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _hand_out(found: Path, wanted: Path | None) -> None:
    if wanted is not None:
        shutil.copyfile(found, wanted)


def _edition_id(house: House, name: str | None) -> int | None:
    if name is None:
        return None
    slug, _, language = name.partition("/")
    with house.database.read() as session:
        found = newsletters.find_edition(session, slug, language)
        known = ", ".join(_known(session))
    if found is None:
        answers.refuse(f"There is no edition “{name}”. There are: {known or 'none yet'}.")
    return found[1].id


def _known(session: Session) -> list[str]:
    return list(arrivals.names(session).values())


def _brief(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row's facts that fit a terminal."""
    return {name: value for name, value in row.items() if name not in {"attempts", "ip", "user_agent", "letter_id"}}


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
