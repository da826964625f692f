"""The local mailbox's pages: a list, a mail in four views, the rules. Thin: everything is asked of the `Mailbox`."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from broadsheet.mailbox import one_click, reading, rules
from broadsheet.mailbox.server import Mailbox
from broadsheet.mailbox.store import StoredMessage
from web.pages import STATIC, Pages
from web.security import LOOPBACK, host_name

PAGE_SIZE = 50
VIEWS = ("html", "text", "headers", "source")
SOURCE_CHARACTERS = 400_000

_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'"
)
#: A mail is a stranger's page: no script, no form, no origin of ours; its links open beside the mailbox.
_FRAME_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src http: https: data:; "
    "style-src 'unsafe-inline'; font-src https: data:; frame-ancestors 'self'; form-action 'none'"
)


class ToldRule(BaseModel):
    """`{"rule": "refuse gone@example.net 550 5.1.1 No such user"}`."""

    rule: str


def create_mailbox_app(mailbox: Mailbox, pages: Pages) -> FastAPI:
    """The pages as an app of their own, at the root of a port or mounted anywhere; static files are at `/static`."""
    app = FastAPI(title="Broadsheet's local mailbox", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(_OnThisMachine)
    app.mount("/static", StaticFiles(directory=STATIC))
    views = _Views(mailbox, pages)
    ours = [Depends(_from_our_own_page)]
    app.get("/", response_class=HTMLResponse)(views.index)
    app.get("/m/{number}/body", response_class=HTMLResponse)(views.body)
    app.get("/m/{number}/{view}", response_class=HTMLResponse)(views.message)
    app.post("/m/{number}/unsubscribe", response_class=HTMLResponse, dependencies=ours)(views.unsubscribe)
    app.post("/clear", dependencies=ours)(views.clear)
    app.post("/rules", dependencies=ours, response_model=None)(views.tell)
    app.post("/rules/forget", dependencies=ours)(views.forget)
    app.get("/api/messages")(views.messages_json)
    app.get("/api/rules")(views.rules_json)
    app.post("/api/rules", dependencies=ours)(views.tell_json)
    return app


class _OnThisMachine:
    """Refuses a name that is not this machine's own: a stranger's page could otherwise point its name here and read
    all mail (DNS rebinding)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = Headers(scope=scope).getlist("host") if scope["type"] == "http" else []
        if scope["type"] != "http" or (len(given) == 1 and host_name(given[0]) in LOOPBACK):
            await self._app(scope, receive, send)
            return
        sentence = "The mailbox answers on this machine only: open it as localhost or 127.0.0.1.\n"
        await PlainTextResponse(sentence, status_code=400)(scope, receive, send)


def _from_our_own_page(request: Request) -> None:
    """Refuse a form that another site made the browser send. Programs send no Origin."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403, "This came from another site's page. Open the mailbox itself and try there.")


class _Views:
    def __init__(self, mailbox: Mailbox, pages: Pages) -> None:
        self._mailbox = mailbox
        self._pages = pages

    async def index(
        self, request: Request, to: str = "", page: Annotated[int, Query(ge=1, le=100_000)] = 1
    ) -> Response:
        return self._index(request, to=to, page=page)

    async def message(self, request: Request, number: int, view: str) -> Response:
        if view not in VIEWS:
            raise HTTPException(404, f"There is no view {view!r} of a mail: " + ", ".join(VIEWS) + ".")
        return self._message(request, self._find(number), view)

    async def body(self, number: int) -> Response:
        read = reading.read(self._find(number).raw())
        html = reading.frame(read.html) if read.html is not None else reading.frame_of_text(read.text or "")
        headers = {
            "Content-Security-Policy": _FRAME_POLICY,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        return HTMLResponse(html, headers=headers)

    async def unsubscribe(self, request: Request, number: int) -> Response:
        message = self._find(number)
        url = reading.read(message.raw()).one_click
        if url is None:
            raise HTTPException(
                409, "This mail has no one-click unsubscribe: it lacks one of its two headers (RFC 8058)."
            )
        return self._message(request, message, "html", notice=await one_click.press(url))

    async def clear(self, request: Request) -> Response:
        self._mailbox.clear()
        return _back(request)

    async def tell(self, request: Request, rule: Annotated[str, Form()] = "") -> Response:
        problem = self._tell(rule)
        return _back(request) if problem is None else self._index(request, problem=problem, rule=rule)

    async def forget(self, request: Request, address: Annotated[str, Form()]) -> Response:
        self._mailbox.rules.remove(address)
        return _back(request)

    async def messages_json(self, to: str | None = None) -> list[dict[str, object]]:
        return [
            {
                "id": each.id,
                "from": each.sender,
                "to": each.recipient,
                "subject": each.subject,
                "size": each.size,
                "received_at": each.received_at.isoformat(),
            }
            for each in self._mailbox.messages(to)
        ]

    async def rules_json(self) -> list[str]:
        return [str(rule) for rule in self._mailbox.rules]

    async def tell_json(self, told: ToldRule) -> Response:
        problem = self._tell(told.rule)
        if problem is not None:
            return JSONResponse({"problem": problem}, status_code=422)
        return JSONResponse([str(rule) for rule in self._mailbox.rules])

    def _tell(self, text: str) -> str | None:
        rule = rules.parse(text)
        problem = rule if isinstance(rule, rules.RuleProblem) else self._mailbox.tell(rule)
        return problem.text if problem is not None else None

    def _find(self, number: int) -> StoredMessage:
        message = self._mailbox.message(number)
        if message is None:
            raise HTTPException(404, f"There is no mail {number} here (any more).")
        return message

    def _index(self, request: Request, *, to: str = "", page: int = 1, problem: str = "", rule: str = "") -> Response:
        found = self._mailbox.search(to.strip()) if to.strip() else self._mailbox.messages()
        start = (page - 1) * PAGE_SIZE
        response = self._pages.html(
            "mailbox/index.html",
            status=422 if problem else 200,
            root=_root(request),
            messages=found[start : start + PAGE_SIZE],
            total=len(self._mailbox.messages()),
            found=len(found),
            to=to.strip(),
            page=page,
            last_page=max(1, -(-len(found) // PAGE_SIZE)),
            first=start + 1,
            rules=list(self._mailbox.rules),
            problem=problem,
            rule=rule,
        )
        return _guarded(response)

    def _message(
        self, request: Request, message: StoredMessage, view: str, *, notice: one_click.Pressed | None = None
    ) -> Response:
        raw = message.raw()
        read = reading.read(raw)
        response = self._pages.html(
            "mailbox/message.html",
            root=_root(request),
            message=message,
            view=view,
            views=VIEWS,
            read=read,
            pieces=list(reading.linked(read.text)) if view == "text" and read.text is not None else [],
            source=raw[:SOURCE_CHARACTERS].decode("utf-8", "replace").replace("\r\n", "\n") if view == "source" else "",
            cut=len(raw) > SOURCE_CHARACTERS,
            older=self._neighbour(message.id, -1),
            newer=self._neighbour(message.id, +1),
            notice=notice,
        )
        return _guarded(response)

    def _neighbour(self, number: int, step: int) -> int | None:
        return number + step if self._mailbox.message(number + step) is not None else None


def _guarded(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _PAGE_POLICY
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response


def _root(request: Request) -> str:
    return str(request.scope.get("root_path", "")).rstrip("/")


def _back(request: Request) -> Response:
    return RedirectResponse(f"{_root(request)}/", status_code=303)
