"""Unsubscribing as a mail client does it: one POST, no cookie, no redirect followed (RFC 8058 3.2)."""

from __future__ import annotations

from dataclasses import dataclass

import httpx2

BODY = {"List-Unsubscribe": "One-Click"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """What came of it; `tone` is the design's: go or stop."""

    words: str
    tone: str


async def press(url: str) -> Pressed:
    """POST to the address of a List-Unsubscribe header."""
    try:
        async with httpx2.AsyncClient(timeout=10.0, follow_redirects=False, trust_env=False) as client:
            answer = await client.post(url, data=BODY)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        problem = f"Nobody answered at {url} ({type(error).__name__}). Is the service running at that address?"
        return Pressed(words=problem, tone="stop")
    if answer.status_code == 200:
        return Pressed(words="Unsubscribed in one click: the server answered 200.", tone="go")
    return Pressed(words=f"The server answered {answer.status_code}; a mail client would show a failure.", tone="stop")
