"""The gate: who may come into the console and the ops pages, and do what there.

    def routes(parts: Parts, pages: Pages, gate: Gate) -> APIRouter:
        reader, editor = Depends(gate.may()), Depends(gate.may(Role.EDITOR))

        @router.get("/console/things")
        async def things(request: Request, insider: Insider = reader) -> Response:
            return gate.page(request, insider, "console/things.html", things=...)

        @router.post("/console/things/{id}/drop")
        async def drop(id: int, insider: Insider = editor) -> Response:
            await asyncio.to_thread(_drop, parts, id, insider.address)
            return gate.go("/console/things", toast="Dropped.", undo=f"/console/things/{id}/keep")

Every route under /console and /ops asks the gate; one that does not keeps the app from starting. A POST carries the field
`form`, a token of this sign-in for this path. Nothing typed is lost when a sign-in has run out: it is offered again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute

from newsletters import newsletters
from newsletters.newsletters import Home
from staff import members, sign_ins
from staff.members import Member, Role
from staff.sign_ins import SignIn
from web import browser, kept
from web.browser import Cookies
from web.kept import Toast, Typed
from web.pages import Pages
from web.parts import Parts
from web.security import is_upload

#: What only staff may see.
INSIDE = ("/console", "/ops")
_LOOKS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Insider:
    """Who is signed in. `address` is the `by` of every act."""

    member_id: int
    name: str
    address: str
    role: Role
    sign_in_id: int

    def may(self, *roles: str) -> bool:
        """Whether this is for them; pages ask it before they offer a button."""
        return not roles or self.role is Role.OWNER or self.role in roles


def insider_of(member: Member, sign_in: SignIn) -> Insider:
    return Insider(
        member_id=member.id, name=member.name, address=member.address, role=member.role, sign_in_id=sign_in.id
    )


class RefusedError(Exception):
    """Ends a request before its route with this answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class May:
    """The dependency: the insider, when their role is one of these (no role: any member of staff)."""

    def __init__(self, gate: Gate, roles: tuple[Role, ...]) -> None:
        self._gate, self.roles = gate, roles

    async def __call__(self, request: Request) -> Insider:
        return await self._gate.admit(request, self.roles)


class Gate:
    def __init__(self, parts: Parts, pages: Pages) -> None:
        self._parts, self.pages = parts, pages
        self.texts = parts.languages.texts("en")  # what the console's doors say; its pages say it in the same language
        self.cookies = Cookies(parts.keys, parts.base_url, parts.lifetimes.idle)

    def may(self, *roles: Role) -> May:
        return May(self, roles)

    def page(
        self, request: Request, insider: Insider, template: str, *, status: int = 200, **context: object
    ) -> HTMLResponse:
        """A page for somebody who is signed in. It knows `insider`, `here`, `form_token(action)`, `toast` and `zone`."""
        now, keys = self._parts.clock(), self._parts.keys
        whole = not browser.fragment(request)
        said = request.cookies.get(self.cookies.toast) if whole else None
        known: dict[str, Any] = {
            "insider": insider,
            "here": request.url.path,
            "zone": request.state.home.zone,
            "newsroom": request.state.home.name,
            "toast": kept.unpack_toast(keys, said, now=now) if said else None,
            "form_token": lambda action: kept.form_token(keys, insider.sign_in_id, action),
        }
        page = self.pages.html(template, status=status, **known | context)
        if said:
            self.cookies.said(page)
        if whole:  # a page that refreshes itself must not keep a browser signed in
            self.cookies.keep(page, request.state.token, now=now)
        return page

    def go(self, to: str, *, toast: str | None = None, undo: str | None = None) -> Response:
        """On to another page after a POST; the next page says `toast` once, with a button that posts to `undo`."""
        answer = RedirectResponse(to, status_code=303)
        if toast:
            signed = kept.pack_toast(self._parts.keys, Toast(text=toast, undo=undo), now=self._parts.clock())
            self.cookies.say_once(answer, signed)
        return answer

    def watch(self, app: FastAPI) -> None:
        """Let the gate answer for the app, which has all its routes by now: those inside must ask the gate."""

        @app.exception_handler(RefusedError)
        async def _refused(_: Request, error: RefusedError) -> Response:
            return error.response

        for route, asked in guarded_routes(app.routes):
            if asked is None:
                raise RuntimeError(f"{route} is inside and does not ask the gate: add Depends(gate.may())")

    async def admit(self, request: Request, roles: tuple[Role, ...]) -> Insider:
        """The insider of this request; raises RefusedError with the page that says why not."""
        self.refuse_foreign(request)
        found = await self.look(request)
        if found.insider is None:
            raise RefusedError(await self._turn_away(request, found))
        if not found.insider.may(*roles):
            raise RefusedError(self.page(request, found.insider, "console/refused.html", status=403, roles=roles))
        if request.method not in _LOOKS:
            await self.check_form(request, found.insider)
            now = self._parts.clock()
            if now - found.seen_at > sign_ins.SEEN_EVERY:
                await asyncio.to_thread(_see, self._parts, found.insider.sign_in_id, now)
        return found.insider

    async def look(self, request: Request) -> Found:
        """Who this browser is signed in as, if anybody."""
        now = self._parts.clock()
        request.state.token = self.cookies.token(request, now=now)
        found = await asyncio.to_thread(_look, self._parts, request.state.token, now)
        request.state.home = found.home
        return found

    def refuse_foreign(self, request: Request) -> None:
        """Raises RefusedError for what another site makes a browser post."""
        if request.method not in _LOOKS and browser.is_foreign(
            request, self._parts.base_url, self._parts.trusted_hosts
        ):
            raise RefusedError(self.plain("foreign", 403))

    def sign_in_page(self, *, status: int = 200, **context: object) -> HTMLResponse:
        blank: dict[str, Any] = {
            "next": "/console",
            "address": "",
            "problem": None,
            "packed": "",
            "lost": False,
            "minutes": 0,
        }
        return self.pages.html("console/sign_in.html", status=status, **blank | context)

    def offer(self, request: Request, insider: Insider, typed: Typed, *, status: int = 200) -> HTMLResponse:
        """What was typed before, with one button that saves it after all."""
        return self.page(request, insider, "console/typed.html", status=status, typed=typed)

    async def offer_anew(self, request: Request, insider: Insider, token: str, typed: Typed) -> HTMLResponse:
        """The same to somebody who has signed in with this very request."""
        await self.look(request)
        request.state.token = token
        return self.offer(request, insider, typed)

    async def _turn_away(self, request: Request, found: Found) -> Response:
        """To the sign-in page, with what was typed. Of a page's piece htmx is told to go there as a whole; console.js
        sends a form that htmx would have sent as the plain form it is.
        """
        if not found.anybody:
            return self.plain("nobody", 503)
        if request.method in _LOOKS:
            here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            if browser.fragment(request):
                here = browser.came_from(request, self._parts.base_url, self._parts.trusted_hosts)
            to = f"/sign-in?next={quote(browser.local(here), safe='/')}"
            return (
                Response(status_code=401, headers={"HX-Redirect": to}) if browser.fragment(request) else _see_other(to)
            )
        if is_upload(request):  # a file could not be kept, so a stranger's is not even read
            return self.sign_in_page(status=401, next=request.url.path, lost=True, problem="expired")
        posted = await read_form(request)
        typed = self._typed(request, posted)
        packed = kept.pack(self._parts.keys, typed, now=self._parts.clock()) if typed else None
        back = browser.came_from(request, self._parts.base_url, self._parts.trusted_hosts)
        return self.sign_in_page(
            status=401, next=back, packed=packed or "", lost=typed is not None and packed is None, problem="expired"
        )

    async def check_form(self, request: Request, insider: Insider) -> None:
        posted = await read_form(request)
        typed = self._typed(request, posted)
        if typed is not None and typed.sign_in_id == insider.sign_in_id:
            return
        if typed is not None and await asyncio.to_thread(_is_theirs, self._parts, typed, insider):
            # The page was fetched before they signed in anew: theirs, and asked once more.
            raise RefusedError(self.offer(request, insider, typed, status=409))
        raise RefusedError(self.plain("form", 403))

    def _typed(self, request: Request, posted: FormData) -> Typed | None:
        """What was typed, when our own form for this very path brought it."""
        token, path, now = str(posted.get("form", "")), request.url.path, self._parts.clock()
        sign_in_id = kept.form_holder(self._parts.keys, token, path, now=now)
        if sign_in_id is None:
            return None
        back = browser.came_from(request, self._parts.base_url, self._parts.trusted_hosts)
        return Typed(path=path, back=back, sign_in_id=sign_in_id, fields=kept.fields(posted))

    def plain(self, why: str, status: int) -> HTMLResponse:
        return self.pages.html("console/turned_away.html", status=status, why=why)


def guarded_routes(routes: Iterable[BaseRoute], prefix: str = "") -> Iterator[tuple[BaseRoute, May | None]]:
    """The routes inside, each with what it asks of the gate; None for one that asks nothing."""
    for route in routes:
        included = getattr(route, "original_router", None)
        path = prefix + getattr(route, "path", "")
        if included is not None:
            yield from guarded_routes(included.routes, prefix + route.include_context.prefix)  # type: ignore[attr-defined] # fastapi's own, untyped
        elif path in INSIDE or path.startswith(tuple(f"{start}/" for start in INSIDE)):
            dependant = getattr(route, "dependant", None)
            asked = [each.call for each in dependant.dependencies if isinstance(each.call, May)] if dependant else []
            yield route, asked[0] if asked else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    insider: Insider | None
    seen_at: datetime
    home: Home
    anybody: bool  # whether there is any member of staff at all


def _look(parts: Parts, token: str | None, now: datetime) -> Found:
    with parts.database.read() as session:
        home = newsletters.home(session)
        found = sign_ins.find(session, token, now=now) if token else None
        if found is None:
            return Found(insider=None, seen_at=now, home=home, anybody=members.anybody(session))
        sign_in, member = found
        return Found(insider=insider_of(member, sign_in), seen_at=sign_in.seen_at, home=home, anybody=True)


def _see(parts: Parts, sign_in_id: int, now: datetime) -> None:
    with parts.database.write() as session:
        sign_ins.see(session, sign_in_id, now=now)


def _is_theirs(parts: Parts, typed: Typed, insider: Insider) -> bool:
    with parts.database.read() as session:
        return sign_ins.holder(session, typed.sign_in_id) == insider.member_id


async def read_form(request: Request) -> FormData:
    try:
        posted = await request.form(max_files=4, max_fields=2000)
    except ClientDisconnect:  # how a body ends that is longer than any form
        raise HTTPException(413) from None
    if any(isinstance(value, str) and "\0" in value for value in posted.values()):  # nobody types it
        raise HTTPException(400)
    return posted


async def read_upload(request: Request, *, most: int) -> tuple[FormData, bytes]:
    """A form with its `file`; of one that is too large a byte more than it may have, nothing of one that is not there."""
    try:
        posted = await read_form(request)
        file = posted.get("file")
        return posted, await file.read(most + 1) if isinstance(file, UploadFile) else b""
    finally:
        await request.close()


def _see_other(to: str) -> Response:
    return RedirectResponse(to, status_code=303)
