"""Forms: reading what was posted, and the signed token that shows a form was fetched from us, and when."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from ground.tokens import KeyRing, Purpose, Valid
from subscribers.consents import Evidence
from web.parts import FormRules

#: A field that people do not see and machines fill in.
HONEYPOT = "subject"


async def read(request: Request) -> dict[str, str]:
    """The posted fields, urlencoded or multipart; a body that is neither has none. Files are not fields."""
    try:
        form = await request.form(max_files=1, max_fields=20)
    except (HTTPException, ClientDisconnect):
        return {}
    return {name: value.replace("\0", "") for name, value in form.items() if isinstance(value, str)}


async def read_listed(request: Request, *, most: int = 200) -> dict[str, str]:
    """The same for a form with boxes to tick: what is ticked under one name stands under it, a line each."""
    try:
        form = await request.form(max_files=1, max_fields=most)
    except (HTTPException, ClientDisconnect):
        return {}
    found: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            found.setdefault(name, []).append(value.replace("\0", ""))
    return {name: "\n".join(values) for name, values in found.items()}


def evidence(request: Request, source: str, *, wording: str | None = None) -> Evidence:
    """What this request shows of an act of consent."""
    return Evidence(
        source=source,
        wording=wording,
        ip=visitor(request),
        user_agent=request.headers.get("user-agent"),
    )


def visitor(request: Request) -> str | None:
    """The visitor's IP address; behind a proxy what that proxy says, if it is one of ours (the server has seen to it)."""
    try:
        return str(ipaddress.ip_address(request.client.host if request.client else ""))
    except ValueError:
        return None


def page_token(keys: KeyRing, edition_id: int, rules: FormRules, *, now: datetime) -> str:
    """For the sign-up page: must rest a moment before it is good."""
    return _token(keys, f"{edition_id}-{int(now.timestamp())}-page", rules, now=now)


def step_token(keys: KeyRing, edition_id: int, rules: FormRules, *, now: datetime) -> str:
    """For the page that asks once more: pressing its one button needs no time."""
    return _token(keys, f"{edition_id}-{int(now.timestamp())}-step", rules, now=now)


def again_token(keys: KeyRing, edition_id: int, time: int, rules: FormRules, *, now: datetime) -> str:
    """For the page that says "check your inbox": the letter may be asked for a first, second ... `time` again."""
    return _token(keys, f"{edition_id}-{int(now.timestamp())}-again{time}", rules, now=now)


def again(keys: KeyRing, token: str, edition_id: int, *, now: datetime) -> tuple[int, timedelta] | None:
    """Which time the letter is asked for again, and how long the page was looked at before."""
    reading = keys.read(Purpose.FORM, token, now=now)
    if not isinstance(reading, Valid):
        return None
    edition, issued_at, kind = reading.payload.split("-")
    if edition != str(edition_id) or not kind.startswith("again"):
        return None
    return int(kind.removeprefix("again")), now - datetime.fromtimestamp(int(issued_at), UTC)


def is_ours(keys: KeyRing, token: str, edition_id: int, rules: FormRules, *, now: datetime) -> bool:
    """Whether the form came from us for this edition, and was neither too fast nor too old."""
    reading = keys.read(Purpose.FORM, token, now=now)
    if not isinstance(reading, Valid):
        return False
    edition, issued_at, kind = reading.payload.split("-")
    rested = now - datetime.fromtimestamp(int(issued_at), UTC) >= rules.min_age
    return edition == str(edition_id) and (kind == "step" or (kind == "page" and rested))


def _token(keys: KeyRing, payload: str, rules: FormRules, *, now: datetime) -> str:
    return keys.sign(Purpose.FORM, payload, expires_at=now + rules.max_age)
