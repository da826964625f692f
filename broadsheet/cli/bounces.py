"""`broadsheet bounces` and `broadsheet suppressions`."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy import select

from broadsheet.bounces_cli import app
from broadsheet.cli import answers
from broadsheet.settings import load
from broadsheet.wiring import House
from feedback import poll as polling
from mailer import address
from mailer import suppressions as suppressing
from mailer.address import BadAddress, EmailAddress
from mailer.bounce_reports import Disposition
from mailer.suppressions import Cause, Suppression
from staff.members import audit

__all__ = ["app", "suppressions"]

suppressions = typer.Typer(help="Addresses that must not be mailed.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
_HERE = "command line"


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
                {"address": each.address_key, "cause": each.cause, "since": each.created_at, "note": each.note}
                for each in session.scalars(
                    select(Suppression).where(Suppression.lifted_at.is_(None)).order_by(Suppression.id)
                )
            ]
    answers.rows(found, as_json=as_json, empty="No address is suppressed.")


@suppressions.command()
def add(who: str, *, note: Annotated[str, typer.Option(help="Why; kept with it.")]) -> None:
    """Never mail an address again; what is still to go there is skipped."""
    found = _read(who)
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            suppressing.suppress(session, found.key, Cause.MANUAL, now=house.clock(), note=note)
            audit(session, "suppression.add", found.key, actor=_HERE, now=house.clock(), note=note)
    typer.echo(f"{found} is suppressed.")


@suppressions.command()
def lift(who: str) -> None:
    """Allow mail to an address again."""
    found = _read(who)
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            lifted = suppressing.lift(session, found.key, by=_HERE, now=house.clock())
            if lifted:
                audit(session, "suppression.lift", found.key, actor=_HERE, now=house.clock())
    if not lifted:
        answers.refuse(f"{found} is not suppressed; there was nothing to lift.")
    typer.echo(f"{found} may be mailed again.")


def _read(text: str) -> EmailAddress:
    found = address.parse(text)
    if isinstance(found, BadAddress):
        answers.refuse(
            f"{text!r} is no email address ({found.reason.replace('_', ' ')}). Write it as name@example.org."
        )
    return found
