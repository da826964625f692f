"""`broadsheet feeds import-opml` and `export-opml`: lists of feeds that come in and go out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from articles import feeds, opml
from articles.opml import NotOpml
from broadsheet.cli import answers
from broadsheet.cli.answers import AsJson
from broadsheet.cli.desk import edition_named
from broadsheet.settings import load
from broadsheet.wiring import House
from newsletters import bring_feeds

_HERE = "command line"


def import_opml(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An OPML file, as feed readers export it.")],
    *,
    zone: Annotated[str, typer.Option(help="What dates without an offset mean, where the list does not say.")] = "UTC",
    editions: Annotated[
        list[str] | None, typer.Option("--edition", help="An edition that draws from all of them; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add every feed of a list. Those known already stay as they are. Exit code 1 when some could not be taken."""
    with House(load()) as house:
        house.require_tables()
        outlines = opml.read(file.read_bytes(), zone=zone)
        if isinstance(outlines, NotOpml):
            answers.refuse(str(outlines))
        with house.database.write() as session:
            wanted = [edition_named(session, each).id for each in editions or []]
            brought = bring_feeds.bring(session, outlines, wanted, by=_HERE, now=house.clock())
    refused = [{"url": url, "problem": reason} for url, reason in brought.refused]
    sentences = [f"! {one['url']}: {one['problem']}" for one in refused]
    answers.done(
        {"added": brought.added, "known": brought.known, "refused": refused},
        f"{brought.added} new, {brought.known} known already, {len(refused)} not taken.",
        *sentences,
        as_json=as_json,
    )
    raise typer.Exit(1 if refused else 0)


def export_opml(
    file: Annotated[Path | None, typer.Argument(help="Where to write the list; left out: standard output.")] = None,
) -> None:
    """Write all feeds as OPML: any feed reader takes it, and `feeds import-opml` brings back what the desk said."""
    with House(load()) as house:
        house.require_tables()
        with house.database.read() as session:
            written = opml.write(feeds.list_feeds(session), title="Broadsheet")
    if file is None:
        typer.echo(written.decode(), nl=False)
    else:
        file.write_bytes(written)
        typer.echo(f"Written: {file}")
