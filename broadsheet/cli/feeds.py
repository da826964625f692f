"""`broadsheet feeds`: the addresses that articles are collected from."""

from __future__ import annotations

import asyncio

import typer
from rich.progress import Progress
from sqlalchemy import select

from broadsheet.cli import answers
from broadsheet.settings import load
from broadsheet.wiring import House

app = typer.Typer(help="The feeds that articles are collected from.", no_args_is_help=True)
