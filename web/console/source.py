"""One source: how it does, what it brought last, what the desk says about it, and the acts it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Path, Request, Response
from sqlalchemy.orm import Session

from articles import articles, tend
from articles.articles import Article
from articles.feeds import Feed, FeedRefused
from newsletters import draw, newsletters, zones
from newsletters.draw import Overtaken
from staff.members import Role
from web.console import source_form
from web.console.source_form import Typed
from web.console.sources import LIST, Editions, Line, collect_soon, lines_of, ticks, words
from web.gate import Gate, Insider
from web.parts import Parts

_Outcome = TypeVar("_Outcome")
FeedNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]
_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    line: Line
    newest: list[Article]
    drawing: list[int]
    editions: Editions
    is_waiting: bool  # it is due, so it is being collected, or will be in a moment


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    page = _Page(parts, gate)
    reader, editor = Depends(gate.may()), Depends(gate.may(Role.EDITOR))
    _ = gate.texts.gettext

    @router.get(f"{LIST}/{{feed_id}}")
    async def one(request: Request, feed_id: FeedNumber, insider: Insider = reader) -> Response:
        return await page.show(request, insider, feed_id)

    @router.get(f"{LIST}/{{feed_id}}/state")
    async def state(request: Request, feed_id: FeedNumber, insider: Insider = reader) -> Response:
        return await page.show(request, insider, feed_id, template="console/source_state.html")

    @router.post(f"{LIST}/{{feed_id}}")
    async def change(request: Request, feed_id: FeedNumber, insider: Insider = editor) -> Response:
        typed = source_form.typed(await request.form())
        refused = await page.change(request, insider, feed_id, typed)
        return refused or gate.go(f"{LIST}/{feed_id}", toast=_("Saved."))

    @router.post(f"{LIST}/{{feed_id}}/pause")
    async def pause(feed_id: FeedNumber, insider: Insider = editor) -> Response:
        outcome = await page.act(lambda session, by, now: tend.pause(session, feed_id, by=by, now=now), insider)
        return page.back(feed_id, outcome, _("Collecting is paused; what it brought stays."), undo="resume")

    @router.post(f"{LIST}/{{feed_id}}/resume")
    async def resume(feed_id: FeedNumber, insider: Insider = editor) -> Response:
        outcome = await page.act(lambda session, by, now: tend.resume(session, feed_id, by=by, now=now), insider)
        collect_soon(parts, feed_id)
        return page.back(feed_id, outcome, _("It is collected again."), undo="pause")

    @router.post(f"{LIST}/{{feed_id}}/collect")
    async def collect(feed_id: FeedNumber, insider: Insider = editor) -> Response:
        outcome = await page.act(lambda session, by, now: tend.collect_soon(session, feed_id, by=by, now=now), insider)
        if isinstance(outcome, Feed):
            collect_soon(parts, feed_id)
        return page.back(feed_id, outcome, _("It is being collected; this page follows."))

    @router.post(f"{LIST}/{{feed_id}}/remove")
    async def remove(feed_id: FeedNumber, insider: Insider = editor) -> Response:
        outcome = await page.act(lambda session, by, now: draw.remove_feed(session, feed_id, by=by, now=now), insider)
        if isinstance(outcome, FeedRefused):
            return page.back(feed_id, outcome, "")
        return gate.go(LIST, toast=_("Removed: %(url)s") % {"url": outcome})

    return router


class _Page:
    def __init__(self, parts: Parts, gate: Gate) -> None:
        self._parts, self._gate = parts, gate

    async def show(
        self, request: Request, insider: Insider, feed_id: int, *, template: str = "console/source.html",
        typed: Typed | None = None, wrong: FeedRefused | None = None, overtaken: Overtaken | None = None,
    ) -> Response:  # fmt: skip
        source = await asyncio.to_thread(self._read, feed_id)
        stored = source_form.of(source.line.feed, source.drawing)
        if overtaken and typed:
            typed = replace(typed, seen=stored.seen)  # who saves again knows what they overwrite
        return self._gate.page(
            request,
            insider,
            template,
            status=409 if overtaken else 422 if wrong else 200,
            source=source,
            line=source.line,
            at=f"{LIST}/{feed_id}",
            typed=typed or stored,
            stored=stored,
            overtaken=overtaken,
            wrong={wrong.about: wrong.reason} if wrong else {},
            editions=ticks(source.editions),
            zones=zones.names(),
            words=words(self._gate),
            may_edit=insider.may(Role.EDITOR),
        )

    async def change(self, request: Request, insider: Insider, feed_id: int, typed: Typed) -> Response | None:
        """None when it was changed; else the page that says why not, with what was typed."""
        outcome = await self.act(_change(feed_id, typed), insider)
        if isinstance(outcome, FeedRefused):
            if outcome.is_gone:
                return await self.gone(request, insider, typed)
            return await self.show(request, insider, feed_id, typed=typed, wrong=outcome)
        if isinstance(outcome, Overtaken):
            return await self.show(request, insider, feed_id, typed=typed, overtaken=outcome)
        return None

    async def gone(self, request: Request, insider: Insider, typed: Typed) -> Response:
        """Somebody removed the feed while its form was open: what was typed is kept, and it can be taken again with it."""
        editions = await asyncio.to_thread(self._editions)
        return self._gate.page(
            request,
            insider,
            "console/source_gone.html",
            status=409,
            typed=typed,
            editions=ticks(editions),
            zones=zones.names(),
        )

    async def act(self, story: Callable[[Session, str, datetime], _Outcome], insider: Insider) -> _Outcome:
        return await asyncio.to_thread(self._act, story, insider)

    def back(self, feed_id: int, outcome: Feed | FeedRefused, said: str, *, undo: str | None = None) -> Response:
        """To the feed's page, which says what was done, or why it was not."""
        if isinstance(outcome, FeedRefused):
            return self._gate.go(f"{LIST}/{feed_id}", toast=outcome.reason)
        return self._gate.go(f"{LIST}/{feed_id}", toast=said, undo=undo and f"{LIST}/{feed_id}/{undo}")

    def _act(self, story: Callable[[Session, str, datetime], _Outcome], insider: Insider) -> _Outcome:
        with self._parts.database.write() as session:
            return story(session, insider.address, self._parts.clock())

    def _editions(self) -> Editions:
        with self._parts.database.read() as session:
            return newsletters.list_editions(session)

    def _read(self, feed_id: int) -> _Source:
        with self._parts.database.read() as session:
            feed = session.get(Feed, feed_id)
            if feed is None:
                raise HTTPException(404)
            return _Source(
                line=lines_of(session, [feed], self._parts)[0],
                newest=articles.newest_of(session, feed_id, limit=_SHOWN),
                drawing=draw.editions_drawing(session, [feed_id])[feed_id],
                editions=newsletters.list_editions(session),
                is_waiting=feed.enabled and feed.next_fetch_at <= self._parts.clock(),
            )


def _change(feed_id: int, typed: Typed) -> Callable[[Session, str, datetime], Feed | FeedRefused | Overtaken]:
    def change(session: Session, by: str, now: datetime) -> Feed | FeedRefused | Overtaken:
        return draw.change_feed(session, feed_id, typed.said(), typed.edition_ids(), seen=typed.seen, by=by, now=now)

    return change
