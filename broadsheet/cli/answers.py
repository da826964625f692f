"""How a command answers: a table for people, JSON for programs, one clear paragraph when it cannot."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import DatabaseError, InterfaceError, OperationalError

from broadsheet.settings import ConfigurationError
from mailer import address
from mailer.address import BadAddress, EmailAddress

Row = Mapping[str, Any]
AddressName = Annotated[str, typer.Argument(metavar="ADDRESS", help="An email address: name@example.org.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def read_address(text: str) -> EmailAddress:
    """The address, or the end of the command with what is wrong with it."""
    found = address.parse(text)
    if isinstance(found, BadAddress):
        refuse(f"{text!r} is no email address ({found.reason.replace('_', ' ')}). Write it as name@example.org.")
    return found


def rows(found: Sequence[Row], *, as_json: bool, empty: str) -> None:
    """Print what was found: one JSON array, or a table; `empty` says what to do when there is nothing."""
    if as_json:
        _print_json(found)
        return
    if not found:
        typer.echo(empty)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in found[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in found:
        table.add_row(*(escape(_for_people(value)) for value in row.values()))
    # Into a pipe every row stays on its line, so that grep and awk can read it.
    Console(width=None if sys.stdout.isatty() else 10_000).print(table)


def facts(found: Row, *, as_json: bool) -> None:
    """Print one thing's facts, a line each, or as a JSON object. A mapping within becomes lines of its own for people."""
    if as_json:
        _print_json(found)
        return
    flat: dict[str, object] = {}
    for name, value in found.items():
        flat |= {f"{name}: {part}": each for part, each in value.items()} if isinstance(value, dict) else {name: value}
    width = max(len(name) for name in flat)
    for name, value in flat.items():
        typer.echo(f"{name.replace('_', ' '):<{width}}  {_for_people(value)}".rstrip())


def done(found: Row, *sentences: str, as_json: bool) -> None:
    """Say that an act was done: its facts for programs, sentences for people."""
    if as_json:
        _print_json(found)
        return
    for sentence in sentences:
        typer.echo(sentence)


def refuse(sentence: str) -> NoReturn:
    """End with exit code 2 and a sentence that says what is wrong and what to do."""
    typer.echo(f"broadsheet: {sentence}", err=True)
    raise typer.Exit(2)


def told(problem: Exception) -> str | None:
    """The paragraph for what an operator can mend; None for everything else, which is a bug and keeps its traceback."""
    if isinstance(problem, ConfigurationError):
        return str(problem)
    if isinstance(problem, (OperationalError, InterfaceError)) or type(problem) is DatabaseError:
        reason = " ".join(str(problem.orig).split())
        return (
            f"The database cannot be used: {reason}. Nothing was changed by this command. Look at database_url "
            "(`broadsheet config show`), and whether its server runs or its file is whole; then try again."
        )
    if isinstance(problem, OSError) and not isinstance(problem, BrokenPipeError):
        return (
            f"{problem.filename or 'A file or connection'} cannot be used: {problem.strerror or problem}. "
            "Correct the path (`broadsheet config show`) or its permissions and try again."
        )
    return None


def _print_json(found: object) -> None:
    typer.echo(json.dumps(found, default=_plain, ensure_ascii=False, indent=2))


def _for_people(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return "" if value is None else str(_plain(value))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"PT{value.total_seconds():.12g}S"  # as a setting is written
    return value if isinstance(value, (int, float, bool, list, dict)) else str(value)
