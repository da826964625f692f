"""The number in a path that names an issue or a delivery."""

from __future__ import annotations

from fastapi import HTTPException

_MOST = 2**62


def number(text: int) -> int:
    """A number that a database can look up; any other names nothing."""
    if text > _MOST:
        raise HTTPException(404)
    return text
