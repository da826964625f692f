"""Every route inside, with every role: who comes in is what the table says, and nothing is open by accident.

A new page needs no line here: whoever works here may look, but for `PAGES`. A new act belongs to an area of `ACTS`, or gets
its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from staff.members import Role
from tests.web.conftest import BASE, House
from web.gate import May, guarded_routes

EDITOR, OPS, OWNER = Role.EDITOR, Role.OPS, Role.OWNER
EVERYBODY = frozenset(Role)

#: Who may do what, by the beginning of the path; the longest beginning counts. An owner may do all.
ACTS: dict[str, frozenset[Role]] = {
    "/console/issues": frozenset({EDITOR}),
    "/console/issues/{}/pause": frozenset({EDITOR, OPS}),
    "/console/issues/{}/resume": frozenset({EDITOR, OPS}),
    "/console/issues/{}/cancel": frozenset({EDITOR, OPS}),
    "/console/schedules": frozenset({EDITOR}),
    "/console/holidays": frozenset({EDITOR}),
    "/console/alerts": frozenset({EDITOR}),
    "/console/look": frozenset({EDITOR}),
    "/console/sponsors": frozenset({EDITOR}),
    "/console/authors": frozenset({EDITOR}),
    "/console/sources": frozenset({EDITOR}),
    "/console/readers": frozenset(),
    "/console/readers/import": frozenset({OPS}),
    "/console/readers/{}/subscriptions": frozenset({OPS}),
    "/console/people": frozenset(),
    "/console/me": EVERYBODY,
    "/ops": frozenset({OPS}),
}

#: Pages that not all may see: those that only ask before an act, and those with many readers' data in one piece.
PAGES: dict[str, frozenset[Role]] = {
    "/console/issues/{}/send-now": frozenset({EDITOR}),
    "/console/issues/{}/correction": frozenset({EDITOR}),
    "/console/schedules/new": frozenset({EDITOR}),
    "/console/readers/import": frozenset({OPS}),
    "/console/readers/export": frozenset({OPS}),
    "/console/readers/{}/record.json": frozenset({OPS}),
}


def routes(house: House) -> Iterator[tuple[APIRoute, May]]:
    app = house.client.app
    assert isinstance(app, FastAPI)
    for route, asked in guarded_routes(app.routes):
        assert asked is not None, f"{route} does not ask the gate"
        assert isinstance(route, APIRoute)
        yield route, asked


def who_may(method: str, path: str) -> frozenset[Role]:
    table = PAGES if method == "GET" else ACTS
    plain = re.sub(r"\{[^}]*\}", "{}", path)
    areas = [area for area in table if plain == area or plain.startswith(f"{area}/")]
    if areas:
        return table[max(areas, key=len)] | {OWNER}
    return EVERYBODY if method == "GET" else frozenset()


def test_the_routes_are_found(house: House) -> None:
    found = {route.path for route, _ in routes(house)}
    assert {"/console/people", "/console/people/{number}/role", "/console/me/password", "/console/audit"} <= found


def test_every_act_asks_for_the_roles_of_the_table_and_every_page_for_none(house: House) -> None:
    wrong = []
    for route, asked in routes(house):
        allowed = who_may("GET" if "GET" in (route.methods or ()) else "POST", route.path)
        wanted = frozenset(asked.roles or Role) | {OWNER}
        if allowed != wanted:
            wrong.append(f"{route.path}: the table says {allowed}, the route {wanted}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("who", [None, *Role])
def test_whoever_may_not_is_turned_away_and_whoever_may_comes_in(house: House, who: Role | None) -> None:
    house.member(OWNER)
    wrong = []
    for route, _ in routes(house):
        path = re.sub(r"\{[^}]*\}", "999999", route.path)
        for method in sorted((route.methods or set()) - {"HEAD"}):
            status, place = _ask(house, who, method, path)
            allowed = who_may(method, route.path)
            if who is None:
                right = (
                    (status, place.startswith("/sign-in?next=")) == (303, True) if method == "GET" else status == 401
                )
            else:
                right = (status not in {401, 403}) if who in allowed else status == 403
            if not right:
                wrong.append(f"{method} {route.path} by {who or 'nobody'}: {status} {place}")
    assert not wrong, "\n".join(wrong)


def _ask(house: House, who: Role | None, method: str, path: str) -> tuple[int, str]:
    if who is None:
        client = TestClient(house.client.app, base_url=BASE, follow_redirects=False, raise_server_exceptions=False)
        answer = client.request(method, path)
    else:
        somebody = house.sign_in(who)
        somebody.client = TestClient(
            house.client.app,
            base_url=BASE,
            follow_redirects=False,
            raise_server_exceptions=False,
            cookies=dict(somebody.client.cookies),
        )
        answer = somebody.get(path) if method == "GET" else somebody.post(path)
    return answer.status_code, answer.headers.get("location", "")


def test_no_look_at_any_page_writes(house: House) -> None:
    owner = house.sign_in(OWNER)
    before = house.dump()
    for route, _ in routes(house):
        if "GET" in (route.methods or ()):
            owner.get(re.sub(r"\{[^}]*\}", "999999", route.path))
    assert house.dump() == before


def test_every_page_inside_is_kept_by_no_cache_and_lists_nothing_for_search_engines(house: House) -> None:
    owner = house.sign_in(OWNER)
    for route, _ in routes(house):
        if "GET" in (route.methods or ()):
            headers = owner.get(re.sub(r"\{[^}]*\}", "999999", route.path)).headers
            assert headers["cache-control"] == "no-store", route.path
            assert headers["x-robots-tag"] == "noindex, nofollow", route.path
