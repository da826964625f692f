"""A stored mail as a person looks at it: its parts as text, its headers, its unsubscribe address. Never raises on odd mail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from html import escape

_HEAD = re.compile(r"<head(?:\s[^>]*)?>", re.IGNORECASE)
_URI = re.compile(r"<(https?://[^<>\s]{1,2000})>", re.IGNORECASE)

#: Links of a mail open beside the mailbox, not inside its frame.
_BASE = '<base target="_blank">'


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    html: str | None
    text: str | None
    headers: list[tuple[str, str]]  # decoded, unfolded
    one_click: str | None  # the URL of RFC 8058, where both headers are there


def read(raw: bytes) -> Reading:
    message = message_from_bytes(raw)
    return Reading(
        html=_part(message, "text/html"),
        text=_part(message, "text/plain"),
        headers=[(name, _decoded(str(value))) for name, value in message.items()],
        one_click=_one_click(message),
    )


def frame(html: str) -> str:
    """The HTML part as it is put into the sandboxed frame."""
    head = _HEAD.search(html)
    return html[: head.end()] + _BASE + html[head.end() :] if head else _BASE + html


def frame_of_text(text: str) -> str:
    return f"{_BASE}<pre style='white-space:pre-wrap;font:14px/1.5 monospace;margin:16px'>{escape(text)}</pre>"


def linked(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces, each with whether it is a link."""
    position = 0
    for found in re.finditer(r"https?://[^\s<>\"]{1,2000}", text):
        yield text[position : found.start()], False
        yield found[0], True
        position = found.end()
    yield text[position:], False


def _part(message: Message, content_type: str) -> str | None:
    for part in message.walk():
        if part.get_content_type() == content_type and part.get_content_disposition() != "attachment":
            payload = part.get_payload(decode=True)
            return _text(payload, part) if isinstance(payload, bytes) else None
    return None


def _text(payload: bytes, part: Message) -> str:
    try:
        return payload.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return payload.decode("utf-8", "replace")


def _decoded(value: str) -> str:
    try:
        text = str(make_header(decode_header(value)))
    except (LookupError, ValueError):
        text = value
    return " ".join(text.encode("utf-8", "replace").decode().split())


def _one_click(message: Message) -> str | None:
    if "list-unsubscribe=one-click" not in str(message.get("List-Unsubscribe-Post", "")).lower():
        return None
    found = _URI.search(" ".join(str(message.get("List-Unsubscribe", "")).split()))
    return found[1] if found else None
