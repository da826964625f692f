"""`broadsheet feeds`: the addresses that articles are collected from."""

from __future__ import annotations

import asyncio
import random
import sys
from typing import Annotated

import typer
from rich.progress import Progress

from articles import collect as collecting
from articles import feeds, tend
from articles.feeds import Feed, FeedRefused, Said
from broadsheet.cli import answers, feed_check, feed_lists
from broadsheet.cli.answers import AsJson
from broadsheet.cli.desk import edition_named, edition_names
from broadsheet.settings import load
from broadsheet.wiring import House
from newsletters import draw
from newsletters.draw import Overtaken

app = typer.Typer(help="The feeds that articles are collected from.", no_args_is_help=True)

app.command("check")(feed_check.check)
app.command("import-opml")(feed_lists.import_opml)
app.command("export-opml")(feed_lists.export_opml)

FeedId = Annotated[int, typer.Argument(help="A feed's number; `broadsheet feeds list` shows them.")]
_HERE = "command line"
_RANKING = "Its order says what readers read most; its entries are no news."


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="The address of an RSS, Atom or JSON feed.")],
    *,
    language: Annotated[
        str | None, typer.Option(help="What it is written in, where it does not say: en, ar, ckb.")
    ] = None,
    zone: Annotated[str, typer.Option(help="What its dates mean where they name no offset.")] = "UTC",
    name: Annotated[str | None, typer.Option(help="What the desk calls it, over its own title.")] = None,
    section: Annotated[str | None, typer.Option(help="Of articles that name none.")] = None,
    pages: Annotated[bool, typer.Option(help="Read its stories' own pages for what it lacks.")] = True,
    ranking: Annotated[bool, typer.Option(help=_RANKING)] = False,
    editions: Annotated[
        list[str] | None, typer.Option("--edition", help="An edition that draws from it: morning/en; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add a feed; it is collected at the next look. Adding a known one gives it further editions and changes no more."""
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            now = house.clock()
            said = Said(name=name, language=language, zone=zone, section=section, reads_pages=pages, is_ranking=ranking)
            wanted = [edition_named(session, each).id for each in editions or []]
            feed = _feed(draw.add_feed(session, url, said, wanted, by=_HERE, now=now))
            answer = {
                "id": feed.id,
                "url": feed.url,
                "language": feed.language,
                "zone": feed.zone,
                "reads_pages": feed.reads_pages,
                "is_ranking": feed.is_ranking,
                "new": feed.created_at == now,
            }
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
                    "title": feeds.shown_name(feed) if feed.name else feed.title,
                    "url": feed.url,
                    "collected": feed.enabled,
                    "last_success": feed.last_success_at,
                    "last_story": feed.last_story_at,
                    "failures": feed.failures,
                    "problem": feed.last_error,
                }
                for feed in feeds.list_feeds(session)
            ]
    answers.rows(found, as_json=as_json, empty="There is no feed yet. Add one: broadsheet feeds add https://...")


@app.command()
def edit(
    feed_id: FeedId,
    *,
    name: Annotated[str | None, typer.Option(help="What the desk calls it; empty: its own title.")] = None,
    language: Annotated[str | None, typer.Option(help="What it is written in: en, ar, ckb.")] = None,
    zone: Annotated[str | None, typer.Option(help="What its dates mean where they name no offset.")] = None,
    section: Annotated[str | None, typer.Option(help="Of articles that name none; empty: none.")] = None,
    pages: Annotated[bool | None, typer.Option(help="Read its stories' own pages for what it lacks.")] = None,
    ranking: Annotated[bool | None, typer.Option(help=_RANKING)] = None,
    editions: Annotated[
        list[str] | None, typer.Option("--edition", help="The editions that draw from it, and no others: morning/en.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given, and leave the rest. What was collected stays as it is."""
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            feed = _feed(tend.find(session, feed_id))
            said = Said(
                name=feed.name if name is None else name.strip() or None,
                language=feed.language if language is None else language.strip() or None,
                zone=zone or feed.zone,
                section=feed.section if section is None else section.strip() or None,
                reads_pages=feed.reads_pages if pages is None else pages,
                is_ranking=feed.is_ranking if ranking is None else ranking,
            )
            drawing = draw.editions_drawing(session, [feed_id])[feed_id]
            if editions is not None:
                drawing = [edition_named(session, each).id for each in editions]
            feed = _feed(draw.change_feed(session, feed_id, said, drawing, seen=None, by=_HERE, now=house.clock()))
            names = edition_names(session)
    answers.facts(
        {
            "id": feed.id,
            "name": feeds.shown_name(feed),
            "language": feed.language,
            "zone": feed.zone,
            "section": feed.section,
            "reads_pages": feed.reads_pages,
            "is_ranking": feed.is_ranking,
            "editions": [names[each] for each in sorted(set(drawing))],
        },
        as_json=as_json,
    )


@app.command()
def pause(feed_id: FeedId, *, as_json: AsJson = False) -> None:
    """Collect it no more; what it brought stays."""
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            feed = _feed(tend.pause(session, feed_id, by=_HERE, now=house.clock()))
    sentence = f"Feed {feed_id} is paused. Go on with it: broadsheet feeds resume {feed_id}"
    answers.done({"id": feed.id, "collected": feed.enabled}, sentence, as_json=as_json)


@app.command()
def resume(feed_id: FeedId, *, as_json: AsJson = False) -> None:
    """Collect it again, at the next look."""
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            feed = _feed(tend.resume(session, feed_id, by=_HERE, now=house.clock()))
    answers.done({"id": feed.id, "collected": feed.enabled}, f"Feed {feed_id} is collected again.", as_json=as_json)


@app.command()
def remove(feed_id: FeedId, *, as_json: AsJson = False) -> None:
    """Forget a feed from which nothing was collected and no edition draws."""
    with House(load()) as house:
        house.require_tables()
        with house.database.write() as session:
            removed = draw.remove_feed(session, feed_id, by=_HERE, now=house.clock())
    if isinstance(removed, FeedRefused):
        answers.refuse(str(removed))
    answers.done({"id": feed_id, "url": removed}, f"Feed {feed_id} is removed: {removed}", as_json=as_json)


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
            "completed": one.completed,
            "problem": one.problem,
        }
        for one in reports
    ]
    answers.rows(found, as_json=as_json, empty="No feed is due.")
    raise typer.Exit(1 if any(one.problem for one in reports) else 0)


def _feed(outcome: Feed | FeedRefused | Overtaken) -> Feed:
    if isinstance(outcome, FeedRefused):
        answers.refuse(f"{outcome} `broadsheet feeds list` shows what is there.")
    assert isinstance(outcome, Feed), "only who says what they saw can be overtaken"
    return outcome


def _require(house: House, ids: list[int]) -> None:
    with house.database.read() as session:
        unknown = sorted(set(ids) - {feed.id for feed in feeds.list_feeds(session)})
    if unknown:
        answers.refuse(
            f"There is no feed {', '.join(map(str, unknown))}; nothing was collected. `broadsheet feeds list` shows them."
        )


async def _collect(house: House, ids: list[int] | None, *, bar: bool) -> list[collecting.FeedReport]:
    with Progress(disable=not bar, transient=True) as progress:
        with house.database.read() as session:
            due = len(feeds.due(session, now=house.clock(), only=ids or None))
        line = progress.add_task("Collecting", total=due or None)

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
                images=house.image_folder,
                manners=collecting.Manners(jitter=random.Random()),  # noqa: S311 - spreads fetches
            )
        finally:
            await house.fetcher.close()
