"""Schedules: when each edition's issues go out, as a sentence to fill in, with the dates that follow from it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Request, Response

from newsletters import holidays, layouts, newsletters, plan, schedules, zones
from newsletters.act import Refused
from newsletters.ahead import Ahead
from newsletters.holidays import Holiday
from newsletters.newsletters import Edition, Newsletter
from newsletters.plan import Overtaken, Planned, Removed, Unfit
from newsletters.schedule import Day, SlotTime
from newsletters.schedule import Schedule as Rule
from newsletters.schedules import Autonomy, Schedule, Terms, TooFew
from staff.members import Role
from web.console import schedule_form, schedule_words
from web.console.schedule_form import Typed, Wanted, Wrong
from web.gate import Gate, Insider
from web.parts import Parts

_LIST = "/console/schedules"
RowNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One schedule in the list."""

    schedule: Schedule
    rule: Rule
    next: SlotTime | None
    rests: str | None = None  # the holiday that the next slot falls on


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """The edition that a schedule is for, and the schedule where there is one."""

    newsletter: Newsletter
    edition: Edition
    feeds: int
    schedule: Schedule | None
    weekend: frozenset[Day] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dates:
    """What follows from a rule: its dates, or why it is none."""

    words: str = ""
    place: str = ""
    ahead: Ahead | None = None
    clocks: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


_All = tuple[list[tuple[Newsletter, list[Edition]]], dict[int, list[_Line]], dict[int, int], dict[int, list[Holiday]]]


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    desk = _Desk(parts, gate)
    reader, editor = Depends(gate.may()), Depends(gate.may(Role.EDITOR))

    @router.get(_LIST)
    async def every_schedule(request: Request, insider: Insider = reader) -> Response:
        return await desk.show(request, insider)

    @router.get(f"{_LIST}/dates")
    async def dates(request: Request, insider: Insider = reader) -> Response:
        typed = schedule_form.typed(request.query_params)
        number = request.query_params.get("schedule", "")
        known = int(number) if number.isdecimal() and len(number) < 10 else None
        found = await asyncio.to_thread(desk.dates, typed, known, _edition_id(request.query_params.get("edition", "")))
        return gate.page(request, insider, "console/schedule_dates.html", dates=found)

    @router.get(f"{_LIST}/new")
    async def blank(request: Request, insider: Insider = editor) -> Response:
        place = await desk.edition(request.query_params.get("edition", ""))
        return await desk.form(request, insider, place, Typed(zone=place.edition.zone))

    @router.post(f"{_LIST}/new")
    async def add(request: Request, insider: Insider = editor) -> Response:
        posted = await request.form()
        place = await desk.edition(str(posted.get("edition", "")))
        return await desk.save(request, insider, place, schedule_form.typed(posted), show=posted.get("act") == "show")

    @router.get(f"{_LIST}/{{schedule_id}}")
    async def one(request: Request, schedule_id: RowNumber, insider: Insider = reader) -> Response:
        place = await desk.schedule(schedule_id)
        assert place.schedule is not None
        return await desk.form(request, insider, place, schedule_form.of(place.schedule))

    @router.post(f"{_LIST}/{{schedule_id}}")
    async def change(request: Request, schedule_id: RowNumber, insider: Insider = editor) -> Response:
        posted = await request.form()
        place = await desk.schedule(schedule_id, edition=str(posted.get("edition", "")))
        typed = schedule_form.typed(posted)
        if place.schedule is None:
            return await desk.form(request, insider, place, typed, overtaken=await desk.gone(schedule_id))
        return await desk.save(request, insider, place, typed, show=posted.get("act") == "show")

    @router.post(f"{_LIST}/{{schedule_id}}/stop")
    async def stop(schedule_id: RowNumber, insider: Insider = editor) -> Response:
        return await desk.switch(schedule_id, insider, is_on=False)

    @router.post(f"{_LIST}/{{schedule_id}}/start")
    async def start(schedule_id: RowNumber, insider: Insider = editor) -> Response:
        return await desk.switch(schedule_id, insider, is_on=True)

    @router.post(f"{_LIST}/{{schedule_id}}/remove")
    async def remove(schedule_id: RowNumber, insider: Insider = editor) -> Response:
        return await desk.remove(schedule_id, insider)

    return router


class _Desk:
    """What the routes do, each with one story."""

    def __init__(self, parts: Parts, gate: Gate) -> None:
        self._parts, self._gate = parts, gate
        self._texts = gate.texts

    async def show(self, request: Request, insider: Insider) -> Response:
        newsletters_, lines, feeds, rests = await asyncio.to_thread(self._all)
        return self._gate.page(
            request,
            insider,
            "console/schedules.html",
            newsletters=newsletters_,
            lines=lines,
            feeds=feeds,
            rests=rests,
            words=self._words(),
            may_edit=insider.may(Role.EDITOR),
        )

    async def edition(self, number: str) -> _Place:
        return await asyncio.to_thread(self._place, _edition_id(number), None)

    async def schedule(self, schedule_id: int, *, edition: str = "") -> _Place:
        """Where a schedule belongs; where it was removed, the edition that a form names, so that nothing typed is lost."""
        return await asyncio.to_thread(self._place, _edition_id(edition), schedule_id)

    async def gone(self, schedule_id: int) -> Overtaken:
        return await asyncio.to_thread(self._gone, schedule_id)

    async def form(
        self, request: Request, insider: Insider, place: _Place, typed: Typed, *, wrong: Wrong | None = None,
        overtaken: Overtaken | None = None,
    ) -> Response:  # fmt: skip
        """The page with this typed into it: as it is stored, as it was left, or as it came back."""
        schedule_id = None if place.schedule is None else place.schedule.id
        dates = await asyncio.to_thread(self.dates, typed, schedule_id, place.edition.id)
        return self._gate.page(
            request,
            insider,
            "console/schedule.html",
            status=422 if wrong or overtaken else 200,
            place=place,
            typed=typed,
            action=f"{_LIST}/{schedule_id or 'new'}",
            wrong=wrong.problems if wrong else {},
            overtaken=overtaken,
            overtaken_rule=overtaken and overtaken.schedule and schedules.rule_of(overtaken.schedule),
            dates=dates,
            zones=zones.names(),
            words=self._words(),
            may_edit=insider.may(Role.EDITOR),
        )

    async def save(self, request: Request, insider: Insider, place: _Place, typed: Typed, *, show: bool) -> Response:
        if show:
            return await self.form(request, insider, place, typed)
        known = schedules.terms_of(place.schedule) if place.schedule else Terms()
        wanted = schedule_form.read(typed, known, weekend=place.weekend)
        if isinstance(wanted, Wrong):
            return await self.form(request, insider, place, typed, wrong=wanted)
        outcome = await asyncio.to_thread(self._save, place, typed, wanted, insider)
        if isinstance(outcome, Unfit):
            return await self.form(request, insider, place, typed, wrong=schedule_form.told(outcome.problems))
        if isinstance(outcome, Refused):
            return await self.form(request, insider, place, typed, wrong=Wrong({"name": outcome.reason}))
        if isinstance(outcome, Overtaken):
            place = replace(place, schedule=outcome.schedule)
            now_seen = replace(typed, seen=outcome.schedule.changed_at.isoformat() if outcome.schedule else "")
            return await self.form(request, insider, place, now_seen, overtaken=outcome)
        said = self._texts.gettext("Saved: %(rule)s.") % {"rule": self._rule(schedules.rule_of(outcome.schedule))}
        return self._gate.go(_LIST, toast=said)

    async def switch(self, schedule_id: int, insider: Insider, *, is_on: bool) -> Response:
        outcome = await asyncio.to_thread(self._switch, schedule_id, insider, is_on=is_on)
        if isinstance(outcome, Refused):
            return self._gate.go(_LIST, toast=outcome.reason)
        _ = self._texts.gettext
        said = _("“%(name)s” goes on from now.") if is_on else _("“%(name)s” is stopped: it makes no more issues.")
        back = "stop" if is_on else "start"
        return self._gate.go(_LIST, toast=said % {"name": outcome.schedule.name}, undo=f"{_LIST}/{schedule_id}/{back}")

    async def remove(self, schedule_id: int, insider: Insider) -> Response:
        outcome = await asyncio.to_thread(self._remove, schedule_id, insider)
        if isinstance(outcome, Refused):
            return self._gate.go(_LIST, toast=outcome.reason)
        return self._gate.go(_LIST, toast=self._texts.gettext("“%(name)s” is removed.") % {"name": outcome.name})

    def dates(self, typed: Typed, schedule_id: int | None, edition_id: int) -> _Dates:
        """What would follow from what is typed. Reads only."""
        now = self._parts.clock()
        with self._parts.database.read() as session:
            rule = schedule_form.rule(typed, weekend=newsletters.weekend_of(session, edition_id))
            if isinstance(rule, Wrong):
                return _Dates(problems=tuple(rule.problems.values()))
            ahead = plan.look_ahead(session, rule, schedule_id=schedule_id, now=now, edition_id=edition_id)
        clocks = schedule_words.clock_changes(self._texts, ahead, rule)
        return _Dates(words=self._rule(rule), place=zones.place(rule.zone), ahead=ahead, clocks=tuple(clocks))

    def _all(self) -> _All:
        with self._parts.database.read() as session:
            editions = newsletters.list_editions(session)
            found = schedules.list_schedules(session)
            feeds = newsletters.count_feeds(session)
            published_by = {edition.id: newsletter.id for newsletter, edition in editions}
            rests = holidays.by_newsletter(session, since=self._parts.clock().date() - timedelta(days=1))
        grouped: dict[int, tuple[Newsletter, list[Edition]]] = {}
        for newsletter, edition in editions:
            grouped.setdefault(newsletter.id, (newsletter, []))[1].append(edition)
        lines: dict[int, list[_Line]] = {edition.id: [] for _, edition in editions}
        for row in found:
            lines[row.edition_id].append(self._line(row, rests.get(published_by[row.edition_id], [])))
        return list(grouped.values()), lines, feeds, rests

    def _line(self, row: Schedule, rests: list[Holiday]) -> _Line:
        next_slot = schedules.next_slot(row, now=self._parts.clock()) if row.enabled else None
        name = holidays.named(rests, next_slot.local_date) if next_slot else None
        return _Line(schedule=row, rule=schedules.rule_of(row), next=next_slot, rests=name)

    def _place(self, edition_id: int | None, schedule_id: int | None) -> _Place:
        with self._parts.database.read() as session:
            row = session.get(Schedule, schedule_id) if schedule_id is not None else None
            found = newsletters.edition_by_id(session, row.edition_id if row else edition_id or 0)
            if found is None:
                raise HTTPException(404)
            feeds = len(newsletters.list_feed_ids(session, found[1].id))
            weekend = newsletters.weekend_of(session, found[1].id)
        return _Place(newsletter=found[0], edition=found[1], feeds=feeds, schedule=row, weekend=weekend)

    def _gone(self, schedule_id: int) -> Overtaken:
        with self._parts.database.read() as session:
            return plan.gone(session, schedule_id)

    def _save(
        self, place: _Place, typed: Typed, wanted: Wanted, insider: Insider
    ) -> Planned | Unfit | Overtaken | Refused:
        by, now, among = insider.address, self._parts.clock(), self._parts.layouts()
        with self._parts.database.write() as session:
            if place.schedule is None:
                return plan.add(session, place.edition.id, wanted.rule, wanted.terms, by=by, now=now, among=among)
            seen = schedule_form.seen(typed)
            return plan.change(
                session, place.schedule.id, wanted.rule, wanted.terms, seen=seen, by=by, now=now, among=among
            )

    def _switch(self, schedule_id: int, insider: Insider, *, is_on: bool) -> Planned | Refused:
        act = plan.start if is_on else plan.stop
        with self._parts.database.write() as session:
            return act(session, schedule_id, by=insider.address, now=self._parts.clock())

    def _remove(self, schedule_id: int, insider: Insider) -> Removed | Refused:
        with self._parts.database.write() as session:
            return plan.remove(session, schedule_id, by=insider.address, now=self._parts.clock())

    def _rule(self, rule: Rule) -> str:
        return schedule_words.rule(self._texts, rule)

    def _words(self) -> dict[str, Callable[..., object]]:
        """What the templates say things with."""
        texts, among = self._texts, self._parts.layouts()
        return {
            "rule": self._rule,
            "autonomy": lambda chosen: schedule_words.autonomy(texts, chosen),
            "autonomies": lambda: [(each, schedule_words.autonomy(texts, each)) for each in Autonomy],
            "layout": lambda name: schedule_words.layout(texts, name),
            "layouts": lambda chosen: schedule_words.choices(texts, among, chosen),
            "is_there": lambda name: layouts.find(name, among) is not None,
            "too_few": lambda: [(each, schedule_words.too_few(texts, each)) for each in TooFew],
            "days": lambda: schedule_words.week(texts),
        }


def _edition_id(text: str) -> int:
    """The edition that a form names; 0, which is nobody's, for any other text."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else 0
