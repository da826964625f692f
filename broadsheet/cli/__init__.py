"""The command line: each command parses, calls one story, prints the answer.

Exit codes: 0 done · 1 the answer is bad news (an invariant is broken, a feed failed) · 2 wrong use or configuration.
Answers go to standard output, everything else to standard error, so that `--json` can be piped.
"""

from __future__ import annotations

import logging
import os
from functools import cache
from typing import Any

import typer
from typer.core import TyperGroup

from broadsheet import __version__, logs
from broadsheet.cli import answers


class _Told(TyperGroup):
    """A wrong setting, a database that cannot be reached, a folder that cannot be written: a paragraph, no traceback."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own types
        try:
            return super().invoke(ctx)
        except Exception as problem:
            sentence = answers.told(problem)
            if sentence is None:
                raise
            answers.refuse(sentence)


app = typer.Typer(
    name="broadsheet",
    cls=_Told,
    help="Newsletter delivery for newsrooms: many feeds, one curated digest, every reader accounted for.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback(invoke_without_command=True)
def _begin(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:  # noqa: FBT001, FBT003 - typer's way
    if version:
        typer.echo(f"broadsheet {__version__}")
        raise typer.Exit
    # A command that answers and ends says what went wrong itself; `serve` and its like set up their own logs.
    logs.configure("console", least=logging.ERROR)


@cache
def commands() -> typer.Typer:
    """All commands, mounted."""
    from broadsheet.cli import (
        almanac,
        bounces,
        desk,
        feeds,
        issues,
        keys,
        lint,
        looks,
        running,
        schedules,
        subscribers,
        upkeep,
        user,
    )

    for module in (running, upkeep, lint):
        module.add_to(app)
    app.add_typer(feeds.app, name="feeds")
    almanac.add_to(desk.newsletters)
    looks.add_to(desk.newsletters)
    app.add_typer(desk.newsletters, name="newsletter")
    app.add_typer(schedules.app, name="schedule")
    app.add_typer(issues.app, name="issue")
    app.add_typer(bounces.app, name="bounces")
    app.add_typer(bounces.suppressions, name="suppressions")
    app.add_typer(subscribers.app, name="subscribers")
    app.add_typer(user.app, name="user")
    app.add_typer(keys.app, name="keys")
    return app


def run() -> None:
    """The `broadsheet` command."""
    os.umask(0o077)  # what is written holds readers' addresses and keys: nobody else on this machine reads it
    commands()()
