"""`broadsheet bounces` and `broadsheet suppressions`."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from broadsheet.cli import answers
from broadsheet.cli.answers import AddressName, AsJson
from broadsheet.settings import load
from broadsheet.wiring import House
from feedback import intervene, probe
from feedback import poll as polling
from feedback.intervene import Refused
from mailer import bounces
from mailer import suppressions as suppressing
from mailer.bounce_reports import Disposition
from mailer.bounces import lines
from mailer.inbound.maildir import MAX_BYTES, Unreadable, take

app = typer.Typer(help="Read bounce mails and complaints.", no_args_is_help=True)
suppressions = typer.Typer(help="Addresses that must not be mailed.", no_args_is_help=True)

_HERE = "command line"


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


@app.command("probe")
def send_probe(
    to: Annotated[str, typer.Argument(help="An address that must bounce; none: one that nobody has.")] = "",
    *,
    look: Annotated[bool, typer.Option("--look", help="Send nothing; say how the last one got on.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send a mail that must bounce, to see that its bounce comes back; a running `serve` sends it. Exit code 1 where it did not."""
    with House(load()) as house:
        house.require_tables()
        now, base_url = house.clock(), house.settings.base_url
        if look:
            _tell_probe(house, now, as_json=as_json)
            return
        with house.database.read() as session:
            chosen = probe.choose(session, to, chance=secrets.token_hex(6), base_url=base_url, now=now)
            if isinstance(chosen, Refused):
                answers.refuse(chosen.reason)
            job = probe.job(session, base_url=base_url)
        if job is None:
            answers.refuse("There is no newsletter yet that a mail could come from. Add one first.")
        variant_id = asyncio.run(house.compiler.variant(job))
        with house.database.write() as session:
            sent = probe.send(session, chosen, variant_id, by=_HERE, now=now)
    then = f"A test is on its way to {sent.address}. See what came back: broadsheet bounces probe --look"
    answers.done({"address": sent.address}, then, as_json=as_json)


def _tell_probe(house: House, now: datetime, *, as_json: bool) -> None:
    with house.database.read() as session:
        last = probe.last(session, now=now)
    if last is None:
        answers.refuse("There was no test of late. Send one: broadsheet bounces probe")
    took = None if last.took is None else round(last.took.total_seconds())
    told = {"address": last.address, "sent": last.sent_at, "course": last.course, "seconds": took, "said": last.said}
    answers.facts(told, as_json=as_json)
    if last.has_failed:
        raise typer.Exit(1)


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
                for each in suppressing.list_standing(session, now=house.clock())
            ]
    answers.rows(found, as_json=as_json, empty="No address is suppressed.")


@suppressions.command()
def add(
    who: AddressName,
    *,
    note: Annotated[str, typer.Option(help="Why; kept with it.")],
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day (UTC) it ends on.")] = None,
    as_json: AsJson = False,
) -> None:
    """Never mail an address again; what is still to go there is skipped."""
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            done = intervene.suppress(session, who, note=note, until=_end(until), by=_HERE, now=house.clock())
    if isinstance(done, Refused):
        answers.refuse(done.reason)
    answers.done(
        {"address": done.subject.casefold(), "suppressed": True}, f"{done.subject} is suppressed.", as_json=as_json
    )


@suppressions.command()
def lift(
    who: AddressName,
    *,
    reason: Annotated[str | None, typer.Option(help="Why; kept in the audit.")] = None,
    as_json: AsJson = False,
) -> None:
    """Allow mail to an address again."""
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            done = intervene.lift(session, who, keys=house.keys, reason=reason, by=_HERE, now=house.clock())
    if isinstance(done, Refused):
        answers.refuse(f"{done.reason} `broadsheet suppressions list` shows who is.")
    answers.done(
        {"address": done.subject.casefold(), "suppressed": False},
        f"{done.subject} may be mailed again.",
        as_json=as_json,
    )


def _end(until: datetime | None) -> datetime | None:
    return until.replace(tzinfo=UTC) if until is not None else None


def _paths() -> Iterator[str]:
    for text in sys.stdin:
        path = text.rstrip("\r\n")
        if path:
            yield path


def _standard_input() -> bytes | Unreadable:
    raw = sys.stdin.buffer.read(MAX_BYTES + 1)
    return raw if len(raw) <= MAX_BYTES else Unreadable(f"more than {MAX_BYTES} bytes")
