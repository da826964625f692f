"""Automatic answers (RFC 3834): a reader on holiday, not a bounce. Noted, never acted upon, never answered."""

from __future__ import annotations

import re

from mailer.bounces import dsn
from mailer.bounces.parts import Headers
from mailer.events import EventKind, MailEvent

_SUBJECT = re.compile(
    r"auto(?:matic|mated)?[ -]?(?:re(?:ply|sponse|sponder)|answer)|auto:|out of (?:the )?office|away from|vacation"
    r"|on (?:vacation|holiday|leave)"
    r"|abwesenheit|automatische antwort|réponse automatique|respuesta automática|risposta automatica",
    re.IGNORECASE,
)
_SYSTEM = re.compile(r"mailer-daemon|postmaster|mail delivery (?:sub)?system", re.IGNORECASE)


def read(top: Headers) -> list[MailEvent]:
    """One event for an automatic answer, none for any other mail."""
    if _SYSTEM.search(top.get("from")) or not _is_automatic(top):
        return []  # a mail system's own notice also calls itself auto-replied
    return [
        MailEvent(
            kind=EventKind.AUTOREPLIED, recipient=dsn.recipient_of(top.get("from")), reason="autoreply", action=None
        )
    ]


def _is_automatic(top: Headers) -> bool:
    submitted = top.get("auto-submitted").lower()
    return (
        submitted.startswith(("auto-replied", "auto-notified"))
        or "x-autoreply" in top
        or "x-autorespond" in top
        or top.get("precedence").lower() in {"auto_reply", "auto-reply"}
        or _SUBJECT.match(top.get("subject")) is not None
    )
