"""The command line: each command parses, calls one story, prints the answer.

Exit codes: 0 done · 1 the answer is bad news (an invariant is broken, a feed failed) · 2 wrong use or configuration.
"""

from __future__ import annotations

import sys

import typer

from broadsheet import __version__
from broadsheet.settings import ConfigurationError

app = typer.Typer(
    name="broadsheet",
    help="Newsletter delivery for newsrooms: many feeds, one curated digest, every reader accounted for.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback(invoke_without_command=True)
def _version(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:  # noqa: FBT001, FBT003
    if version:
        typer.echo(f"broadsheet {__version__}")
        raise typer.Exit


def _mount() -> None:
    from broadsheet.cli import bounces, desk, feeds, issues, running, upkeep

    for module in (running, upkeep):
        module.add_to(app)
    app.add_typer(feeds.app, name="feeds")
    app.add_typer(desk.newsletters, name="newsletter")
    app.add_typer(desk.schedules, name="schedule")
    app.add_typer(issues.app, name="issue")
    app.add_typer(bounces.app, name="bounces")
    app.add_typer(bounces.suppressions, name="suppressions")


def run() -> None:
    """The `broadsheet` command. A wrong setting is one clear paragraph, not a traceback."""
    _mount()
    try:
        app()
    except ConfigurationError as problem:
        typer.echo(f"broadsheet: {problem}", err=True)
        sys.exit(2)
