"""Commands that look after the installation: tables, settings, the ledger's invariants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel, SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from broadsheet.cli import answers
from broadsheet.cli.answers import AsJson
from broadsheet.environment import unknown_variables
from broadsheet.settings import Settings, config_path, load
from broadsheet.wiring import House

config = typer.Typer(help="Look at the settings.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.command()(migrate)
    app.command()(verify)
    app.add_typer(config, name="config")


def migrate(*, as_json: AsJson = False) -> None:
    """Bring the database's tables to this version."""
    with House(load()) as house:
        house.migrate()
    answers.done({"current": True}, "The tables are up to date.", as_json=as_json)


def verify(*, as_json: AsJson = False) -> None:
    """Check the ledger's invariants and every issue's sums. Exit code 1 when one is broken."""
    from feedback import figures
    from mailer import ledger

    with House(load()) as house:
        house.require_tables()
        with house.database.read() as session:
            broken = [*ledger.verify(session), *figures.broken_sums(session)]
    answers.rows(
        [{"broken": sentence} for sentence in broken], as_json=as_json, empty="Every invariant of the ledger holds."
    )
    raise typer.Exit(1 if broken else 0)


@config.command("show")
def show(*, as_json: AsJson = False) -> None:
    """Every setting with its value; secrets are masked."""
    answers.facts(_flat(load()), as_json=as_json)


@config.command("check")
def check(*, as_json: AsJson = False) -> None:
    """Whether the settings can be used. Exit code 2 when they cannot, 1 when a variable is unknown."""
    from broadsheet import engines, outgoing

    settings = load()
    outgoing.check(settings)
    engines.check(settings)
    unsigned = _unsigned(settings)
    unknown = unknown_variables()
    source = str(config_path() or "environment and defaults")
    told = [f"{name} is set and is no setting. Is it misspelt?" for name in unknown]
    told += [f"Mail from {each} leaves unsigned. Make keys: `broadsheet keys new {each}`" for each in unsigned]
    answers.done(
        {"sound": True, "source": source, "unknown": unknown, "unsigned": unsigned},
        *told,
        f"The settings are sound ({source}).",
        as_json=as_json,
    )
    raise typer.Exit(1 if unknown else 0)


def _unsigned(settings: Settings) -> list[str]:
    """Domains whose mail nobody signs. Settings can be checked before there is a database; none is made here."""
    from broadsheet import outgoing

    file = make_url(settings.database_url).database or ""
    with House(settings) as house:
        if settings.database_url.startswith("sqlite") and not Path(file).exists():
            return outgoing.unsigned(house, [])
        try:
            return outgoing.unsigned(house, outgoing.sender_domains(house))
        except SQLAlchemyError:
            return outgoing.unsigned(house, [])


def _flat(settings: BaseModel) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            flat |= _inner(name, value)
        elif isinstance(value, dict):
            for route, each in value.items():
                flat |= _inner(f"{name}.{route}", each)
        else:
            flat[name] = _masked(name, value)
    return flat


def _inner(name: str, value: BaseModel) -> dict[str, Any]:
    return {f"{name}.{inner}": shown for inner, shown in _flat(value).items()}


def _masked(name: str, value: object) -> object:
    if isinstance(value, SecretStr):
        return "(set)"
    if name == "database_url":
        url = make_url(str(value))
        hidden = {key: "***" for key in url.query if "pass" in key.lower()}
        return url.update_query_dict(hidden).render_as_string(hide_password=True)
    return value
