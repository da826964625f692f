"""Readers: find one, see all that is held about them and was sent to them, end a subscription, hand over, erase; export."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response, StreamingResponse

from mailer import address
from mailer.address import EmailAddress
from newsletters import arrivals, newsletters
from newsletters.newsletters import Edition, Newsletter
from staff.members import Role, audit
from subscribers import erasure, exporting, imports, leave, person, subscribers, subscriptions
from subscribers.consents import Evidence
from subscribers.erasure import InFlight
from subscribers.exporting import Wanted
from subscribers.imports import Import
from subscribers.person import Person
from subscribers.subscribers import Subscriber
from subscribers.subscriptions import SubscriptionState
from web.gate import Gate, Insider
from web.parts import Parts

log = structlog.get_logger()

_MOST = 2**53  # no reader has such a number; databases refuse numbers beyond theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    editions: list[tuple[Newsletter, Edition]]
    counts: dict[int, dict[SubscriptionState, int]]
    imports: list[Import]
    found: int | None  # the reader who was looked for


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    anybody, keeper, owner = Depends(gate.may()), Depends(gate.may(Role.OPS)), Depends(gate.may(Role.OWNER))

    @router.get("/console/readers")
    async def readers(request: Request, insider: Insider = anybody, address: str = "") -> Response:
        seen = await asyncio.to_thread(_overview, parts, address)
        if seen.found is not None:
            return gate.go(f"/console/readers/{seen.found}")
        return gate.page(
            request,
            insider,
            "console/readers.html",
            status=404 if address.strip() else 200,
            seen=seen,
            sought=address.strip()[:320],
            problem=_problem(address),
            states=list(SubscriptionState),
            may_move=insider.may(Role.OPS),
        )

    @router.get("/console/readers/export")
    async def export(insider: Insider = keeper, edition: str = "", state: str = "") -> Response:
        wanted = Wanted(edition_id=_number(edition), state=_state(state))
        named = await asyncio.to_thread(_names, parts)
        log.info("readers_exported", by=insider.member_id, edition=wanted.edition_id, state=wanted.state)
        lines: Iterator[bytes] = exporting.export(parts.database, wanted, named, now=parts.clock())
        return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=_as_file("readers.csv"))

    @router.get("/console/readers/{reader}")
    async def reader(request: Request, reader: str, insider: Insider = anybody, before: str = "") -> Response:
        return await _page(parts, gate, request, insider, reader, before=_number(before))

    @router.get("/console/readers/{reader}/record.json")
    async def record(reader: str, insider: Insider = keeper) -> Response:
        found = await asyncio.to_thread(_record, parts, _id(reader))
        log.info("reader_handed_over", by=insider.member_id, reader=_id(reader))
        text = json.dumps(found, default=_plain, ensure_ascii=False, indent=2)
        return Response(text, media_type="application/json", headers=_as_file(f"reader-{_id(reader)}.json"))

    @router.post("/console/readers/{reader}/subscriptions/{subscription}/end")
    async def end(reader: str, subscription: str, insider: Insider = keeper) -> Response:
        ended = await asyncio.to_thread(_end, parts, (_id(reader), _id(subscription)), insider.address)
        if not ended:
            raise HTTPException(404)
        return gate.go(
            f"/console/readers/{_id(reader)}", toast="The subscription has ended. Nothing more of it leaves."
        )

    @router.post("/console/readers/{reader}/erase")
    async def erase(request: Request, reader: str, insider: Insider = owner) -> Response:
        done = await asyncio.to_thread(_erase, parts, _id(reader), insider.address)
        if isinstance(done, InFlight):
            return await _page(parts, gate, request, insider, reader, in_flight=True)
        return gate.go(
            f"/console/readers/{_id(reader)}",
            toast="Forgotten. Nobody can bring this address back by a list or a form.",
        )

    return router


async def _page(
    parts: Parts,
    gate: Gate,
    request: Request,
    insider: Insider,
    reader: str,
    *,
    before: int | None = None,
    in_flight: bool = False,
) -> Response:
    held, editions = await asyncio.to_thread(_look, parts, _id(reader), before)
    older = held.sent[person.PAGE - 1].id if len(held.sent) > person.PAGE else None
    return gate.page(
        request,
        insider,
        "console/reader.html",
        status=409 if in_flight else 200,
        held=held,
        sent=held.sent[: person.PAGE],
        older=older,
        before=before,
        editions=editions,
        in_flight=in_flight,
        now=parts.clock(),
        may_act=insider.may(Role.OPS),
        may_erase=insider.may(Role.OWNER),
    )


def _overview(parts: Parts, sought: str) -> Overview:
    read = address.parse(sought)
    with parts.database.read() as session:
        found = subscribers.find(session, read) if isinstance(read, EmailAddress) else None
        return Overview(
            editions=newsletters.list_editions(session),
            counts=subscriptions.count(session),
            imports=imports.latest(session),
            found=found.id if found is not None else None,
        )


def _problem(sought: str) -> str | None:
    """Why nobody was found: `none` such reader, or no whole `address`."""
    if not sought.strip():
        return None
    return "none" if isinstance(address.parse(sought), EmailAddress) else "address"


def _look(parts: Parts, reader: int, before: int | None) -> tuple[Person, dict[int, tuple[Newsletter, Edition]]]:
    with parts.database.read() as session:
        held = person.look(session, reader, now=parts.clock(), before=before)
        if held is None:
            raise HTTPException(404)
        return held, {edition.id: (newsletter, edition) for newsletter, edition in newsletters.list_editions(session)}


def _record(parts: Parts, reader: int) -> dict[str, Any]:
    with parts.database.read() as session:
        found = person.hand_over(session, reader, arrivals.names(session), now=parts.clock())
    if found is None:
        raise HTTPException(404)
    return found


def _names(parts: Parts) -> dict[int, str]:
    with parts.database.read() as session:
        return arrivals.names(session)


def _end(parts: Parts, which: tuple[int, int], by: str) -> bool:
    """End one subscription of this reader at their wish, as the way of the link in every mail does."""
    reader, number = which
    now = parts.clock()
    with parts.database.write() as session:
        found = subscriptions.find(session, number)
        if found is None or found.subscriber_id != reader:
            return False
        leave.leave(session, number, Evidence(source="staff"), now=now)
        audit(session, "subscription.end", f"subscriber:{reader}", actor=by, now=now, edition=found.edition_id)
    return True


def _erase(parts: Parts, reader: int, by: str) -> erasure.Erased | InFlight:
    with parts.database.write() as session:
        found = session.get(Subscriber, reader)
        if found is None:
            raise HTTPException(404)
        if found.erased_at is not None:
            return erasure.Erased(subscriber_id=reader)
        key = found.address_key
        done = erasure.forget(session, key, parts.keys, by=by, now=parts.clock())
    if isinstance(done, erasure.Erased):
        parts.arrivals.forget(key)
    return done


def _id(text: str) -> int:
    number = _number(text)
    if number is None:
        raise HTTPException(404)
    return number


def _number(text: str) -> int | None:
    """A number in an address; nothing where there is none, and "nothing here" for what is no number."""
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 16 or int(text) > _MOST:
        raise HTTPException(404)
    return int(text)


def _state(text: str) -> SubscriptionState | None:
    if text and text not in list(SubscriptionState):
        raise HTTPException(404)
    return SubscriptionState(text) if text else None


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _as_file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
