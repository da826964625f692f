"""Unsubscribing as a mail client does it: one POST, no cookie, no redirect followed (RFC 8058 3.2)."""

from __future__ import annotations

import httpx2

BODY = {"List-Unsubscribe": "One-Click"}


async def press(url: str) -> str:
    """POST to the address of a List-Unsubscribe header; what came of it, in words."""
    try:
        async with httpx2.AsyncClient(timeout=10.0, follow_redirects=False, trust_env=False) as client:
            answer = await client.post(url, data=BODY)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return f"Nobody answered at {url}: {type(error).__name__}. Is the service running at that address?"
    if answer.status_code == 200:
        return "Unsubscribed with one click: the server answered 200."
    return f"The server answered {answer.status_code}; a mail client would show this as a failure."
