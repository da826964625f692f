"""How a command answers: a table for people, JSON for programs, one clear sentence when it cannot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

Row = Mapping[str, Any]


def rows(found: Sequence[Row], *, as_json: bool, empty: str) -> None:
    """Print what was found: one JSON array, or a table; `empty` says what to do when there is nothing."""
    if as_json:
        typer.echo(json.dumps(found, default=_plain, ensure_ascii=False, indent=2))
        return
    if not found:
        typer.echo(empty)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in found[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in found:
        table.add_row(*("" if value is None else str(_plain(value)) for value in row.values()))
    Console().print(table)


def facts(found: Row, *, as_json: bool) -> None:
    """Print one thing's facts, a line each, or as a JSON object."""
    if as_json:
        typer.echo(json.dumps(found, default=_plain, ensure_ascii=False, indent=2))
        return
    width = max(len(name) for name in found)
    for name, value in found.items():
        typer.echo(f"{name.replace('_', ' '):<{width}}  {'' if value is None else _plain(value)}")


def refuse(sentence: str) -> NoReturn:
    """End with exit code 2 and a sentence that says what is wrong and what to do."""
    typer.echo(f"broadsheet: {sentence}", err=True)
    raise typer.Exit(2)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value if isinstance(value, (int, float, bool, list, dict)) else str(value)
