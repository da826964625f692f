"""Sources: every feed with how it does, and the way to a new one: an address, what it holds, and only then a feed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session

from articles import feeds, health
from articles.feeds import Feed, FeedRefused
from articles.health import Health, Stories
from articles.preview import Preview
from ground.engine import WorkLane
from newsletters import draw, newsletters, zones
from newsletters.newsletters import Edition, Newsletter
from staff.members import Role
from web.console import feed_words, source_form
from web.console.source_form import Typed
from web.gate import Gate, Insider
from web.parts import Parts

LIST = "/console/sources"
_PAGE = 50

Editions = Sequence[tuple[Newsletter, Edition]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One feed as pages show it."""

    feed: Feed
    name: str
    health: Health
    stories: Stories
    editions: tuple[str, ...]


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    reader, editor = Depends(gate.may()), Depends(gate.may(Role.EDITOR))

    @router.get(LIST)
    async def every_feed(request: Request, insider: Insider = reader) -> Response:
        after = request.query_params.get("after", "")
        seen = int(after) if after.isdecimal() and len(after) < 10 else 0
        lines = await asyncio.to_thread(_page, parts, seen)
        return gate.page(
            request,
            insider,
            "console/sources.html",
            lines=lines[:_PAGE],
            older=f"{LIST}?after={lines[_PAGE - 1].feed.id}" if len(lines) > _PAGE else None,
            newer=LIST if seen else None,
            words=words(gate),
            may_edit=insider.may(Role.EDITOR),
        )

    @router.post(f"{LIST}/new")
    async def new(request: Request, insider: Insider = editor) -> Response:
        posted = await request.form()
        typed, editions = source_form.typed(posted), await asyncio.to_thread(_editions, parts)
        if posted.get("act") != "save":
            return await _look(parts, gate, request, insider, typed, editions)
        outcome = await asyncio.to_thread(_add, parts, typed, insider)
        if isinstance(outcome, FeedRefused):
            return await _look(parts, gate, request, insider, typed, editions, wrong=outcome)
        collect_soon(parts, outcome.id)
        said = gate.texts.gettext("“%(name)s” is taken; its stories are being collected.")
        return gate.go(f"{LIST}/{outcome.id}", toast=said % {"name": feeds.shown_name(outcome)})

    return router


async def _look(
    parts: Parts, gate: Gate, request: Request, insider: Insider, typed: Typed, editions: Editions,
    wrong: FeedRefused | None = None,
) -> Response:  # fmt: skip
    """What the address holds, with the form that takes it. Nothing is stored."""
    is_first = not typed.zone  # from the list, where only the address is asked for
    if is_first:
        typed = replace(typed, zone=editions[0][1].zone if editions else "UTC")
    zone = draw.zone_of(typed.zone)
    if isinstance(zone, FeedRefused):
        wrong, zone = wrong or zone, "UTC"
    found = await parts.viewer.look(typed.url, zone=zone, language=typed.language[:16] or None)
    if isinstance(found, Preview) and is_first:
        typed = _suggested(typed, found, editions)
    known = await asyncio.to_thread(_known, parts, typed.url)
    return gate.page(
        request,
        insider,
        "console/source_new.html",
        status=200 if isinstance(found, Preview) and wrong is None else 422,
        typed=typed,
        found=found,
        is_feed=isinstance(found, Preview),
        doubts=feed_words.doubts(gate.texts, found, zone=zone, said=typed.language)
        if isinstance(found, Preview)
        else [],
        zone_read=zone,
        zones=zones.names(),
        known=known,
        wrong={wrong.about: wrong.reason} if wrong else {},
        editions=ticks(editions),
        words=words(gate),
    )


def _suggested(typed: Typed, found: Preview, editions: Editions) -> Typed:
    """The form as it is probably meant: the feed's language, and the editions in it."""
    letters = found.letters if found.letters in {"ar", "ckb"} else None
    language = found.language or letters or ""
    drawn = tuple(str(edition.id) for _, edition in editions if edition.language == language)
    return replace(typed, language=language, editions=drawn)


def collect_soon(parts: Parts, feed_id: int) -> None:
    """Ask for a look at what is due; the pages follow it."""
    parts.engine.submit("collect", {}, lane=WorkLane.COLLECT, key=f"collect:{feed_id}")


def words(gate: Gate) -> dict[str, Callable[..., Any]]:
    """What the templates say things with."""
    texts = gate.texts
    return {
        "health": lambda state: feed_words.health(texts, state),
        "span": lambda long: feed_words.span(texts, long),
        "doubt": lambda which, zone: feed_words.doubt(texts, which, zone=zone),
    }


def ticks(editions: Editions) -> list[tuple[int, str]]:
    return [(edition.id, f"{edition.title} ({newsletter.slug}/{edition.language})") for newsletter, edition in editions]


def lines_of(session: Session, found: Sequence[Feed], parts: Parts) -> list[Line]:
    """These feeds with everything that is shown about them, in a handful of questions whatever their number."""
    ids, now = [feed.id for feed in found], parts.clock()
    stories = health.stories_of(session, ids, now=now)
    drawing = draw.editions_drawing(session, ids)
    names = dict(ticks(newsletters.list_editions(session)))
    return [
        Line(
            feed=feed,
            name=feeds.shown_name(feed),
            health=health.health(feed, stories[feed.id], now=now),
            stories=stories[feed.id],
            editions=tuple(names[each] for each in drawing[feed.id]),
        )
        for feed in found
    ]


def _page(parts: Parts, after: int) -> list[Line]:
    with parts.database.read() as session:
        return lines_of(session, feeds.list_feeds(session, after=after, limit=_PAGE + 1), parts)


def _editions(parts: Parts) -> Editions:
    with parts.database.read() as session:
        return newsletters.list_editions(session)


def _known(parts: Parts, url: str) -> Feed | None:
    with parts.database.read() as session:
        return feeds.find_by_url(session, url)


def _add(parts: Parts, typed: Typed, insider: Insider) -> Feed | FeedRefused:
    with parts.database.write() as session:
        return draw.add_feed(
            session, typed.url, typed.said(), typed.edition_ids(), by=insider.address, now=parts.clock()
        )
