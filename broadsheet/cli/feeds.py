"""`broadsheet feeds`: the addresses that articles are collected from."""

from __future__ import annotations

import asyncio
import random
import sys
from typing import Annotated

import typer
from rich.progress import Progress

from articles import collect as collecting
from articles import feeds
from broadsheet.cli import answers
from broadsheet.cli.answers import AsJson
from broadsheet.cli.desk import draw_from, edition_named
from broadsheet.settings import load
from broadsheet.wiring import House

app = typer.Typer(help="The feeds that articles are collected from.", no_args_is_help=True)


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="The address of an RSS, Atom or JSON feed.")],
    *,
    language: Annotated[
        str | None, typer.Option(help="What it is written in, where it does not say: en, ar, ckb.")
    ] = None,
    zone: Annotated[str, typer.Option(help="What its dates mean where they name no offset.")] = "UTC",
    editions: Annotated[
        list[str] | None, typer.Option("--edition", help="An edition that draws from it: morning/en; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add a feed; it is collected at the next look. Adding a known one gives it further editions and changes no more."""
    with House(load()) as house:
        house.require_tables()
        try:
            with house.database.write() as session:
                now = house.clock()
                feed = feeds.add_feed(session, url, now=now, language=language, zone=zone)
                for name in editions or []:
                    draw_from(session, edition_named(session, name).id, [feed.id])
                answer = {
                    "id": feed.id,
                    "url": feed.url,
                    "language": feed.language,
                    "zone": feed.zone,
                    "new": feed.created_at == now,
                }
        except feeds.FeedRefusedError as problem:
            answers.refuse(str(problem))
    answers.facts(answer, as_json=as_json)


@app.command("list")
def list_feeds(*, as_json: AsJson = False) -> None:
    """All feeds, with when each last answered and what went wrong."""
    with House(load()) as house:
        house.require_tables()
        with house.database.read() as session:
            found = [
                {
                    "id": feed.id,
                    "title": feed.title,
                    "url": feed.url,
                    "last_success": feed.last_success_at,
                    "last_story": feed.last_story_at,
                    "failures": feed.failures,
                    "problem": feed.last_error,
                }
                for feed in feeds.list_feeds(session)
            ]
    answers.rows(found, as_json=as_json, empty="There is no feed yet. Add one: broadsheet feeds add https://...")


@app.command()
def collect(
    ids: Annotated[list[int] | None, typer.Argument(help="Only these feeds, due or not.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Collect what is due now. Exit code 1 when a feed could not be collected."""
    with House(load()) as house:
        house.require_tables()
        _require(house, ids or [])
        reports = asyncio.run(_collect(house, ids, bar=sys.stderr.isatty() and not as_json))
    found = [
        {
            "id": one.feed_id,
            "title": one.title,
            "found": one.found,
            "new": one.new,
            "changed": one.changed,
            "problem": one.problem,
        }
        for one in reports
    ]
    answers.rows(found, as_json=as_json, empty="No feed is due.")
    raise typer.Exit(1 if any(one.problem for one in reports) else 0)


def _require(house: House, ids: list[int]) -> None:
    with house.database.read() as session:
        unknown = sorted(set(ids) - {feed.id for feed in feeds.list_feeds(session)})
    if unknown:
        answers.refuse(
            f"There is no feed {', '.join(map(str, unknown))}; nothing was collected. `broadsheet feeds list` shows them."
        )


async def _collect(house: House, ids: list[int] | None, *, bar: bool) -> list[collecting.FeedReport]:
    with Progress(disable=not bar, transient=True) as progress:
        line = progress.add_task("Collecting", total=None)

        def advance(report: collecting.FeedReport) -> None:
            progress.update(line, advance=1, description=f"Collecting  {report.title or report.url}")

        try:
            return await collecting.collect(
                house.database,
                house.fetcher,
                house.executor,
                house.clock,
                only=ids or None,
                progress=advance,
                manners=collecting.Manners(jitter=random.Random()),  # noqa: S311 - spreads fetches
            )
        finally:
            await house.fetcher.close()
