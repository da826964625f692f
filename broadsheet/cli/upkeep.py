"""Commands that look after the installation: tables, settings, the ledger's invariants."""

from __future__ import annotations

from typing import Any

import typer
from pydantic import BaseModel, SecretStr

from broadsheet.cli import answers
from broadsheet.settings import Settings, config_path, load
from broadsheet.wiring import House

config = typer.Typer(help="Look at the settings.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.command()(migrate)
    app.command()(verify)
    app.add_typer(config, name="config")


def migrate() -> None:
    """Bring the database's tables to this version."""
    with House(load()) as house:
        house.migrate()
        typer.echo("The tables are up to date.")


def verify(as_json: bool = typer.Option(False, "--json", help="Answer in JSON.")) -> None:  # noqa: FBT001, FBT003
    """Check the ledger's invariants. Exit code 1 when one is broken."""
    from mailer import ledger

    with House(load()) as house:
        house.require_tables()
        with house.database.read() as session:
            broken = ledger.verify(session)
    answers.rows(
        [{"broken": sentence} for sentence in broken], as_json=as_json, empty="Every invariant of the ledger holds."
    )
    raise typer.Exit(1 if broken else 0)


@config.command("show")
def show(as_json: bool = typer.Option(False, "--json", help="Answer in JSON.")) -> None:  # noqa: FBT001, FBT003
    """Every setting with its value; secrets are masked."""
    answers.facts(_flat(load()), as_json=as_json)


@config.command("check")
def check() -> None:
    """Whether the settings can be used. Exit code 2 when they cannot."""
    load()
    typer.echo(f"The settings are sound ({config_path() or 'environment and defaults'}).")


def _flat(settings: Settings) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            flat |= {f"{name}.{inner}": _masked(getattr(value, inner)) for inner in type(value).model_fields}
        else:
            flat[name] = _masked(value)
    return flat


def _masked(value: object) -> object:
    return "(set)" if isinstance(value, SecretStr) else value
