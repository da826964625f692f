"""Every page of the console, in the order of its navigation."""

from __future__ import annotations

from fastapi import APIRouter

from web.console import (
    alerts,
    audit,
    authors,
    besides,
    correction,
    desk,
    flight,
    holidays,
    home,
    issues,
    launch,
    link,
    logo,
    look,
    lost_password,
    me,
    parts_page,
    people,
    person,
    readers,
    readers_import,
    schedules,
    sign_in,
    source,
    sources,
    sources_list,
    sponsors,
    stop,
)
from web.gate import Gate
from web.parts import Parts

_PAGES = (
    *(sign_in, lost_password, link, home),
    *(issues, alerts, desk, flight, launch, stop, correction),
    *(schedules, holidays, look, besides, authors, logo, sponsors, sources, sources_list, source),
    *(readers_import, readers),
    *(people, person, me, audit),
)


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    for page in (*_PAGES, parts_page) if parts.development else _PAGES:
        router.include_router(page.routes(parts, gate))
    return router
