"""`broadsheet bounces` and `broadsheet suppressions`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from broadsheet.cli import answers
from broadsheet.cli.answers import AsJson
from broadsheet.settings import load
from broadsheet.wiring import House
from feedback import poll as polling
from mailer import address, bounces
from mailer import suppressions as suppressing
from mailer.address import BadAddress, EmailAddress
from mailer.bounce_reports import Disposition
from mailer.bounces import lines
from mailer.inbound.maildir import MAX_BYTES, Unreadable, take
from mailer.suppressions import Cause
from staff.members import audit

app = typer.Typer(help="Read bounce mails and complaints.", no_args_is_help=True)
suppressions = typer.Typer(help="Addresses that must not be mailed.", no_args_is_help=True)

AddressName = Annotated[str, typer.Argument(metavar="ADDRESS", help="An email address: name@example.org.")]
_HERE = "command line"
_LONGEST_NOTE = 500


@app.command()
def read(
    files: Annotated[list[str] | None, typer.Argument(help="Mails to read; - for standard input.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line a mail.")] = False,
    batch: Annotated[bool, typer.Option("--batch", help="File paths come on standard input, one a line.")] = False,
) -> None:
    """Say what each mail reports. Exit code 1 when a file could not be read, 2 for wrong use."""
    named = list(files or [])
    if batch == bool(named):
        answers.refuse("Name files to read (- for standard input), or give --batch and their paths on standard input.")
    failed = False
    for path in _paths() if batch else iter(named):
        raw = _standard_input() if path == "-" and not batch else take(Path(path), follow_symlinks=True)
        if isinstance(raw, Unreadable):
            failed = True
            typer.echo(f"{path}: {raw.reason}. It was passed over.", err=True)
            if as_json:
                typer.echo(lines.failure(path, raw))
            continue
        events = bounces.read(raw)
        typer.echo(lines.line(path, events) if as_json else lines.words(path, events))
    if failed:
        raise typer.Exit(1)


@app.command()
def poll(*, as_json: AsJson = False) -> None:
    """Read the bounce Maildir once and act on what it says."""
    with House(load()) as house:
        house.require_tables()
        assert house.settings.bounces_maildir is not None
        report = polling.poll(house.database, house.keys, house.settings.bounces_maildir, now=house.clock())
    if report.problem:
        answers.refuse(report.problem)
    done = {word.value: report.dispositions.get(word, 0) for word in Disposition}
    answers.facts({"read": report.read, "shunted": report.shunted, **done}, as_json=as_json)


@suppressions.command("list")
def list_suppressions(*, as_json: AsJson = False) -> None:
    """All standing suppressions."""
    with House(load()) as house:
        house.require_tables()
        with house.database.read() as session:
            found = [
                {
                    "address": each.address_key,
                    "cause": each.cause,
                    "since": each.created_at,
                    "until": each.until,
                    "note": each.note,
                }
                for each in suppressing.list_standing(session)
            ]
    answers.rows(found, as_json=as_json, empty="No address is suppressed.")


@suppressions.command()
def add(
    who: AddressName, *, note: Annotated[str, typer.Option(help="Why; kept with it.")], as_json: AsJson = False
) -> None:
    """Never mail an address again; what is still to go there is skipped."""
    found = read_address(who)
    if len(note) > _LONGEST_NOTE:
        answers.refuse(f"The note has {len(note)} characters; at most {_LONGEST_NOTE} are kept. Say it more briefly.")
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            suppressing.suppress(session, found.key, Cause.MANUAL, now=house.clock(), note=note)
            audit(session, "suppression.add", found.key, actor=_HERE, now=house.clock(), note=note)
    answers.done({"address": found.key, "suppressed": True}, f"{found} is suppressed.", as_json=as_json)


@suppressions.command()
def lift(who: AddressName, *, as_json: AsJson = False) -> None:
    """Allow mail to an address again."""
    found = read_address(who)
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            lifted = suppressing.lift(session, found.key, by=_HERE, now=house.clock())
            if lifted:
                audit(session, "suppression.lift", found.key, actor=_HERE, now=house.clock())
    if not lifted:
        answers.refuse(
            f"{found} is not suppressed; there was nothing to lift. `broadsheet suppressions list` shows who is."
        )
    answers.done({"address": found.key, "suppressed": False}, f"{found} may be mailed again.", as_json=as_json)


def read_address(text: str) -> EmailAddress:
    """The address, or the end of the command with what is wrong with it."""
    found = address.parse(text)
    if isinstance(found, BadAddress):
        answers.refuse(
            f"{text!r} is no email address ({found.reason.replace('_', ' ')}). Write it as name@example.org."
        )
    return found


def _paths() -> Iterator[str]:
    for text in sys.stdin:
        path = text.rstrip("\r\n")
        if path:
            yield path


def _standard_input() -> bytes | Unreadable:
    raw = sys.stdin.buffer.read(MAX_BYTES + 1)
    return raw if len(raw) <= MAX_BYTES else Unreadable(f"more than {MAX_BYTES} bytes")
