"""`broadsheet feeds check`: what an address holds, before anything is stored."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from articles.feeds import FeedRefused
from articles.preview import NoFeed, Preview, Seen
from broadsheet.cli import answers
from broadsheet.cli.answers import AsJson
from broadsheet.settings import load
from broadsheet.wiring import House
from newsletters import draw
from web.console import feed_words


def check(
    url: Annotated[str, typer.Argument(help="The address of a feed, or of a page that may name one.")],
    *,
    language: Annotated[str | None, typer.Option(help="What it should be written in: en, ar, ckb.")] = None,
    zone: Annotated[str, typer.Option(help="What its dates mean where they name no offset.")] = "UTC",
    as_json: AsJson = False,
) -> None:
    """Look at what an address holds and what to doubt about it, without storing anything. Exit code 1 when it is no feed."""
    with House(load()) as house:
        meant = draw.zone_of(zone)
        if isinstance(meant, FeedRefused):
            answers.refuse(str(meant))
        found = asyncio.run(_look(house, url, zone=meant, language=language))
        texts = house.languages.texts("en")
    if isinstance(found, NoFeed):
        named = [each.url for each in found.feeds]
        answers.facts({"url": found.url, "problem": found.reason, "feeds": named}, as_json=as_json)
        raise typer.Exit(1)
    newest = [_shown(each) for each in found.newest]
    told = feed_words.doubts(texts, found, zone=meant, said=language)
    known: dict[str, object] = {
        "url": found.url, "kind": found.kind, "title": found.title, "language": found.language, "found": found.found,
    }  # fmt: skip
    if found.feeds:
        known["feeds"] = [each.url for each in found.feeds]
    if as_json:
        stories = [one | _more(each) for one, each in zip(newest, found.newest, strict=True)]
        answers.facts(known | {"newest": stories, "warnings": told}, as_json=True)
        return
    answers.facts(known, as_json=False)
    for sentence in told:
        typer.echo(f"! {sentence}")
    answers.rows(newest, as_json=False, empty="")


def _shown(each: Seen) -> dict[str, object]:
    return {"title": each.entry.title, "published": each.dated.at if each.dated else None, "url": each.entry.url}


def _more(each: Seen) -> dict[str, object]:
    """Everything else that was read of a story, for programs."""
    entry, picture = each.entry, each.entry.picture
    return {
        "date_confidence": each.dated.confidence if each.dated else None,
        "guid": entry.guid,
        "summary": entry.summary,
        "section": entry.section,
        "tags": list(entry.tags),
        "language": entry.language,
        "authors": [asdict(one) for one in entry.signatures],
        "image": asdict(picture) if picture else None,
        "updated": entry.updated,
        "reading_minutes": entry.reading_minutes,
        "word_count": entry.word_count,
        "paywalled": entry.paywalled,
        "correction": entry.correction,
    }


async def _look(house: House, url: str, *, zone: str, language: str | None) -> Preview | NoFeed:
    try:
        return await house.viewer.look(url, zone=zone, language=language)
    finally:
        await house.fetcher.close()
