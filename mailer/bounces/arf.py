"""Complaints: the Abuse Reporting Format, RFC 5965.

Feedback-Type: abuse
Version: 1
Original-Mail-From: <b+7-abcdefghijklmnop@bounces.example.org>
Original-Rcpt-To: <reader@example.org>
"""

from __future__ import annotations

from mailer.bounces import dsn
from mailer.bounces.parts import Headers, Part, fields_of
from mailer.events import EventKind, MailEvent

TYPE = "message/feedback-report"

#: RFC 5965 section 7.3 and RFC 6430, RFC 6591. What is not a complaint is only recorded.
_COMPLAINTS = frozenset({"abuse", "fraud", "virus", "opt-out", "opt-out-list", "miscategorized", "other", ""})

MAX_RECIPIENTS = 50


def read(part: Part, returned: Headers) -> list[MailEvent]:
    """One event a recipient; where the report names none, the returned message's `To` serves."""
    fields = Headers(fields_of(part.text))
    feedback = fields.get("feedback-type").lower()
    complains = feedback in _COMPLAINTS
    named = [dsn.recipient_of(value) for value in fields.all("original-rcpt-to")[:MAX_RECIPIENTS]]
    known: list[str | None] = [address for address in named if address is not None]
    return [
        MailEvent(
            kind=EventKind.COMPLAINED if complains else EventKind.OTHER,
            recipient=recipient,
            reason=feedback or "abuse",
            diagnostic=(fields.get("user-agent") or None),
        )
        for recipient in known or [dsn.recipient_of(returned.get("to"))]
    ]


def sender_of(part: Part) -> list[str]:
    """The return path of the message complained about."""
    return Headers(fields_of(part.text)).all("original-mail-from")
