"""What the reader found, one JSON line a mail, for programs; and in words, for people.

{"file": "new/1.eml", "out": [{"recipient": "a@b.example", "action": "failed", "status": "5.1.1",
                                   "kind": "hard", "reason": "no_such_user"}]}
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from mailer.events import BounceKind, EventKind, MailEvent
from mailer.inbound.maildir import Unreadable

#: `kind` is the decision: hard | soft | complaint | auto | delivered | none. Policy counts as soft; `reason` says more.
_KINDS = {
    EventKind.COMPLAINED: "complaint",
    EventKind.AUTOREPLIED: "auto",
    EventKind.DELIVERED: "delivered",
    EventKind.OTHER: "none",
}


def failure(file: str, unreadable: Unreadable) -> str:
    """The line of a file that could not be read."""
    return json.dumps({"file": file, "out": [], "error": unreadable.reason}, ensure_ascii=False)


def line(file: str, events: Iterable[MailEvent]) -> str:
    return json.dumps({"file": file, "out": [_entry(event) for event in events]}, ensure_ascii=False)


def words(file: str, events: Iterable[MailEvent]) -> str:
    """The same for a person: `mail.eml: hard a@b.example 5.1.1 no_such_user`."""
    told = [" ".join(filter(None, (kind_of(event), event.recipient, event.status, event.reason))) for event in events]
    return f"{file}: {'; '.join(told) if told else 'not a report'}"


def kind_of(event: MailEvent) -> str:
    return _KINDS.get(event.kind) or ("hard" if event.bounce is BounceKind.HARD else "soft")


def _entry(event: MailEvent) -> dict[str, str]:
    return {
        "recipient": event.recipient or "",
        "action": event.action or "",
        "status": event.status or "",
        "kind": kind_of(event),
        "reason": event.reason,
    }
