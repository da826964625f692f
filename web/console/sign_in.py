"""Signing in and out: the password, the one-time link, and the way back to what somebody was doing.

The page says the same, after the same work, for an unknown address, a wrong password and a member who is disabled. Who
tries too often waits; the limits know addresses and networks, not who works here.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import datetime, timedelta

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from mailer import address
from mailer.address import EmailAddress
from staff import sign_in, sign_ins
from staff.sign_in import Attempt, Entered
from staff.sign_ins import Browser
from web import browser, kept, limits
from web.gate import Gate, insider_of, read_form
from web.kept import Typed
from web.limits import Limit
from web.parts import Parts

_log = structlog.get_logger()

_QUARTER = timedelta(minutes=15)
#: Wrong passwords only: for one address from one network, for one address, from one network, and of all the world.
_HERE = Limit(name="wrong passwords for an address from a network", most=8, per=_QUARTER)
_ADDRESS = Limit(name="wrong passwords for an address", most=40, per=timedelta(hours=1))
_NETWORK = Limit(name="wrong passwords from a network", most=40, per=_QUARTER)
_WORLD = Limit(name="wrong passwords", most=1000, per=_QUARTER)

#: Checks at a time: each takes 64 MiB and a core for a tenth of a second, and readers' pages need both.
_AT_ONCE = 2


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    turns = asyncio.Semaphore(_AT_ONCE)

    @router.get("/sign-in")
    async def show(request: Request, next: str = "") -> Response:  # noqa: A002 - the name in the address
        found = await gate.look(request)
        if found.insider is not None:
            return RedirectResponse(browser.local(next), status_code=303)
        return gate.sign_in_page(next=browser.local(next)) if found.anybody else gate.plain("nobody", 503)

    @router.post("/sign-in")
    async def enter(request: Request) -> Response:
        gate.refuse_foreign(request)
        posted = {name: value for name, value in (await read_form(request)).items() if isinstance(value, str)}
        tries = Tries(parts, posted.get("email", ""), request)
        shown = {"next": browser.local(posted.get("next")), "address": tries.typed, "packed": posted.get("packed", "")}
        async with turns:
            closed = tries.closed()
            if closed is not None:
                minutes = int(closed.per.total_seconds() // 60)
                page = gate.sign_in_page(status=429, problem="limit", minutes=minutes, **shown)
                page.headers["Retry-After"] = str(minutes * 60)
                return page
            attempt = Attempt(
                address_key=tries.key,
                password=posted.get("password", ""),
                browser=new_browser(parts, request),
                former=gate.cookies.token(request, now=parts.clock()),
            )
            entered = await asyncio.to_thread(_by_password, parts, attempt, parts.clock())
            tries.note(right=entered is not None)
        if entered is None:
            return gate.sign_in_page(status=401, problem="wrong", **shown)
        return await _go_on(request, entered, attempt.browser.token, shown)

    @router.post("/sign-out")
    async def leave(request: Request) -> Response:
        gate.refuse_foreign(request)
        found = await gate.look(request)
        answer = RedirectResponse("/sign-in", status_code=303)
        if found.insider is not None:
            await gate.check_form(request, found.insider)
            await asyncio.to_thread(_leave, parts, request.state.token, parts.clock())
        gate.cookies.drop(answer)
        return answer

    async def _go_on(request: Request, entered: Entered, token: str, shown: dict[str, str]) -> Response:
        """To the page they wanted, or to what they had typed when their last sign-in ran out."""
        now = parts.clock()
        typed = kept.unpack(parts.keys, shown["packed"], now=now)
        if typed is not None and await asyncio.to_thread(_is_theirs, parts, typed, entered):
            return await gate.offer_anew(request, insider_of(entered.member, entered.sign_in), token, typed)
        answer = RedirectResponse(shown["next"], status_code=303)
        gate.cookies.keep(answer, token, now=now)
        return answer

    return router


class Tries:
    """The wrong passwords that count against one attempt."""

    def __init__(self, parts: Parts, typed: str, request: Request) -> None:
        self._limits = parts.limits
        self.typed = typed.strip()[:320]
        found = address.parse(self.typed)
        self.key = found.key if isinstance(found, EmailAddress) else ""  # nobody has no address
        self._masked = found.masked if isinstance(found, EmailAddress) else "***"
        network = limits.network(request.client.host if request.client else None)
        self._who = {_HERE: f"{self.key} {network}", _ADDRESS: self.key, _NETWORK: network, _WORLD: ""}
        self._network = network

    def closed(self) -> Limit | None:
        """The limit that is reached, if one is."""
        return next((limit for limit, who in self._who.items() if not self._limits.is_open(limit, who)), None)

    def note(self, *, right: bool) -> None:
        """Count a wrong password; after the right one this person begins anew."""
        if right:
            self._limits.forget(_HERE, self._who[_HERE])
            return
        _log.warning("sign-in refused", address=self._masked, network=self._network)
        for limit, who in self._who.items():
            self._limits.allow(limit, who)


def new_browser(parts: Parts, request: Request) -> Browser:
    """What a new sign-in is made of; its token has never been anybody's."""
    return Browser(
        token=secrets.token_urlsafe(32),
        user_agent=request.headers.get("user-agent"),
        longest=parts.lifetimes.longest,
    )


def _by_password(parts: Parts, attempt: Attempt, now: datetime) -> Entered | None:
    return sign_in.by_password(parts.database, parts.passwords, attempt, now=now)


def _leave(parts: Parts, token: str, now: datetime) -> None:
    with parts.database.write() as session:
        sign_ins.end_token(session, token, now=now)


def _is_theirs(parts: Parts, typed: Typed, entered: Entered) -> bool:
    with parts.database.read() as session:
        return sign_ins.holder(session, typed.sign_in_id) == entered.member.id
