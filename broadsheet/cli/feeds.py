"""`broadsheet feeds`: the addresses that articles are collected from."""

from __future__ import annotations

import typer

app = typer.Typer(help="The feeds that articles are collected from.", no_args_is_help=True)
