"""Proofs at the desk: previews of the very letter that is sent, and test copies by mail.

A preview is a page of its own in a frame, with a letter's policy: nothing runs, nothing is sent, nothing of the console
can be reached from it. Its reader's links lead nowhere.
"""

from __future__ import annotations

import asyncio
import enum
from datetime import timedelta

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from ground.engine import WorkLane
from mailer import preview
from mailer.address import EmailAddress
from mailer.compiler import LetterJob
from mailer.letter import BrokenLetter, Compiled
from mailer.preview import Copy
from newsletters import proof
from newsletters.act import Refused
from newsletters.issues import Issue
from newsletters.proof import Sent
from staff.members import Role
from web import forms
from web.console import issue_view
from web.console.issue_view import Number
from web.gate import Gate, Insider
from web.limits import Limit
from web.parts import Parts
from web.security import letter_policy

#: A slip of the hand must not become a mailing.
TESTS = Limit(name="test copies", most=20, per=timedelta(hours=1))


class Screen(enum.StrEnum):
    """How a letter is looked at."""

    DESKTOP = "desktop"
    PHONE = "phone"
    DARK = "dark"
    TEXT = "text"


WIDTHS = {Screen.DESKTOP: 640, Screen.PHONE: 360, Screen.DARK: 360}


def routes(parts: Parts, gate: Gate) -> APIRouter:
    router = APIRouter()
    reader, editor = Depends(gate.may()), Depends(gate.may(Role.EDITOR))
    policy = letter_policy(parts.image_sources, framed=True)

    async def page(
        request: Request,
        insider: Insider,
        issue_id: int,
        *,
        screen: Screen = Screen.DESKTOP,
        status: int = 200,
        **said: str,
    ) -> Response:
        view = await issue_view.wanted(parts, issue_id, insider)
        copy = await _copy(parts, issue_id)
        view |= {
            "copy": copy,
            "screen": screen,
            "width": WIDTHS.get(screen),
            "cut_at": preview.CUT_AT,
            "most": proof.MOST,
        }
        view |= {"to": insider.address, "problem": "", "may_test": insider.may(Role.EDITOR)} | said
        return gate.page(request, insider, "console/issues/preview.html", status=status, **view)

    @router.get("/console/issues/{issue_id:int}/preview")
    async def look(
        request: Request, issue_id: Number, insider: Insider = reader, screen: Screen = Screen.DESKTOP
    ) -> Response:
        return await page(request, insider, issue_id, screen=screen)

    @router.get("/console/issues/{issue_id:int}/preview/letter")
    async def letter(issue_id: Number, insider: Insider = reader, dark: bool = False) -> Response:  # noqa: FBT001, FBT002 - a query's word
        del insider  # whoever may look
        copy = await _copy(parts, issue_id)
        if isinstance(copy, BrokenLetter):
            raise HTTPException(404)
        headers = {
            "Content-Security-Policy": policy,
            # HTML's "navigate": a sandboxed document whose opener policy is any other is a network error.
            "Cross-Origin-Opener-Policy": "unsafe-none",
            "X-Robots-Tag": "noindex, nofollow",
        }
        return HTMLResponse(preview.page(copy, dark=dark), headers=headers)

    @router.post("/console/issues/{issue_id:int}/test")
    async def test(request: Request, issue_id: Number, insider: Insider = editor) -> Response:
        typed = (await forms.read(request)).get("to", "")[:2_000]
        outcome = await _send(parts, insider, issue_id, typed)
        if isinstance(outcome, Refused):
            return await page(request, insider, issue_id, status=422, to=typed, problem=outcome.reason)
        for batch_id in outcome.batch_ids:
            parts.engine.submit("send_batch", {"batch": batch_id}, lane=WorkLane.TX, key=f"batch:{batch_id}")
        said = f"On its way to {', '.join(outcome.addresses)}."
        return gate.go(f"/console/issues/{issue_id}/preview", toast=said)

    return router


async def _copy(parts: Parts, issue_id: int) -> Copy | BrokenLetter:
    """The letter, filled for nobody; the problem where its template cannot become one."""
    found = await asyncio.to_thread(_letter, parts, issue_id)
    try:
        return preview.read(found if isinstance(found, Compiled) else await parts.compiler.compiled(found))
    except BrokenLetter as broken:
        return broken


def _letter(parts: Parts, issue_id: int) -> LetterJob | Compiled:
    with parts.database.read() as session:
        issue = issue_view.find(session, issue_id).issue
        return proof.letter(session, issue, base_url=parts.base_url)


async def _send(parts: Parts, insider: Insider, issue_id: int, typed: str) -> Sent | Refused:
    to = proof.addresses(typed)
    if isinstance(to, Refused):
        return to
    if not parts.limits.allow(TESTS, insider.address):
        return Refused(
            f"That were {TESTS.most} tests within an hour. Wait a little; the preview shows the same letter."
        )
    job = await asyncio.to_thread(_job, parts, issue_id)
    if isinstance(job, Refused):
        return job
    try:
        variant_id = await parts.compiler.variant(job)
    except BrokenLetter as broken:
        return Refused(str(broken))
    return await asyncio.to_thread(_write, parts, insider, issue_id, variant_id, to)


def _job(parts: Parts, issue_id: int) -> LetterJob | Refused:
    with parts.database.read() as session:
        issue: Issue = issue_view.find(session, issue_id).issue
        return proof.test_job(session, issue, base_url=parts.base_url)


def _write(parts: Parts, insider: Insider, issue_id: int, variant_id: int, to: list[EmailAddress]) -> Sent | Refused:
    with parts.database.write() as session:
        return proof.send(session, issue_id, variant_id, to, by=insider.address, now=parts.clock())
