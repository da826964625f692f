"""`broadsheet bounces read`: what the bounce reader makes of a mail, without touching a database."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from mailer import bounces
from mailer.bounces import lines
from mailer.inbound.maildir import MAX_BYTES, Unreadable, take

app = typer.Typer(help="Read bounce mails and complaints.", no_args_is_help=True)


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
        typer.echo(
            "Name files to read (- for standard input), or give --batch and their paths on standard input.", err=True
        )
        raise typer.Exit(2)
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


def _paths() -> Iterator[str]:
    for text in sys.stdin:
        path = text.rstrip("\r\n")
        if path:
            yield path


def _standard_input() -> bytes | Unreadable:
    raw = sys.stdin.buffer.read(MAX_BYTES + 1)
    return raw if len(raw) <= MAX_BYTES else Unreadable(f"more than {MAX_BYTES} bytes")
