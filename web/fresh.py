"""Fresh or not: an answer with a tag of its content, and the short answer to who has it already (RFC 9110 13.1.2)."""

from __future__ import annotations

import hashlib

from fastapi import Request, Response

#: Feed readers that ask again within this time are answered by caches on the way.
_KEPT_FOR = 300


def answer(request: Request, body: bytes, media_type: str) -> Response:
    """The content, or 304 where the asker's copy is the same."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": f"public, max-age={_KEPT_FOR}"}
    if _has(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _has(known: str, tag: str) -> bool:
    """Weakly compared: a proxy that compresses marks its copy by W/."""
    tags = [each.strip().removeprefix("W/") for each in known[:4_000].split(",")]
    return tag in tags or "*" in tags
