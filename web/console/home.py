"""Home: what goes out in the coming days, where a person is needed, and yesterday in three numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request, Response

from feedback import yesterday
from feedback.yesterday import DayFigures
from newsletters import agenda, newsletters
from newsletters.agenda import Entry
from web.gate import Gate, Insider
from web.parts import Parts

#: Days ahead, today among them.
_DAYS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    has_editions: bool
    days: Sequence[tuple[date, Sequence[Entry]]]
    figures: DayFigures
    today: date


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    anybody = Depends(gate.may())

    @router.get("/console")
    async def home(request: Request, insider: Insider = anybody) -> Response:
        outlook = await asyncio.to_thread(_look, parts)
        return gate.page(request, insider, "console/home.html", outlook=outlook, tomorrow=outlook.today + timedelta(1))

    return router


def _look(parts: Parts) -> Outlook:
    now = parts.clock()
    with parts.database.read() as session:
        zone = ZoneInfo(newsletters.home(session).zone)
        today = now.astimezone(zone).date()
        midnight = _midnight(today, zone)
        entries = agenda.agenda(session, since=midnight, until=_midnight(today + timedelta(_DAYS), zone), now=now)
        return Outlook(
            has_editions=bool(newsletters.list_editions(session)),
            days=_by_day(entries, zone),
            figures=yesterday.day_figures(session, start=_midnight(today - timedelta(1), zone), end=midnight),
            today=today,
        )


def _by_day(entries: Sequence[Entry], zone: ZoneInfo) -> list[tuple[date, list[Entry]]]:
    by_day = groupby(entries, key=lambda entry: entry.at.astimezone(zone).date())
    return [(day, list(those)) for day, those in by_day]


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
